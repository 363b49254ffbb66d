"""Lets the tests here import the harness as ``tests.faults.harness``, however pytest was started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
