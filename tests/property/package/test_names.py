"""Laws of names, versions and references."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.package.digest import Digest
from ketch.package.names import (
    NAME_PATTERN,
    PackageName,
    PackageVersion,
    Reference,
    Stage,
    check_name,
    check_version,
)

OCI_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")

names = st.from_regex(NAME_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 64)
numbers = st.lists(st.integers(0, 9_999), min_size=1, max_size=4)
suffixes = st.sampled_from(["", "a1", "b2", "rc3", ".post1", ".dev2", "rc1.dev4"])
versions = st.builds(
    lambda parts, suffix: ".".join(str(part) for part in parts) + suffix, numbers, suffixes
)
choices = st.one_of(
    st.none(),
    versions.map(PackageVersion.parse),
    st.sampled_from(Stage),
    st.binary(max_size=8).map(Digest.of),
)


class TestParsingUndoesPrinting:
    """``parse(str(x)) == x`` for every name, version and reference ``x``."""

    @given(names)
    def test_names(self, text: str) -> None:
        name = PackageName.parse(text)
        assert PackageName.parse(str(name)) == name

    @given(versions)
    def test_versions(self, text: str) -> None:
        version = PackageVersion.parse(text)
        assert PackageVersion.parse(str(version)) == version

    @given(names, choices)
    def test_references(self, name: str, choice: PackageVersion | Digest | Stage | None) -> None:
        reference = Reference(PackageName(name), choice)
        assert Reference.parse(str(reference), bare=True) == reference


class TestAVersionIsATag:
    """Every version is a tag that an OCI registry accepts."""

    @given(versions)
    def test_versions(self, text: str) -> None:
        assert OCI_TAG.fullmatch(str(PackageVersion.parse(text)))


class TestVersionsAreInOneOrder:
    """Of two versions one comes first, or they are equal."""

    @given(versions, versions)
    def test_versions(self, one: str, other: str) -> None:
        first, second = PackageVersion.parse(one), PackageVersion.parse(other)
        assert [first < second, first == second, first > second].count(True) == 1


class TestOtherTextIsAUsageError:
    """Text that is no reference is refused with a `UsageError`, never with another error."""

    @given(st.text(max_size=200) | st.from_regex(r"[a-z]{1,4}[:@].{0,20}"))
    def test_references(self, text: str) -> None:
        try:
            shown = str(Reference.parse(text, bare=True))
        except UsageError as problem:
            shown = problem.code
        assert shown in (text, "reference/syntax")

    @given(st.text())
    def test_names_and_versions(self, text: str) -> None:
        for check, parse in (
            (check_name, PackageName.parse),
            (check_version, PackageVersion.parse),
        ):
            if check(text):
                with pytest.raises(UsageError):
                    parse(text)
            else:
                assert str(parse(text)) == text
