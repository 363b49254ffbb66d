"""The ketch home: where packages and their environments lie on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ketch.errors import NotFound, PackageError, Refused, Unavailable, UsageError
from ketch.files import explained
from ketch.package import Digest, Package, PackageName, Reference, open_package
from ketch.progress import Progress, Silent
from ketch.schema import nearest
from ketch.store import LocalStore, ketch_home
from ketch.store.home import is_hub, registry_address
from ketch.store.locks import hold

if TYPE_CHECKING:
    from ketch.env import Environments
    from ketch.registry import Desk
    from ketch.remote import Address


@dataclass(frozen=True)
class Home:
    """A folder with a store, the environments made from locks, and room to run.

    ``store/`` is an OCI image layout; ``envs/`` holds one folder a lock; ``run/``
    holds what running workers need and is emptied as they end; ``profiles/`` remembers what
    data samples looked like, and can be removed at any time.
    """

    path: Path

    def __post_init__(self) -> None:
        # Workers and uv run in folders of their own, where a relative path means another.
        object.__setattr__(self, "path", self.path.absolute())

    @classmethod
    def default(cls) -> Self:
        """Return the home that ``KETCH_HOME`` names, else the platform's data folder."""
        return cls(ketch_home())

    @classmethod
    def of(cls, home: Self | Path | str | None) -> Self:
        """Return the home that somebody names; the default one, where nobody does."""
        if home is None:
            return cls.default()
        return home if isinstance(home, cls) else cls(Path(str(home)))

    @cached_property
    def store(self) -> LocalStore:
        """The packages on this machine."""
        return LocalStore(self.path / "store")

    @cached_property
    def environments(self) -> Environments:
        """The environments on this machine."""
        from ketch.env import Environments  # uv and its locks, which few verbs need

        return Environments(self.path / "envs")

    def resolve(self, reference: Reference) -> Digest:
        """Return the digest that a reference means here; the registry knows its stages.

        Raises:
            NotFound: There is no such package here, or none stands at that stage.
            Refused: ``version/other-bytes``: the hub knows that version as another package.
            UsageError: The reference does not say which version it means.
        """
        if reference.digest is not None:
            return reference.digest
        if reference.stage is not None:
            with self.desk() as desk:
                return desk.resolve(reference).digest
        if reference.version is None:
            raise UsageError(
                f"expected `{reference.name}:VERSION`, `@prod` or `@sha256:…`, found no choice",
                code="reference/choice",
                hint=_listed(self._versions(str(reference.name))),
            )
        tag = f"{reference.name}:{reference.version}"
        descriptor = self.store.resolve(tag)
        local = None if descriptor is None else descriptor.digest
        published = self._published(reference, local)
        digest = local or published
        if digest is None:
            raise NotFound(
                f"no package `{tag}` in the store",
                code="package/not-found",
                where=str(self.store.root),
                hint=self._suggest(tag, str(reference.name)),
            )
        if published not in {None, digest}:
            raise Refused(
                f"expected `{tag}` to be `{published}`, as published, found `{local}` in the store",
                code="version/other-bytes",
                where=self._hub,
                hint="pack yours under another version, or name the one that is meant: "
                f"`{reference.name}@{published}` or `{reference.name}@{local}`; "
                f"`ketch pull {tag} --replace` lets what is published have its name here",
            )
        return digest

    def open(self, reference: Reference, *, progress: Progress | None = None) -> Package:
        """Open the package that a reference means.

        What only the hub has is fetched first; ``progress`` is told.

        Raises:
            NotFound: There is no such package.
            PackageError: What is here under that name is another one.
            Refused: ``version/other-bytes``: the hub knows that version as another package.
        """
        digest = self.resolve(reference)
        if self._hub is not None and self.store.size(digest) is None:
            self._fetch(self._hub, reference.name, digest, progress or Silent())
        return self._meant(reference, open_package(digest, self.store))

    @contextmanager
    def look(self, reference: Reference) -> Iterator[Package]:
        """Yield the package that a reference means, to be read but not to run.

        Of one that only the hub has, what is asked for is read there, as it is asked for:
        of a large model, nothing. Nothing of it is kept. It raises what :meth:`open` does.
        """
        digest = self.resolve(reference)
        if self._hub is None or self.store.size(digest) is not None:
            yield self._meant(reference, open_package(digest, self.store))
            return
        from ketch.runtime.carrying import glance  # HTTP, which few verbs need

        with glance(self.store, self._at_hub(self._hub, reference.name, digest)) as package:
            yield self._meant(reference, package)

    def _meant(self, reference: Reference, package: Package) -> Package:
        """Return a package, once it is the one that the reference names."""
        if package.manifest.name != reference.name:
            raise NotFound(
                f"expected a package `{reference.name}`, found `{package.reference}`",
                code="package/not-found",
                where=str(package.digest),
            )
        if reference.version not in {None, package.manifest.version}:
            raise PackageError(
                f"expected the tag of `{reference}` to lead to it, found `{package.reference}`",
                code="store/wrong-tag",
                where=str(self.store.layout.index),
                hint="the tags are damaged; run `ketch fsck --repair`",
            )
        return package

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Yield a desk at the registry; one is made where there was none."""
        from ketch.registry import open_desk  # a database, or HTTP, which few verbs need

        with open_desk(self.path, self.store) as desk:
            yield desk

    @contextmanager
    def room(self) -> Iterator[Path]:
        """Yield a private folder to run in, gone afterwards."""
        parent = self.path / "run"
        with explained(parent):
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        hold(fd)  # what nobody holds is cleared away
        owner = os.getpid()
        try:
            yield folder
        finally:
            if os.getpid() == owner:  # and not a fork of it, whose end is nobody else's
                shutil.rmtree(folder, ignore_errors=True)
            os.close(fd)

    @property
    def _hub(self) -> str | None:
        address = registry_address(self.path)
        return address if is_hub(address) else None

    def _published(self, reference: Reference, local: Digest | None) -> Digest | None:
        """Return what a hub says a version is; None where none is asked, or it does not say.

        Where something lies here, that will do without it; so it is not waited for.
        """
        if self._hub is None:
            return None
        from ketch.registry.hub import HubDesk, connect  # HTTP, which few verbs need
        from ketch.remote.http import Patience

        patience = Patience() if local is None else Patience(3.0, 5.0, 5.0, tries=1)
        try:
            with connect(self._hub, patience=patience) as session:
                return HubDesk(session).resolve(reference).digest
        except (NotFound, Unavailable, Refused) as problem:
            says_nothing = not isinstance(problem, Refused) or problem.code == "hub/denied"
            if local is None or not says_nothing:
                raise
            return None

    def _fetch(self, hub: str, name: PackageName, digest: Digest, progress: Progress) -> None:
        from ketch.runtime.carrying import fetch  # HTTP, which few verbs need

        fetch(self.store, self._at_hub(hub, name, digest), progress, named=False)

    def _at_hub(self, hub: str, name: PackageName, digest: Digest) -> Address:
        from ketch.remote import Address

        return Address.parse(f"{hub.rstrip('/')}/{name}@{digest}")

    def _versions(self, name: str) -> list[str]:
        return sorted(tag for tag in self.store.tags() if tag.startswith(f"{name}:"))

    def _suggest(self, tag: str, name: str) -> str:
        versions = self._versions(name)
        if versions:
            return _listed(versions)
        near = nearest(tag, list(self.store.tags()))
        return f"did you mean `{near}`?" if near else "`ketch list` shows what is here"


def _listed(versions: list[str]) -> str:
    if not versions:
        return "`ketch list` shows what is here"
    return "here are " + ", ".join(f"`{version}`" for version in versions[-5:])
