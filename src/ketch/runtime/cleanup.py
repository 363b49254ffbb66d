"""Removing what no package needs any more."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ketch.env import Lock
from ketch.errors import KetchError
from ketch.package import open_package
from ketch.runtime.home import Home
from ketch.store import gc as gc_store
