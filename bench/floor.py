"""The least that packing a folder can take: its bytes read, hashed, and written once.

    python bench/floor.py copy SOURCE TARGET     copy in one thread, SHA-256 in another
    python bench/floor.py keep SOURCE TARGET     the same, and one sync at the end
    python bench/floor.py disk SOURCE TARGET     copy past the page cache: what the disk takes
    python bench/floor.py hash SOURCE            one hash pass in one thread
    python bench/floor.py cold SOURCE            the same, of files that are not in memory
    python bench/floor.py forget SOURCE          leave them so

Only ``keep`` syncs, as a store must that survives a power cut. The time to start Python is
not counted. Prints one JSON object.
"""

import hashlib
import json
import mmap
import os
import sys
import threading
import time
from pathlib import Path

CHUNK = 1 << 20


def copy_and_hash(source: Path, target: Path) -> None:
    """Copy every file in one thread while another one hashes them."""
    copier = threading.Thread(target=copy, args=(source, target))
    copier.start()
    hash_pass(source)
    copier.join()


def copy_hash_and_keep(source: Path, target: Path) -> None:
    """Copy and hash every file, and wait until the copies are on the disk."""
    copy_and_hash(source, target)
    os.sync()


def copy_directly(source: Path, target: Path) -> None:
    """Copy every file past the page cache; what fills no block at its end is left out."""
    target.mkdir()
    buffer = memoryview(mmap.mmap(-1, 4 * CHUNK))
    for number, path in enumerate(files_of(source)):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_DIRECT
        writer = os.open(target / str(number), flags)
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer) // 4096 * 4096:
                os.write(writer, buffer[:count])
        os.fsync(writer)
        os.close(writer)


def copy(source: Path, target: Path) -> None:
    """Copy every file inside the kernel."""
    for path in files_of(source):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as reader, copied.open("wb") as writer:
            rest = path.stat().st_size
            while rest:
                rest -= os.copy_file_range(reader.fileno(), writer.fileno(), min(rest, 1 << 26))


def hash_pass(source: Path) -> None:
    """Take the SHA-256 of every file."""
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    for path in files_of(source):
        sha = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                sha.update(view[:count])
        sha.hexdigest()


def cold_pass(source: Path) -> None:
    """Take the SHA-256 of every file, none of which is in memory."""
    forget(source)
    hash_pass(source)


def forget(source: Path) -> None:
    """Let the kernel drop every file from memory; it does when they are on the disk."""
    for path in files_of(source):
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def files_of(source: Path) -> list[Path]:
    """Return every file below a folder, sorted."""
    return sorted(path for path in source.rglob("*") if path.is_file())


def main(what: str, *folders: str) -> None:
    """Do one of these, and print how long it took."""
    start = time.perf_counter()
    acts = {
        "copy": copy_and_hash,
        "keep": copy_hash_and_keep,
        "disk": copy_directly,
        "hash": hash_pass,
        "cold": cold_pass,
        "forget": forget,
    }
    acts[what](*map(Path, folders))
    print(json.dumps({"s": round(time.perf_counter() - start, 4)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
