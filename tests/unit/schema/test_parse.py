import pytest

from ketch.errors import UsageError
from ketch.schema import canonical_json, parse_json


def test_json_is_read_as_it_stands() -> None:
    body = '{"a": [1, 1.0, -0.5e3, true, null, "é:\\ud83d\\ude00"], "b:c": {"a": {}}}'
    assert parse_json(body.encode()) == {
        "a": [1, 1.0, -500.0, True, None, "é:😀"],
        "b:c": {"a": {}},
    }


def test_integers_stay_integers_beyond_64_bits() -> None:
    assert parse_json(b"18446744073709551616") == 2**64
    assert parse_json(b"1" + b"0" * 308) == 10**308


def test_digits_in_text_and_in_fractions_may_be_many() -> None:
    digits = "0" * 400
    assert parse_json(f'["{digits}", 0.{digits}1]'.encode()) == [digits, 0.0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"NaN", "json/syntax"),
        (b"[-Infinity]", "json/syntax"),
        (b"1e999", "json/number"),
        (b"-1e999", "json/number"),
        (b"9" * 5000, "json/number"),
        (b"1" + b"0" * 309, "json/number"),
        (b"[-2" + b"0" * 308 + b"]", "json/number"),
        (b'{"a": 1%b}' % (b"0" * 400), "json/number"),
        (b'{"a":1,"a":2}', "json/duplicate-member"),
        (b'{"b":{"a":1,"\\u0061":2}}', "json/duplicate-member"),
        (b'[{"x:":":"},{"a":1,"a":1}]', "json/duplicate-member"),
        (b"\xef\xbb\xbf{}", "json/syntax"),
        (b"\xff\xfe{\x00}\x00", "json/syntax"),
        (b'"\xff"', "json/not-utf8"),
        (b'"\xed\xa0\x80"', "json/not-utf8"),
        (b'"\\ud800"', "json/syntax"),
        (b'"\\udc00"', "json/syntax"),
        (b'"\\ud800x"', "json/syntax"),
        (b'"\\ud800\\u0041"', "json/syntax"),
        (b'{"\\udc00": 1}', "json/syntax"),
        (b'"a\x00b"', "json/syntax"),
        (b'"a\nb"', "json/syntax"),
        (b"", "json/syntax"),
        (b"  ", "json/syntax"),
        (b"01", "json/syntax"),
        (b"[1,]", "json/syntax"),
        (b"{} {}", "json/syntax"),
        (b"{'a': 1}", "json/syntax"),
        (b"// a\n1", "json/syntax"),
        (b"[" * 33 + b"]" * 33, "json/too-deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "json/too-deep"),
        (b"[" * 1_000_000, "json/too-deep"),
    ],
)
def test_json_that_readers_disagree_about_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_json(body, where="request body")
    assert raised.value.code == code
    assert raised.value.where == "request body"


def test_32_levels_of_nesting_are_read() -> None:
    parse_json(b"[" * 32 + b"]" * 32)


def test_a_text_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(UsageError) as raised:
        parse_json(b"[1,2]", max_bytes=4)
    assert raised.value.code == "json/too-large"


def test_a_message_does_not_echo_a_long_name() -> None:
    name = b'"' + b"a" * 10_000 + b'"'
    with pytest.raises(UsageError) as raised:
        parse_json(b"{%s:1,%s:2}" % (name, name))
    assert len(raised.value.message) < 200


def test_canonical_json_has_one_text_for_equal_values() -> None:
    assert canonical_json({"b": 1, "a": ["é", 1.5]}) == '{"a":["é",1.5],"b":1}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}])
def test_canonical_json_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical_json([value])
