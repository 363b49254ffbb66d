"""Holds ``worker.py``, which is run by path; keep this folder empty otherwise."""
