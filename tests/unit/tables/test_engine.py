import os
import signal
import threading
from pathlib import Path

import pytest

from ketch.errors import UsageError
from ketch.tables.engine import engine

ENDLESS = "SELECT count(*) FROM range(1000000000000) t(i) WHERE hash(i) = 0"


def test_ctrl_c_stops_a_query_as_it_stops_anything() -> None:
    """duckdb itself makes a `RuntimeError` of it, which nobody takes for Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt), engine("rows.parquet") as con:
            con.execute(ENDLESS)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_a_long_query_writes_nothing_to_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """duckdb draws a bar there after two seconds, in the middle of what is data."""
    with engine("rows.parquet") as con:
        con.execute("SET progress_bar_time = 1")
        target = tmp_path / "rows.parquet"
        con.execute(f"COPY (SELECT hash(i) FROM range(2000000) t(i)) TO '{target}'")

    assert capfd.readouterr().out == ""


def test_what_duckdb_says_is_told_without_its_own_kind_of_error() -> None:
    with pytest.raises(UsageError) as caught, engine("rows.parquet") as con:
        con.execute("SELECT CAST('x' AS INTEGER)")
    found = "Could not convert string 'x' to INT32"
    assert caught.value.message == f"expected a file that can be read, found otherwise: {found}"


def test_an_error_of_the_caller_passes_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="mine"), engine("rows.parquet"):
        raise RuntimeError("mine")
