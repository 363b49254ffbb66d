import pytest

from ketch.errors import PackageError
from ketch.tables import ColumnProfile, Profile

PROFILE = Profile(1, f"sha256:{'0' * 64}", (ColumnProfile("a", "int64", count=1),))


def test_a_profile_of_another_format_is_refused() -> None:
    bodies: list[object] = [{**PROFILE.to_json(), "format": "ketch-profile/9"}, [], None, {}]
    for body in bodies:
        with pytest.raises(PackageError) as caught:
            Profile.from_json(body)
        assert caught.value.code == "package/profile"


@pytest.mark.parametrize("key", ["row_count", "columns", "digest"])
@pytest.mark.parametrize("value", [1.5, True, -1])
def test_a_profile_with_a_wrong_member_is_refused(key: str, value: object) -> None:
    with pytest.raises(PackageError):
        Profile.from_json({**PROFILE.to_json(), key: value})


@pytest.mark.parametrize(
    "wrong",
    [
        *({key: value} for key in ("nulls", "not_finite", "count") for value in (True, -1, 1.5)),
        *({key: True} for key in ("min", "max", "total", "distinct")),
        *({"frequent": [["a", count]]} for count in (True, -1, 1.5)),
    ],
    ids=str,
)
def test_a_column_whose_numbers_are_none_is_refused(wrong: dict[str, object]) -> None:
    """A boolean is a number to Python, and to nobody else."""
    column = {**PROFILE.columns[0].to_json(), **wrong}
    with pytest.raises(PackageError):
        Profile.from_json({**PROFILE.to_json(), "columns": [column]})


def test_booleans_are_frequent_values() -> None:
    column = {**PROFILE.columns[0].to_json(), "frequent": [[True, 3], [False, 2]]}
    profile = Profile.from_json({**PROFILE.to_json(), "columns": [column]})
    assert profile.columns[0].top(1) == ((True, 3),)


def test_a_column_that_is_not_there_is_a_key_error() -> None:
    assert PROFILE.column("a").count == 1
    with pytest.raises(KeyError):
        PROFILE.column("b")
