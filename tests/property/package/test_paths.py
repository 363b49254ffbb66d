"""Laws of paths inside a package."""

from pathlib import Path, PureWindowsPath
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ketch.package.paths import PackagePath, check_path, clashes

segments = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9._+@=, -]{0,20}[A-Za-z0-9_])?", fullmatch=True)
paths = (
    st.lists(segments, min_size=1, max_size=8)
    .map("/".join)
    .filter(lambda text: not check_path(text))
)
anything = st.text() | st.lists(
    st.sampled_from(["..", ".", "", "a", "~", "C:", "nul", "\\", "a b", "é", "\0", "-x"]),
    max_size=20,
).map("/".join)


class TestParsingUndoesPrinting:
    """``PackagePath.parse(str(p)) == p`` for every path ``p``."""

    @given(paths)
    def test_paths(self, text: str) -> None:
        path = PackagePath.parse(text)
        assert str(path) == text
        assert PackagePath.parse(str(path)) == path


class TestAPathStaysInItsFolder:
    """A path that the grammar accepts names a place below its folder, on every system."""

    @given(anything)
    def test_accepted_paths(self, text: str) -> None:
        if check_path(text):
            return
        folder = Path("/srv/packages/one")
        assert PackagePath.parse(text).under(folder).resolve().is_relative_to(folder)
        windows = PureWindowsPath(text)
        assert not windows.is_absolute()
        assert not windows.drive
        assert windows.as_posix() == text


class TestEveryPathIsJudged:
    """Any text is accepted or refused with a hint; nothing raises."""

    @given(anything)
    def test_texts(self, text: str) -> None:
        for finding in check_path(text):
            assert finding.hint
            assert finding.message.isprintable()


class TestClashesDoNotDependOnOrder:
    """A list of paths clashes or not, in whatever order it stands."""

    @given(st.lists(paths, max_size=6).flatmap(lambda given: st.permutations(given + given[:1])))
    def test_a_repeated_path_always_clashes(self, listed: list[str]) -> None:
        assert bool(clashes(listed)) == bool(listed)

    @given(st.lists(paths, unique_by=str.lower, max_size=8), st.randoms())
    def test_order(self, listed: list[str], shuffle: Random) -> None:
        shuffled = list(listed)
        shuffle.shuffle(shuffled)
        assert bool(clashes(listed)) == bool(clashes(shuffled))

    @given(paths)
    def test_case(self, text: str) -> None:
        if text.swapcase() != text:
            assert clashes([text, text.swapcase()])
