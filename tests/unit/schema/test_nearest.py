from ketch.schema import did_you_mean, nearest


def test_case_and_a_typing_error_do_not_hide_a_name() -> None:
    assert nearest("CUSTMER", ["customer", "country"]) == "customer"


def test_nothing_is_suggested_when_nothing_is_close() -> None:
    assert did_you_mean("zzz", ["customer"]) is None


def test_a_name_longer_than_any_name_is_not_compared() -> None:
    assert nearest("a" * 1_000_000, ["a"]) is None
