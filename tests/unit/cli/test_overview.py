"""A package on one screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from ketch.authoring import Packed, pack
from ketch.cli.fit import WIDTH
from ketch.cli.list import listing_text
from ketch.cli.overview import overview
from ketch.package import Digest
from ketch.runtime import Entry, Home, Stored
from ketch.store import attestations

CODE = "def clean(model, rows):\n    return rows\n\n\ndef run(model, rows):\n    return rows\n"
MORE = """
[params]
word = "Hello"
odd = "a\\u001b[31mred"
[budget]
latency_ms = 500
[data.training]
source = "s3://shop/events/"
version = "2026-10-31"
sample = "seen.csv"
time_column = "at"
[data.later]
source = "s3://shop/later/"
"""


@pytest.fixture
def packed(tmp_path: Path, home: Home, author: Callable[..., Path]) -> Packed:
    folder = author(
        tmp_path / "shop",
        CODE,
        inputs='n = { type = "int64", min = 0, max = 9, pii = true, description = "A number" }',
        outputs='n = "int64"',
        steps=["pipeline:clean", "pipeline:run"],
        scenarios=[{"inputs": {"n": n}, "expected": {"n": n}} for n in range(9)],
        more=MORE,
        files={
            "seen.csv": "at,n\n2026-01-01,1\n2026-02-01,2\n",
            "docs/how.md": "How.\n",
            **{f"model/part-{n}.bin": b"0" * 1500 for n in range(8)},
        },
    )
    return pack(folder, home=home)


def screen(packed: Packed, home: Home, stored: Stored | None) -> str:
    package = packed.package
    return overview(package, attestations(package.digest, home.store), stored).plain


def test_everything_a_colleague_asks_is_on_the_screen(packed: Packed, home: Home) -> None:
    text = screen(packed, home, Stored(packed.package.digest, ()))
    for fact in (
        f"shop:1.0.0  {packed.package.digest}",
        "owner        tests@shop.example",
        "verified     passed ",
        "pipeline     pipeline: clean → run",
        "model        part-0.bin 1.5 kB, ",
        " and 2 more",
        r"params       odd=a\x1b[31mred, word=Hello",
        "environment  Python 3.",
        "no libraries",
        "budget       500 ms a row",
        "documents    README.md, docs/how.md",
        "n  int64  min 0, max 9, personal data; A number",
        "training  s3://shop/events/ @ 2026-10-31, 2 rows, 2026-01-01 to 2026-02-01",
        "later     s3://shop/later/",
        "s0  1 row",
        "…   and 3 more",
    ):
        assert fact in text
    assert "stored" not in text
    assert all(cell_len(line) <= WIDTH for line in text.splitlines()[1:])


def test_a_folder_is_told_from_what_the_store_holds(packed: Packed, home: Home) -> None:
    assert "stored       not yet; `ketch pack`" in screen(packed, home, None)
    other = Stored(Digest.of(b"other"), ("code", "params"))
    assert f"another: {other.digest.short} differs in code, params" in screen(packed, home, other)


def test_a_package_that_nobody_verified_says_so(packed: Packed) -> None:
    assert "verified     never" in overview(packed.package, (), None).plain


def test_a_list_has_straight_columns_whatever_is_in_them() -> None:
    digest = Digest.of(b"")
    entries = [
        Entry("a:1", digest, 5, "größe 你好", "route"),
        Entry("a-longer-name:1.0", digest, 5_000_000_000, "ann", None),
        Entry("broken:1", digest, problem="expected a blob, found nothing"),
        Entry("odd:1", digest, 5, "an\x1b[31mn", "route"),
    ]
    verified = [True, None, None, False]
    first, second, third, fourth = listing_text(entries, verified).splitlines()
    assert "\x1b" not in fourth
    at = {line.index(digest.short) for line in (first, second, third, fourth)}
    assert len(at) == 1
    ends = {line.index(" B") if " B" in line else line.index(" GB") for line in (first, second)}
    assert len(ends) == 2
    columns = {cell_len(line.partition("→")[0]) for line in (first, fourth)}
    assert len(columns) == 1
    assert [second.endswith("  not verified"), fourth.endswith("✗ breaks its contract")] == [
        True
    ] * 2
