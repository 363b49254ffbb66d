"""TOML is read as the standard library reads it, but for what nobody writes."""

import time

import pytest

from ketch.package.toml import DEEPEST_KEY, MAX_BYTES, parse_toml


def test_a_document_is_read() -> None:
    text = b'a.b = 1\n["c.d".e]\nf = "x.y.z"\n'
    assert parse_toml(text) == {"a": {"b": 1}, "c.d": {"e": {"f": "x.y.z"}}}


def test_keys_may_be_as_deep_as_anybody_needs() -> None:
    key = ".".join("a" * DEEPEST_KEY)
    assert parse_toml(f"{key} = 1".encode())
    assert parse_toml(("x = '" + "one two. " * 100 + "'").encode())
    with pytest.raises(ValueError, match="parts"):
        parse_toml(f"{key}.b = 1".encode())


@pytest.mark.parametrize("part", ["a", '"a"', "'a'", '"\\""', '"a.b"', "0", "-"])
@pytest.mark.parametrize("dot", [".", " . ", "\t.\t"])
def test_however_a_deep_key_is_written_it_is_refused_at_once(part: str, dot: str) -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match="parts"):
        parse_toml(f"[{dot.join([part] * 50_000)}]".encode())
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"a = ", b"a = " + b"[" * 100_000, b"a = " + b"9" * 5000, b"#" * (MAX_BYTES + 1)],
)
def test_what_cannot_be_read_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_toml(content)
