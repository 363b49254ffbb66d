"""One Python, every platform: real uv against an index in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from ketch.env import Lock, Requirements, Resolving, resolve
from ketch.env.one_python import LATER, for_one_python, without_python

from .conftest import Index

MAJOR, MINOR = sys.version_info[:2]
HERE, LATER_MINOR = f"{MAJOR}.{MINOR}", f"{MAJOR}.{MINOR + 1}"
RELEASE = "3.11.7"


def locked(*lines: str, existing: Lock | None = None) -> Lock:
    return resolve(
        Requirements(source="requirements.txt", lines=lines), HERE, Resolving(existing=existing)
    )


@pytest.fixture
def frames(index: Index) -> Index:
    """`frames` wants another `numbers` on every later Python, as pandas does."""
    here = f'numbers>=1; python_version < "{LATER_MINOR}"'
    index.add("frames", requires=[here, f'numbers>=2; python_version >= "{LATER_MINOR}"'])
    index.add("numbers", "1.0"), index.add("numbers", "2.0")
    return index


@pytest.mark.usefixtures("frames")
def test_pins_that_fit_this_python_are_taken_though_later_ones_want_others() -> None:
    lock = locked("frames==1.0", "numbers==1.0")
    assert [str(one).splitlines()[0] for one in lock.packages] == [
        "frames==1.0 \\",
        "numbers==1.0 \\",
    ]


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("variable", ["UV_NO_CONFIG", "UV_CONFIG_FILE"])
def test_settings_of_uv_change_nothing_about_that(
    frames: Index, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("UV_CONFIG_FILE")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(frames.folder))
    (tmp_path / "empty.toml").touch()
    given_value = {"UV_NO_CONFIG": "1", "UV_CONFIG_FILE": str(tmp_path / "empty.toml")}
    monkeypatch.setenv(variable, given_value[variable])
    assert len(locked("frames==1.0", "numbers==1.0").packages) == 2


@pytest.mark.usefixtures("frames")
def test_a_lock_says_nothing_of_how_it_was_asked_for() -> None:
    lock = locked("frames", "numbers<2; sys_platform == 'win32'", 'numbers; os_name == "posix"')
    assert LATER not in str(lock)
    assert "python_" not in str(lock)
    assert "file:" not in str(lock)
    assert locked(*["frames", "numbers"], existing=lock).packages


def test_requirements_keep_their_extras_and_markers(tmp_path: Path) -> None:
    lines = for_one_python(
        ["a[b]>=1; sys_platform == 'linux' or os_name == 'nt'"], RELEASE, tmp_path
    )
    wanted = Marker("(sys_platform == 'linux' or os_name == 'nt') and python_full_version < '3.12'")
    assert lines[0] == f"a[b]>=1; {wanted}"
    assert lines[1].startswith(f"{LATER} @ file://")
    assert lines[1].endswith(" ; python_full_version >= '3.12'")


_TERMS = st.sampled_from(
    [
        "python_full_version < '3.12'",
        "python_full_version >= '3.11'",
        "python_version == '3.10'",
        "python_version in '3.10 3.11'",
        "sys_platform == 'linux'",
        "sys_platform != 'win32'",
        "platform_machine == 'arm64 or (other'",
    ]
)
_MARKERS = st.recursive(
    _TERMS,
    lambda inner: st.builds(
        lambda word, parts: f" {word} ".join(
            f"({one})" if " and " in one or " or " in one else one for one in parts
        ),
        st.sampled_from(["and", "or"]),
        st.lists(inner, min_size=2, max_size=3),
    ),
    max_leaves=8,
)


@given(_MARKERS)
def test_what_is_left_of_a_marker_holds_where_the_whole_did(marker: str) -> None:
    left = without_python(marker, RELEASE)
    for platform in ("linux", "win32", "darwin"):
        known = {
            "python_full_version": RELEASE,
            "python_version": "3.11",
            "sys_platform": platform,
            "platform_machine": "arm64",
        }
        holds = Marker(marker).evaluate(known)
        assert (left == "" or Marker(left).evaluate(known)) == holds
    if holds:
        assert "python_" not in left
