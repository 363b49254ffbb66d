"""Whatever the bytes, the reader of archives yields members or says `archive/…`."""

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import PackageError
from ketch.store.tarstream import members

names = st.text("abc/.-", min_size=1, max_size=90)
files = st.dictionaries(names, st.binary(max_size=1500), max_size=5)


def packed(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(content: bytes) -> list[tuple[str, bytes]] | str:
    """Return the members, or the first part of the error's code."""
    try:
        return [(member.name, body.read(-1)) for member, body in members(io.BytesIO(content))]
    except PackageError as error:
        return error.code.partition("/")[0]


class TestReader:
    """What a plain archive holds comes back; anything else is refused in one way."""

    @given(files)
    def test_files_come_back(self, contents: dict[str, bytes]) -> None:
        assert read(packed(contents)) == list(contents.items())

    @given(st.binary(max_size=3000))
    def test_noise_is_refused(self, noise: bytes) -> None:
        assert read(noise) in ("archive", [])

    @given(files, st.data())
    def test_damaged_archive_is_read_or_refused(
        self, contents: dict[str, bytes], data: st.DataObject
    ) -> None:
        damaged = bytearray(packed(contents))
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(damaged) - 1))
            damaged[position] = data.draw(st.integers(0, 255))
        found = read(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
        assert found == "archive" or isinstance(found, list)
