"""A version that others can see means one package for ever."""

from __future__ import annotations

from ketch.errors import Finding, KetchError, NotFound
from ketch.package import Package, Reference
from ketch.runtime import Home
from ketch.store.home import has_registry, is_hub, registry_address


def check_unpublished(package: Package, home: Home, *, offline: bool) -> tuple[Finding, ...]:
    """Return if nobody published this version as another package.

    Args:
        package: What was built.
        home: The ketch home; where there is no registry, nothing is published.
        offline: Whether a hub is left alone.

    Returns:
        Advice, when the registry could not be asked.

    Raises:
        Refused: ``version/taken``: it is another package already.
    """
    if not has_registry(home.path) or (offline and is_hub(registry_address(home.path))):
        return ()
    manifest = package.manifest
    try:
        with home.desk() as desk:
            known = desk.resolve(Reference(manifest.name, manifest.version))
    except NotFound:
        return ()
    except KetchError as problem:  # nobody there, or one who does not know us: packing is ours
        message = f"whether `{package.reference}` is published could not be asked"
        hint = "; ".join(filter(None, (problem.message, problem.hint)))
        return (Finding("version/unasked", message, hint=hint, blocks=False),)
    if known.digest == package.digest:
        return ()
    from ketch.registry.publication import taken  # which the desk brought already

    raise taken(known, package.digest)
