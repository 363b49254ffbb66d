"""The profiles of a folder's data samples, made once for each state of a file.

Profiling reads every row, so a profile is kept in the ketch home and found again by what
``stat`` says of the file. As in git, a file that was written within two seconds before it
was read is not remembered: a second change in the same moment would look the same. Losing
what is kept costs one pass over the data.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ketch.errors import Finding, KetchError, Unavailable
from ketch.files import write_whole
from ketch.package import Manifest
from ketch.progress import Progress
from ketch.schema.parse import canonical_json, parse_json
from ketch.tables import Profile
from ketch.tables.profile import FORMAT

FOLDER = "profiles"
MOST_KEPT = 100
RACY_NS = 2_000_000_000
_MOST_BYTES = 64 << 20


def profiles_of(
    samples: Mapping[str, Path], manifest: Manifest, cache: Path, progress: Progress
) -> tuple[dict[str, Profile], tuple[Finding, ...]]:
    """Return the profile of every sample that has one, and why the others have none.

    Of a column that is named like an input with personal data (``pii``), a profile tells
    how many values there are and nothing of what they are.

    Args:
        samples: Data reference name → file.
        manifest: Names the columns that date the data, and those with personal data.
        cache: The folder where profiles are kept; made when first needed.
        progress: Told which file is read.

    Raises:
        Unavailable: The disk refused, or a sample needs too much memory.
    """
    times = {data.name: data.time_column for data in manifest.data}
    personal = {field.name for field in manifest.schema.inputs if field.pii}
    profiles, findings = {}, []
    for name, file in samples.items():
        try:
            profile = _profile(file, times[name], cache, progress)
            profiles[name] = profile.without_values_of(personal)
        except Unavailable:
            raise  # no fault of the file: the disk refused
        except KetchError as problem:
            where = f"ketch.toml: data.{name}"
            findings.append(Finding(problem.code, problem.message, where, problem.hint))
    return profiles, tuple(findings)


def _profile(file: Path, time_column: str | None, cache: Path, progress: Progress) -> Profile:
    began, seen = time.time_ns(), file.stat()
    kept = cache / f"{_key(seen, file.suffix, time_column)}.json"
    known = _read(kept)
    if known is not None:
        return known
    from ketch.tables.scan import profile_file  # numpy and duckdb: 0.3 s that few packs need

    progress.step(f"profiling {file.name}")
    found = profile_file(file, time_column=time_column)
    if seen.st_mtime_ns < began - RACY_NS:
        with suppress(KetchError, OSError):  # a full disk costs the next pass, not this one
            _keep(kept, found)
    return found


def _key(seen: os.stat_result, suffix: str, time_column: str | None) -> str:
    """Return a name for what a file was, and for what makes its profile."""
    state = [seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
    said = [FORMAT, *(str(number) for number in state), suffix, time_column]
    return sha256(canonical_json(said)).hexdigest()


def _read(path: Path) -> Profile | None:
    try:
        return Profile.from_json(parse_json(path.read_bytes(), max_bytes=_MOST_BYTES))
    except (OSError, KetchError):
        return None


def _keep(path: Path, profile: Profile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, canonical_json(profile.to_json()))
    kept = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
    for old in kept[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
