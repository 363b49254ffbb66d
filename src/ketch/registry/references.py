"""What a reference or a route's name means now, and what to say when it means nothing."""

from __future__ import annotations

from ketch.errors import NotFound, UsageError
from ketch.package import Reference, Stage
from ketch.registry.route import Place, Route
from ketch.registry.sql import queries
from ketch.registry.sql.database import Session
from ketch.registry.sql.queries import Version
from ketch.schema import nearest


def find(session: Session, reference: Reference) -> Version:
    """Return the version that a reference means.

    Raises:
        NotFound: ``registry/not-found``: there is none, or nothing stands at the stage.
        UsageError: ``reference/choice``: the stage means several.
    """
    name = str(reference.name)
    if reference.digest is not None:
        version = queries.find_digest(session, name, reference.digest)
    elif reference.stage is not None:
        version = _at_stage(session, reference, reference.stage)
    else:
        version = queries.find_version(session, name, str(reference.version))
    if version is None:
        raise unknown(session, str(reference))
    return version


def find_route(session: Session, name: str) -> Route:
    """Return a route that something happened to.

    Raises:
        NotFound: ``route/not-found``.
    """
    route = queries.find_route(session, name)
    if route.revision == 0:
        hint = "`ketch status` lists the routes"
        if near := nearest(name, queries.route_names(session)):
            hint = f"did you mean `{near}`?"
        elif queries.owner_of(session, name) is not None:
            hint = f"`{name}` is a package: `ketch history --package {name}`; {hint}"
        raise NotFound(
            f"no route `{name[:64]}`",
            code="route/not-found",
            hint=hint,
        )
    return route


def unknown(session: Session, wanted: str) -> NotFound:
    """Return the error for a package, or a version of one, that is not published."""
    name = Reference.parse(wanted, bare=True).name
    known = queries.find_versions(session, name=str(name), limit=5)
    if known:
        hint = "published are " + ", ".join(f"`{one.reference}`" for one in known)
    else:
        recent = [one.reference for one in queries.find_versions(session, limit=100)]
        near = nearest(wanted, recent)
        hint = f"did you mean `{near}`?" if near else "`ketch push` publishes a package"
    return NotFound(f"no `{wanted}` in the registry", code="registry/not-found", hint=hint)


def _at_stage(session: Session, reference: Reference, stage: Stage) -> Version | None:
    name = str(reference.name)
    if stage is Stage.DEV:
        raise UsageError(
            "every published version is in dev, so `@dev` names none of them",
            code="reference/choice",
            hint=f"`ketch list --published --search {name}` shows the versions",
        )
    arms = queries.arms_of(session, name, Place(stage))
    if not arms:
        raise _nobody_there(session, name, stage)
    if len({digest for _, _, digest in arms}) > 1:
        listed = ", ".join(f"`{package}` on `{route}`" for route, package, _ in arms)
        raise UsageError(
            f"`{reference}` is {listed}", code="reference/choice", hint="name the version"
        )
    return queries.find_digest(session, name, arms[0][2])


def _nobody_there(session: Session, name: str, stage: Stage) -> NotFound:
    """Return the error for a stage where no version of a package stands."""
    hint = f"`ketch status` shows who stands where; try `{name}` by its version"
    there = queries.find_route(session, name).at(Place(stage))
    if there is not None:
        meant = there.package.partition(":")[0]
        hint = f"`{name}` is a route, where `{there.package}` is: `{meant}@{stage}`"
    message = f"no version of `{name}` is at {stage}"
    return NotFound(message, code="registry/not-found", hint=hint)
