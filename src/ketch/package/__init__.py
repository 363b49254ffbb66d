"""The package: format, digest, manifest, scenarios, and the view of a built one.

This area promises that a package is what its digest says, that building it depends
on nothing but its content, and that whatever is wrong with a folder or with bytes
from elsewhere is reported completely and in words. It runs no package code.

What only an author's folder or running code needs is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ketch.package.attestation import Attestation
from ketch.package.blobs import BlobSink, BlobSource, Stored
from ketch.package.built import Sources, component_digests
from ketch.package.comparison import Comparison
from ketch.package.digest import Digest
from ketch.package.divergence import Divergence, first_divergence
from ketch.package.layers import COMPONENTS
from ketch.package.manifest import (
    Budget,
    DataDeclaration,
    EnvironmentDeclaration,
    Manifest,
    Pipeline,
)
from ketch.package.manifest_reader import read_draft, read_manifest
from ketch.package.names import PackageName, PackageVersion, Reference, Stage
from ketch.package.oci import Descriptor, ImageManifest, parse_manifest
from ketch.package.opening import open_package
from ketch.package.package import Package
from ketch.package.paths import PackagePath
from ketch.package.scenario import Scenario, dump_scenarios, load_scenarios, read_scenarios
from ketch.package.trace import (
    FieldTrace,
    ScenarioTrace,
    StepTrace,
    dump_traces,
    load_traces,
)

if TYPE_CHECKING:
    from ketch.package.code import (
        CodeReport,
        EntryPoint,
        Import,
        analyse,
        entry_points,
        imported_distributions,
        imports_for_preload,
        undeclared,
        unnamed,
    )
    from ketch.package.ketch_toml import editor_schema
    from ketch.package.refusals import check_folder
    from ketch.package.secrets import scan

__all__ = [
    "COMPONENTS",
    "Attestation",
    "BlobSink",
    "BlobSource",
    "Budget",
    "CodeReport",
    "Comparison",
    "DataDeclaration",
    "Descriptor",
    "Digest",
    "Divergence",
    "EntryPoint",
    "EnvironmentDeclaration",
    "FieldTrace",
    "ImageManifest",
    "Import",
    "Manifest",
    "Package",
    "PackageName",
    "PackagePath",
    "PackageVersion",
    "Pipeline",
    "Reference",
    "Scenario",
    "ScenarioTrace",
    "Sources",
    "Stage",
    "StepTrace",
    "Stored",
    "analyse",
    "check_folder",
    "component_digests",
    "dump_scenarios",
    "dump_traces",
    "editor_schema",
    "entry_points",
    "first_divergence",
    "imported_distributions",
    "imports_for_preload",
    "load_scenarios",
    "load_traces",
    "open_package",
    "parse_manifest",
    "read_draft",
    "read_manifest",
    "read_scenarios",
    "scan",
    "undeclared",
    "unnamed",
]

_LATER = {
    "CodeReport": "ketch.package.code",
    "EntryPoint": "ketch.package.code",
    "Import": "ketch.package.code",
    "analyse": "ketch.package.code",
    "entry_points": "ketch.package.code",
    "imported_distributions": "ketch.package.code",
    "imports_for_preload": "ketch.package.code",
    "undeclared": "ketch.package.code",
    "unnamed": "ketch.package.code",
    "check_folder": "ketch.package.refusals",
    "editor_schema": "ketch.package.ketch_toml",
    "scan": "ketch.package.secrets",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'ketch.package' has no attribute '{name}'")
    return getattr(import_module(_LATER[name]), name)
