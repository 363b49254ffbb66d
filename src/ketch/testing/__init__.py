"""What helps to test code that uses ketch: suites that every store must pass, a store in memory."""

from ketch.store.memory import MemoryStore
from ketch.testing.stores import STORE_CHECKS, check_store, put_package

__all__ = ["STORE_CHECKS", "MemoryStore", "check_store", "put_package"]
