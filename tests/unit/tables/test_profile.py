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
def test_a_profile_with_a_wrong_member_is_refused(key: str) -> None:
    with pytest.raises(PackageError):
        Profile.from_json({**PROFILE.to_json(), key: 1.5})


def test_a_column_that_is_not_there_is_a_key_error() -> None:
    assert PROFILE.column("a").count == 1
    with pytest.raises(KeyError):
        PROFILE.column("b")
