"""Real uv, the real index, real Pythons."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ketch.env import (
    Environments,
    Lock,
    LockedPackage,
    Requirements,
    Resolving,
    find_python,
    make_lock,
    module_owners,
    read_requirements,
    resolve,
    top_level_modules,
)
from ketch.errors import DigestMismatch, Refused, Unavailable

pytestmark = pytest.mark.e2e

# Nothing listens on the discard port of this machine.
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "envs")


@pytest.fixture
def dead_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{DEAD}/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


def wanting(*lines: str) -> Requirements:
    return Requirements(source="requirements.txt", lines=lines)


@pytest.mark.parametrize(
    ("python", "pins"),
    [
        ("3.10", ("joblib==1.3.2", "numpy==1.24.4", "pandas==2.1.4", "scikit-learn==1.3.2")),
        ("3.11", ("numpy==2.3.0", "pandas==3.1.1")),
    ],
)
def test_pins_are_taken_though_later_pythons_would_want_others(
    python: str, pins: tuple[str, ...]
) -> None:
    try:
        find_python(python, offline=True)
    except Unavailable:
        pytest.skip(f"no Python {python} on this machine")
    lock = resolve(wanting(*pins), python)
    assert {f"{one.name}=={one.version}" for one in lock.packages} >= set(pins)
    assert not any(one.marker for one in lock.packages)


@pytest.mark.parametrize("python", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_each_python_gets_its_environment(environments: Environments, python: str) -> None:
    try:
        here = find_python(python, offline=True)
    except Unavailable:
        pytest.skip(f"no Python {python} on this machine")
    lock = resolve(wanting("six==1.16.0"), python)
    assert lock.python == here.version
    made = environments.ensure(lock)
    said = subprocess.run(
        [made.python, "-I", "-c", "import six, sys; print(six.__version__, *sys.version_info[:3])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["1.16.0", *here.version.split(".")]
    assert top_level_modules(made) == {"six"}
    assert module_owners(made) == {"six": ("six",)}


def test_a_lock_is_the_same_when_it_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\npandas==3.1.1\n")
    requirements = read_requirements(tmp_path)
    first = resolve(requirements, "3.11")
    assert resolve(requirements, "3.11") == first
    assert resolve(requirements, "3.11", Resolving(existing=first)) == first
    assert resolve(requirements, "3.11", Resolving(offline=True)) == first
    assert {package.name for package in first.packages} >= {"numpy", "pandas"}
    assert len({package.name for package in first.packages}) == len(first.packages)


def test_a_cached_lock_needs_no_network(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = resolve(wanting("six==1.16.0"), "3.11")
    made = environments.ensure(lock)
    # The same index as before, which is how uv's cache names what it has; but no way there.
    monkeypatch.setenv("HTTPS_PROXY", DEAD)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    assert environments.ensure(lock) == made
    environments.discard(made.key)
    assert environments.ensure(lock) == made
    environments.discard(made.key)
    assert environments.ensure(lock, offline=True) == made


def test_an_environment_that_is_there_needs_no_index(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = resolve(wanting("six==1.16.0"), "3.11")
    made = environments.ensure(lock)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{DEAD}/simple")
    assert environments.ensure(lock) == made


def test_an_index_that_does_not_answer_is_unavailable(
    environments: Environments, dead_index: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    with pytest.raises(Unavailable) as caught:
        resolve(wanting("six"), "3.11")
    assert caught.value.code == "env/index-unreachable"
    lock = make_lock(find_python("3.11").version, [LockedPackage("six", "1.16.0", "", ("0" * 64,))])
    with pytest.raises(Unavailable) as caught:
        environments.ensure(lock)
    assert caught.value.code == "env/index-unreachable"


def test_what_is_not_cached_is_unavailable_offline(
    environments: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = resolve(wanting("six==1.16.0"), "3.11")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    with pytest.raises(Unavailable) as caught:
        environments.ensure(lock, offline=True)
    assert caught.value.code == "env/not-cached"
    with pytest.raises(Unavailable) as caught:
        resolve(wanting("six==1.16.0"), "3.11", Resolving(offline=True))
    assert caught.value.code == "env/not-cached"


def test_a_file_that_is_not_the_locked_one_is_refused(environments: Environments) -> None:
    lock = make_lock(find_python("3.11").version, [LockedPackage("six", "1.16.0", "", ("0" * 64,))])
    with pytest.raises(DigestMismatch) as caught:
        environments.ensure(lock)
    assert caught.value.code == "env/hash-mismatch"


def test_a_distribution_that_does_not_exist_has_no_solution() -> None:
    with pytest.raises(Refused) as caught:
        resolve(wanting("six==99.0"), "3.11")
    assert caught.value.code == "env/no-solution"


def test_what_has_no_wheel_is_built_only_when_allowed(environments: Environments) -> None:
    with pytest.raises(Refused) as caught:
        resolve(wanting("docopt==0.6.2"), "3.11")
    assert caught.value.code == "env/no-wheel"
    assert "allow_source_builds" in str(caught.value.hint)
    lock = resolve(wanting("docopt==0.6.2", "six"), "3.11", Resolving(source_builds=("docopt",)))
    assert lock.source_builds == ("docopt",)
    assert top_level_modules(environments.ensure(lock)) == {"docopt", "six"}
    unmarked = make_lock(lock.python, lock.packages)
    with pytest.raises(Refused) as caught:
        environments.ensure(unmarked)
    assert caught.value.code == "env/no-wheel"


def test_every_source_build_can_be_allowed(environments: Environments) -> None:
    lock = resolve(wanting("docopt==0.6.2"), "3.11", Resolving(source_builds=True))
    assert Lock.parse(str(lock)) == lock
    assert top_level_modules(environments.ensure(lock)) == {"docopt"}


def test_a_pin_that_has_no_wheel_for_this_python_says_so() -> None:
    """A published model's pins: scikit-learn 0.23.2 on Python 3.9 cannot be had from wheels."""
    try:
        find_python("3.9", offline=True)
    except Unavailable:
        pytest.skip("no Python 3.9 on this machine")
    with pytest.raises(Refused) as caught:
        resolve(wanting("scikit-learn==0.23.2"), "3.9")
    assert caught.value.code == "env/no-wheel"
