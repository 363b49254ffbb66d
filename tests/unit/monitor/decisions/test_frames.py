from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketch.monitor.decisions.frames import Damage, frame, read

BODIES = st.lists(
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").replace(b"\x1e", b"")),
    max_size=8,
)


def whole(bodies: list[bytes]) -> bytes:
    return b"".join(map(frame, bodies))


@given(BODIES)
def test_what_was_written_is_read(bodies: list[bytes]) -> None:
    assert list(read(whole(bodies))) == bodies


@given(BODIES, st.data())
def test_a_torn_file_loses_the_record_it_was_torn_in(
    bodies: list[bytes], data: st.DataObject
) -> None:
    content = whole(bodies)
    end = data.draw(st.integers(0, len(content)))
    found = [one for one in read(content[:end]) if isinstance(one, bytes)]
    intact = [one for index, one in enumerate(bodies) if len(whole(bodies[: index + 1])) <= end]
    assert found[: len(intact)] == intact
    assert len(found) <= len(intact) + 1  # only its line feed may be missing


@given(BODIES, st.data())
def test_a_changed_byte_costs_one_record_and_is_told(
    bodies: list[bytes], data: st.DataObject
) -> None:
    content = bytearray(whole(bodies))
    if not content:
        return
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    hit = next(i for i in range(len(bodies)) if at < len(whole(bodies[: i + 1])))
    found = list(read(bytes(content)))
    intact = [one for one in found if isinstance(one, bytes)]
    assert intact in (bodies[:hit] + bodies[hit + 1 :], bodies)
    if intact != bodies:
        assert any(isinstance(one, Damage) and one.start <= at < one.end for one in found)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_and_every_byte_is_accounted_for(content: bytes) -> None:
    for one in read(content):
        if isinstance(one, Damage):
            assert 0 <= one.start < one.end <= len(content)
