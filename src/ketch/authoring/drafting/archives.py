"""Model files that are zip archives: skops, and what PyTorch writes.

Only the directory and a few small members are read, each with a limit.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ketch.authoring.drafting.model_file import Form, Seen, unknown

MEMBER_BYTES = 64 << 20
MOST_MEMBERS = 200_000

_SKLEARN = re.compile(rb'"_sklearn_version":\s*\{[^{}]*?"content":\s*"\\"([0-9][0-9a-z.]*)\\""')
_SKOPS = re.compile(rb'"_skops_version":\s*"([0-9][0-9a-z.]*)"')
_MODULE = re.compile(rb'"__module__":\s*"([A-Za-z_][\w.]{0,200})"')
_TORCH = re.compile(rb'"torch_version":\s*"([0-9][0-9a-z.]*)')
_GLOBAL = re.compile(rb"c([A-Za-z_][\w.]*)\n[A-Za-z_][\w.]*\n")
_OF_STATE = ("torch", "torch._utils", "collections", "torch.serialization", "torch.storage")


def scan_archive(path: Path) -> Seen:
    """Say which kind of model a zip archive holds.

    Raises:
        UsageError: ``init/unknown-model``: it is broken, or holds none that is known.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _scan(path, archive)
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
        EOFError,
    ) as problem:
        raise unknown(path, f"expected a whole zip archive: {str(problem)[:200]}") from problem


def _scan(path: Path, archive: zipfile.ZipFile) -> Seen:
    names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise unknown(path, f"expected at most {MOST_MEMBERS} members, found {len(names)}")
    if "schema.json" in names:
        return _skops(path, _read(path, archive, "schema.json"))
    inner = {name: PurePosixPath(name).parts[1:] for name in names}
    by_part = {"/".join(parts): name for name, parts in inner.items()}
    if "archive_format" in by_part or "serialized_exported_program.json" in names:
        program = by_part.get("models/model.json")
        content = _read(path, archive, program) if program else b""
        return Seen(Form.TORCH_EXPORT, dict(_version("torch", _TORCH, content)), ("torch",))
    if "constants.pkl" in by_part and any(parts[:1] == ("code",) for parts in inner.values()):
        return Seen(Form.TORCH_SCRIPT, modules=("torch",))
    if "data.pkl" in by_part:
        return _state(path, _read(path, archive, by_part["data.pkl"]))
    if "config.json" in names and "model.weights.h5" in names:
        raise unknown(path, "found a Keras model", "export it: `model.export(path, format='onnx')`")
    raise unknown(path, "expected a model of skops or PyTorch, found another zip archive")


def _skops(path: Path, schema: bytes) -> Seen:
    modules = sorted({match[1].decode("ascii") for match in _MODULE.finditer(schema)})
    if not modules:
        raise unknown(path, "expected what skops writes into `schema.json`, found something else")
    versions = {
        **dict(_version("scikit-learn", _SKLEARN, schema)),
        **dict(_version("skops", _SKOPS, schema)),
    }
    return Seen(Form.SKOPS, versions, tuple(modules), b"feature_names_in_" in schema)


def _state(path: Path, pickled: bytes) -> Seen:
    modules = {match[1].decode("ascii") for match in _GLOBAL.finditer(pickled)}
    others = sorted(
        m
        for m in modules
        if m not in _OF_STATE and not m.startswith(("numpy", "builtins", "__builtin__"))
    )
    if others:
        raise unknown(
            path,
            f"found a whole pickled network, whose reading runs code of `{others[0]}`",
            "save what was learned, `torch.save(net.state_dict(), path)`, or the network as a "
            "program, `torch.export.save(torch.export.export(net, example), path)`",
        )
    return Seen(Form.TORCH_STATE, modules=("torch",))


def _version(
    distribution: str, pattern: re.Pattern[bytes], content: bytes
) -> list[tuple[str, str]]:
    found = pattern.search(content)
    return [(distribution, found[1].decode("ascii").rstrip("."))] if found else []


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        content = member.read(MEMBER_BYTES + 1)
    if len(content) > MEMBER_BYTES:
        raise unknown(path, f"expected at most {MEMBER_BYTES >> 20} MiB in `{name}`, found more")
    return content
