from __future__ import annotations

from pathlib import Path

import pytest

from ketch.env import (
    Environment,
    Environments,
    LockedPackage,
    make_lock,
    module_owners,
    top_level_modules,
)

from .conftest import Index

DISTRIBUTIONS = {
    "py-yaml": {"yaml/__init__.py": "", "_yaml.cpython-311-x86_64-linux-gnu.so": ""},
    "single": {"single.py": "", "single.libs/libx.so.1": "", "bin-data/x.txt": ""},
    "shared-a": {"shared/a/__init__.py": ""},
    "shared-b": {"shared/b/__init__.py": "", "docs/page.md": ""},
}


@pytest.fixture
def environment(index: Index, tmp_path: Path, running_python: str) -> Environment:
    locked = [
        LockedPackage(name, "1.0", "", (index.add(name, files=files),))
        for name, files in DISTRIBUTIONS.items()
    ]
    return Environments(tmp_path / "envs").ensure(make_lock(running_python, locked))


def test_modules_are_listed_without_importing_them(environment: Environment) -> None:
    assert top_level_modules(environment) == {"yaml", "_yaml", "single", "shared"}


def test_each_module_has_its_distributions(environment: Environment) -> None:
    assert module_owners(environment) == {
        "_yaml": ("py-yaml",),
        "shared": ("shared-a", "shared-b"),
        "single": ("single",),
        "yaml": ("py-yaml",),
    }


def test_a_distribution_without_a_record_is_asked_for_its_top_level(
    environment: Environment,
) -> None:
    (info,) = environment.site_packages.glob("single-*.dist-info")
    (info / "RECORD").unlink()
    assert "single" not in module_owners(environment)
    (info / "top_level.txt").write_text("single\n")
    assert module_owners(environment)["single"] == ("single",)
