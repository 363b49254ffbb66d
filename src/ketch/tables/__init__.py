"""Rows in files: read, written and profiled, in bounded memory.

Promises that a row read from JSON, JSON Lines, CSV or Parquet is the same row; that a
written file is whole or not there; and that the same data has the same profile, byte for
byte, on every run and machine. What few verbs need stands in modules of its own:
:mod:`ketch.tables.read` (``read_rows``), :mod:`ketch.tables.write` (``RowWriter``),
:mod:`ketch.tables.scan` (``profile_file``) and :mod:`ketch.tables.merge` (``merge``).
"""

from ketch.tables.batch import Batch
from ketch.tables.formats import Format
from ketch.tables.frequent import Frequent
from ketch.tables.profile import ColumnProfile, Profile

__all__ = [
    "Batch",
    "ColumnProfile",
    "Format",
    "Frequent",
    "Profile",
]
