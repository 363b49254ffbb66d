"""What is to be upgraded: a package, its lock, and what its folder asks for where it is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from ketch.authoring import Gathered
from ketch.env import Lock, Requirements
from ketch.package import Digest, Package


@dataclass(frozen=True)
class Present:
    """A package as it is now.

    Attributes:
        package: The package; of a folder, what it would be.
        said: What the person called it.
        gathered: What was read of the folder; None where it is no folder.
    """

    package: Package
    said: str
    gathered: Gathered | None = field(default=None)

    @cached_property
    def lock(self) -> Lock:
        """Its lock."""
        return Lock.parse(self.package.lock.decode())

    @property
    def requirements(self) -> Requirements | None:
        """What the folder asks for; a package carries its lock alone."""
        return None if self.gathered is None else self.gathered.needs.requirements

    @property
    def inputs(self) -> Digest | None:
        """What a lock of the folder says that it was made from."""
        if self.gathered is None:
            return None
        needs = self.gathered.needs
        builds = needs.declared.allow_source_builds
        return needs.requirements.digest(needs.declared.python, source_builds=builds)
