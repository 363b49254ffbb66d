"""Names, versions and references."""

import pytest

from ketch.errors import UsageError
from ketch.package.digest import Digest
from ketch.package.names import (
    PackageName,
    PackageVersion,
    Reference,
    Stage,
    check_name,
    check_version,
)

SOME_DIGEST = Digest.of(b"a package")


@pytest.mark.parametrize(
    "text", ["recommender", "top-sellers", "a", "0", "shop.recs", "a__b", "a---b", "x" * 64]
)
def test_a_name_is_lowercase_words_joined_by_signs(text: str) -> None:
    assert str(PackageName.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "Recommender", "top sellers", "-a", "a-", "a..b", "a.-b", "a___b", "a/b", "../a"),
        *("a%2fb", "a\n", "ä", "\u0430dmin", "x" * 65, "a:b", "a@b", "a\0", ".", "_"),
    ],
)
def test_nothing_else_is_a_name(text: str) -> None:
    assert [finding.code for finding in check_name(text)] == ["package/name-syntax"]
    with pytest.raises(UsageError):
        PackageName.parse(text)


def test_a_wrong_name_comes_with_the_nearest_right_one() -> None:
    with pytest.raises(UsageError) as caught:
        PackageName.parse("Top Sellers", where="ketch.toml: package.name")
    assert caught.value.hint == "did you mean `top-sellers`?"
    assert caught.value.where == "ketch.toml: package.name"
    assert caught.value.code == "package/name-syntax"


@pytest.mark.parametrize(
    "text", ["1", "1.0", "1.0.0", "2024.10.31", "1.0rc1", "1.0.post2", "0.1.dev3"]
)
def test_a_version_is_a_release_in_its_normal_form(text: str) -> None:
    assert str(PackageVersion.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("v1.0", "did you mean `1.0`?"),
        ("1.0.0-beta", "did you mean `1.0.0b0`?"),
        ("1.0 ", "did you mean `1.0`?"),
        ("01.0", "did you mean `1.0`?"),
        ("1.0+cpu", "did you mean `1.0`?"),
        ("1!2.0", "did you mean `2.0`?"),
        ("latest", None),
        ("", None),
        ("1.0\u0660", None),
        ("9" * 5000, None),
    ],
)
def test_other_spellings_of_a_version_are_refused_with_the_normal_one(
    text: str, hint: str | None
) -> None:
    (finding,) = check_version(text)
    assert (finding.code, finding.hint) == ("package/version-syntax", hint)


def test_one_and_one_point_zero_are_two_versions() -> None:
    assert PackageVersion.parse("1.0") != PackageVersion.parse("1.0.0")


def test_versions_sort_by_number_and_candidates_come_first() -> None:
    texts = ["1.10", "2.0", "1.9", "2.0rc1", "1.0.0", "1.0"]
    ordered = sorted(PackageVersion.parse(text) for text in texts)
    assert [str(version) for version in ordered] == ["1.0", "1.0.0", "1.9", "1.10", "2.0rc1", "2.0"]


def test_a_reference_names_a_version_a_stage_or_a_digest() -> None:
    by_version = Reference.parse("recommender:1.0")
    by_stage = Reference.parse("recommender@prod")
    by_digest = Reference.parse(f"recommender@{SOME_DIGEST}")
    assert by_version.version == PackageVersion("1.0")
    assert by_stage.stage is Stage.PROD
    assert by_digest.digest == SOME_DIGEST
    assert (by_version.stage, by_version.digest, by_stage.version) == (None, None, None)


def test_a_bare_name_is_refused_where_a_choice_matters() -> None:
    assert Reference.parse("recommender", bare=True) == Reference(PackageName("recommender"))
    with pytest.raises(UsageError) as caught:
        Reference.parse("recommender")
    assert caught.value.code == "reference/bare"
    assert "recommender@prod" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("recommender@1.0", "did you mean `recommender:1.0`?"),
        ("recommender:staging", "did you mean `recommender@staging`?"),
        ("recommender@stagin", "did you mean `recommender@staging`?"),
        ("Recommender:1.0", "did you mean `recommender`?"),
        ("recommender:v1.0", "did you mean `1.0`?"),
        (str(SOME_DIGEST), "put the package's name before it: `NAME@sha256:…`"),
        (f"recommender:1.0@{SOME_DIGEST}", "choose a version or a digest, not both"),
        (f"recommender@{SOME_DIGEST.short}", None),
        ("recommender@sha256:abc", "a digest is written in full; `ketch inspect` prints it"),
        ("recommender@", None),
        ("recommender:", None),
        (":1.0", None),
        ("", None),
    ],
)
def test_a_wrong_reference_comes_with_what_was_probably_meant(text: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    assert caught.value.code == "reference/syntax"
    assert caught.value.hint == hint


def test_control_characters_never_reach_the_terminal() -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse("a\x1b[31m:1.0")
    assert "\x1b" not in f"{caught.value} {caught.value.where} {caught.value.hint}"
