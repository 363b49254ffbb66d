"""What a package promises to callers, compiled once for every door."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ketch.package import Package
from ketch.schema import Decoder, Schema
from ketch.schema.quick import Quick, is_plain


@dataclass(frozen=True)
class Contract:
    """A package as its callers see it.

    Attributes:
        package: The package.
    """

    package: Package

    @cached_property
    def schema(self) -> Schema:
        """The types of the prediction API."""
        return self.package.manifest.schema

    @cached_property
    def reference(self) -> str:
        """``name:version``."""
        return str(self.package.reference)

    @cached_property
    def digest(self) -> str:
        """``sha256:…``."""
        return str(self.package.digest)

    @cached_property
    def version(self) -> str:
        """The version alone."""
        return str(self.package.manifest.version)

    @cached_property
    def inputs(self) -> Decoder:
        """The one decoder of what callers send."""
        return Decoder(self.schema.inputs)

    @cached_property
    def quick(self) -> Quick | None:
        """Reads at once what callers send, where nothing of it is out of the ordinary."""
        inputs = self.schema.inputs
        return Quick(inputs) if is_plain(inputs) else None

    @cached_property
    def outputs(self) -> Decoder:
        """The one decoder of what the package answers."""
        return Decoder(self.schema.outputs)
