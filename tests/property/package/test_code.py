"""Laws of reading code."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ketch.package.code import EntryPoint, analyse

MODULES = [f"m{number}" for number in range(6)]
edges = st.sets(st.tuples(st.sampled_from(MODULES), st.sampled_from(MODULES)), max_size=15)
spellings = st.sampled_from(["import {0}", "from {0} import x", "def f():\n    import {0} as y"])


def _reachable(start: str, links: set[tuple[str, str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        new = {target for source, target in links if source == here} - found
        found |= new
        waiting.extend(new)
    return found


class TestWhatShipsIsWhatIsReached:
    """The files of a package are those its entry points reach by imports, and no other."""

    @settings(max_examples=60, deadline=None)
    @given(edges, spellings)
    def test_modules(self, links: set[tuple[str, str]], spelling: str) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            for module in MODULES:
                lines = [spelling.format(target) for source, target in links if source == module]
                text = "\n".join(["x = print", *lines, ""])
                (folder / f"{module}.py").write_text(text)
            report = analyse(folder, [EntryPoint("m0:x")])
        assert set(report.files) == {f"{module}.py" for module in _reachable("m0", links)}
        assert report.imports == ()
        assert report.findings == ()


class TestAnyTextIsRead:
    """Code that is no Python is a finding; nothing raises."""

    @settings(deadline=None)
    @given(
        st.binary(max_size=60)
        | st.text("import from.x\n()[]:#='\"\\\t ", max_size=60).map(str.encode)
    )
    def test_texts(self, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "pipeline.py").write_bytes(content)
            report = analyse(Path(place), [EntryPoint("pipeline:predict")])
        assert report.findings
