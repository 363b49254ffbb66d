"""Every hostile package, archive and name we know, each with the code that refuses it.

Read down a table: what is wrong, which error says so, how the bytes are made. A new
attack is one more line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.conformance.hostile.ground import (
    BLOBS,
    LAYOUT,
    REF_NAME,
    RIGHT,
    Attack,
    Case,
    archive,
    blob,
    bomb,
    document,
    encoded,
    entry,
    files,
    gzipped,
    index_of,
    layer,
    layout,
    manifest,
    member,
    pax,
    refuses,
    right_blobs,
    tar,
    zipped,
)
from tests.packages import Body

from ketch.package import Digest, PackageName, PackagePath, PackageVersion, Reference
from ketch.package.code_tar import write_code_tar
from ketch.package.oci import IMAGE_INDEX
from ketch.schema.parse import canonical_json
from ketch.store import MemoryStore

PACKAGE = "package/manifest"
SYNTAX = "package/path-syntax"
CLASH = "package/path-clash"
JSON = "json/"
WEIGHTS = "model/weights.bin"
CODE = "code.tar"
ZEROS = f"sha256:{'0' * 64}"


def _annotate(path: str, **annotations: Any) -> Attack:
    at = sorted(RIGHT).index(path)
    return manifest(lambda body: body["layers"][at]["annotations"].update(annotations))


def _at_path(path: str) -> Attack:
    """Return the attack of a model file at another path."""
    at = sorted(RIGHT).index(WEIGHTS)
    changed = {"org.cncf.model.filepath": path}
    return manifest(lambda body: body["layers"][at]["annotations"].update(changed))


def _top(**members: Any) -> Attack:
    return manifest(lambda body: body.update(members))


def _many_layers(body: Body) -> None:
    body["layers"] += [{"mediaType": "a/b", "digest": ZEROS, "size": 0}] * 20_001


MANIFESTS = [
    Case("an empty manifest", JSON, manifest(lambda _: b"")),
    Case("a manifest that is a list", PACKAGE, manifest(lambda _: b"[]")),
    Case("a manifest that is a number", PACKAGE, manifest(lambda _: b"0")),
    Case("an object without members", PACKAGE, manifest(lambda _: b"{}")),
    Case("not UTF-8", JSON, manifest(lambda _: b'{"schemaVersion":"\xff"}')),
    Case("UTF-16", JSON, manifest(lambda body: json.dumps(body).encode("utf-16"))),
    Case("a byte order mark", JSON, manifest(lambda body: b"\xef\xbb\xbf" + canonical_json(body))),
    Case("a lone surrogate", JSON, manifest(lambda _: b'{"a":"\\ud800"}')),
    Case("a member twice", JSON, manifest(lambda body: canonical_json(body)[:-1] + b',"layers":[]}')),
    Case("not a number", JSON, manifest(lambda body: encoded({**body, "x": float("nan")}))),
    Case("infinity", JSON, manifest(lambda body: encoded({**body, "x": float("inf")}))),
    Case("a number beyond doubles", JSON, manifest(lambda _: b'{"schemaVersion":1e999}')),
    Case("an integer of 5,000 digits", JSON, manifest(lambda _: b'{"a":' + b"9" * 5000 + b"}")),
    Case("two documents", JSON, manifest(lambda body: canonical_json(body) * 2)),
    Case("a comment", JSON, manifest(lambda body: b"/* */" + canonical_json(body))),
    Case("lists 100,000 deep", JSON, manifest(lambda _: bomb(100_000))),
    Case("objects 100,000 deep", JSON, manifest(lambda _: bomb(100_000, b'{"a":', b"}"))),
    Case("a manifest of 5 MB", "store/blob-too-large", manifest(lambda body: canonical_json(body) + b" " * 5_000_000)),
    Case("20,010 layers", PACKAGE, manifest(_many_layers)),
    Case("an image index", PACKAGE, _top(mediaType=IMAGE_INDEX)),
    Case("a Docker manifest", PACKAGE, _top(mediaType="application/vnd.docker.distribution.manifest.v2+json")),
    Case("schema version 1", PACKAGE, _top(schemaVersion=1)),
    Case("schema version true", PACKAGE, _top(schemaVersion=True)),
    Case("another artifact type", PACKAGE, _top(artifactType="application/vnd.cncf.model.other")),
    Case("an artifact type that is a list", PACKAGE, _top(artifactType=["a"])),
    Case("no config", PACKAGE, manifest(lambda body: body.pop("config"))),
    Case("a config that is text", PACKAGE, _top(config="sha256")),
    Case("a config of another type", PACKAGE, manifest(lambda body: body["config"].update(mediaType="a/b"))),
    Case("no layers", PACKAGE, manifest(lambda body: body.pop("layers"))),
    Case("layers that are an object", PACKAGE, _top(layers={})),
    Case("a layer that is null", PACKAGE, manifest(lambda body: body["layers"].append(None))),
    Case("a subject that is text", PACKAGE, _top(subject="sha256:0")),
    Case("a subject that is false", PACKAGE, _top(subject=False)),
    Case("annotations that are a list", PACKAGE, _top(annotations=[])),
    Case("an annotation that is a list", PACKAGE, manifest(lambda body: body["annotations"].update(a=["b"]))),
    Case("no annotations", PACKAGE, manifest(lambda body: body.pop("annotations"))),
    Case("another name than it shows", PACKAGE, manifest(lambda body: body["annotations"].update({"dev.ketch.package.name": "payments"}))),
    Case("a negative size", PACKAGE, layer(WEIGHTS, size=-1)),
    Case("a size with a fraction", PACKAGE, layer(WEIGHTS, size=4.5)),
    Case("a size that is text", PACKAGE, layer(WEIGHTS, size="1024")),
    Case("a size that is true", PACKAGE, layer(WEIGHTS, size=True)),
    Case("a size of 8 EiB", PACKAGE, layer(WEIGHTS, size=2**63)),
    Case("a size of 400 digits", f"{PACKAGE} {JSON}", layer(WEIGHTS, size=10**400)),
    Case("a size of 4,000 negative digits", f"{PACKAGE} {JSON}", layer(WEIGHTS, size=-(10**4000))),
    Case("a size that is too small", "package/digest-mismatch", layer(WEIGHTS, size=5)),
    Case("a size that is too large", "package/digest-mismatch", layer(WEIGHTS, size=1 << 50)),
    Case("a document that is larger than said", "store/blob-too-large", layer("ketch/schema.json", size=1)),
    Case("a document that is smaller than said", "package/digest-mismatch", layer("ketch/schema.json", size=1 << 20)),
    Case("a document of 1 TB", PACKAGE, layer("ketch/data.json", size=1 << 40)),
    Case("no digest", PACKAGE, layer(WEIGHTS, digest=None)),
    Case("an uppercase digest", "package/digest-syntax", layer(WEIGHTS, digest=f"sha256:{'A' * 64}")),
    Case("a short digest", "package/digest-syntax", layer(WEIGHTS, digest="sha256:abc")),
    Case("a digest by sha512", "package/digest-syntax", layer(WEIGHTS, digest=f"sha512:{'a' * 128}")),
    Case("a digest that is a path", "package/digest-syntax", layer(WEIGHTS, digest="sha256:../../../../etc/passwd")),
    Case("a digest with a newline", "package/digest-syntax", layer(WEIGHTS, digest=f"{ZEROS}\n")),
    Case("a digest of what is not there", "store/no-blob", layer(WEIGHTS, digest=ZEROS)),
    Case("a config that is not there", "store/no-blob", manifest(lambda body: body["config"].update(digest=ZEROS))),
    Case("a media type that is a number", PACKAGE, layer(WEIGHTS, mediaType=7)),
    Case("a compressed layer", PACKAGE, layer(CODE, mediaType="application/vnd.cncf.model.code.v1.tar+gzip")),
    Case("a foreign layer", PACKAGE, layer(WEIGHTS, mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar")),
    Case("a layer without a path", SYNTAX, layer(WEIGHTS, annotations={"dev.ketch.component": "model"})),
    Case("a layer without a component", PACKAGE, layer(WEIGHTS, annotations={"org.cncf.model.filepath": WEIGHTS})),
    Case("a model that says it is a document", PACKAGE, _annotate(WEIGHTS, **{"dev.ketch.component": "docs"})),
    Case("a path that is a number", PACKAGE, _annotate(WEIGHTS, **{"org.cncf.model.filepath": 3})),
    Case("a missing schema", PACKAGE, manifest(lambda body: body["layers"].pop(sorted(RIGHT).index("ketch/schema.json")))),
    Case("a layer twice", PACKAGE, manifest(lambda body: body["layers"].append(body["layers"][0]))),
    Case("a path into the code", PACKAGE, _at_path("code/pipeline.py")),
    Case("a path of no meaning", PACKAGE, _at_path("bin/sh")),
]  # fmt: skip

PATHS = [
    Case("an absolute path", SYNTAX, _at_path("/etc/cron.d/evil")),
    Case("the folder above", SYNTAX, _at_path("model/../../evil")),
    Case("only dots", SYNTAX, _at_path("..")),
    Case("this folder", SYNTAX, _at_path("model/./weights.bin")),
    Case("an empty segment", SYNTAX, _at_path("model//etc/passwd")),
    Case("a trailing slash", SYNTAX, _at_path("model/weights.bin/")),
    Case("backslashes", SYNTAX, _at_path("model\\..\\..\\evil")),
    Case("a drive", SYNTAX, _at_path("C:/Windows/evil.dll")),
    Case("a share", SYNTAX, _at_path("//host/share/evil")),
    Case("an alternate data stream", SYNTAX, _at_path("model/weights.bin:evil")),
    Case("NUL", SYNTAX, _at_path("model/a\0.bin")),
    Case("a newline", SYNTAX, _at_path("model/a\nb")),
    Case("a terminal's escape", SYNTAX, _at_path("model/\x1b[2J")),
    Case("a reserved name", SYNTAX, _at_path("model/nul")),
    Case("a reserved name with an ending", SYNTAX, _at_path("model/Con.bin")),
    Case("a hidden file", SYNTAX, _at_path("model/.ssh")),
    Case("an option", SYNTAX, _at_path("model/-rf")),
    Case("a home", SYNTAX, _at_path("~/.profile")),
    Case("dots of full width", SYNTAX, _at_path("model/\uff0e\uff0e/evil")),
    Case("a slash of division", SYNTAX, _at_path("model/..\u2215evil")),
    Case("right to left", SYNTAX, _at_path("model/\u202etxt.exe")),
    Case("a combined letter", SYNTAX, _at_path("model/e\u0301")),
    Case("a percent sign", SYNTAX, _at_path("model/%2e%2e/evil")),
    Case("a trailing dot", SYNTAX, _at_path("model/weights.")),
    Case("a trailing space", SYNTAX, _at_path("model/weights ")),
    Case("a segment of 5,000 letters", SYNTAX, _at_path("model/" + "a" * 5000)),
    Case("1,000 folders", SYNTAX, _at_path("model/" + "a/" * 1000 + "b")),
    Case("another case", CLASH, files({"model/WEIGHTS.bin": b""})),
    Case("a folder of another case", CLASH, files({"model/More/other.bin": b""})),
    Case("a file where a folder is", CLASH, files({"model/more": b""})),
    Case("a folder where a file is", CLASH, files({"model/weights.bin/evil": b""})),
]  # fmt: skip


def _code(*members: bytes) -> Attack:
    return files({CODE: lambda: tar(*members)})


def _sparse() -> bytes:
    size = str(200 << 20)
    return pax(GNU__sparse__major="0", GNU__sparse__map="0,0", GNU__sparse__size=size)


RUN = member("code/pipeline.py", b"x = 1\n")
CODE_TAR = "package/code"
NEGATIVE = b"\xff" * 8 + (-1024 & 0xFFFFFFFF).to_bytes(4, "big")
CODE_TARS = [
    Case("an empty file", CODE_TAR, files({CODE: b""})),
    Case("text", CODE_TAR, files({CODE: b"#!/bin/sh\n" * 100})),
    Case("a zip", CODE_TAR, files({CODE: lambda: zipped(["code/pipeline.py"])})),
    Case("a compressed tar", CODE_TAR, files({CODE: lambda: gzipped(RIGHT[CODE])})),
    Case("a gzip bomb", CODE_TAR, files({CODE: lambda: gzipped(bytes(100 << 20))})),
    Case("a truncated tar", CODE_TAR, files({CODE: RIGHT[CODE][:700]})),
    Case("no end", CODE_TAR, files({CODE: RIGHT[CODE].rstrip(b"\0")})),
    Case("more padding", CODE_TAR, files({CODE: RIGHT[CODE] + bytes(10240)})),
    Case("something after the end", CODE_TAR, files({CODE: RIGHT[CODE] + RUN})),
    Case("a slip", SYNTAX, _code(member("code/../../evil.py"))),
    Case("a slip from the start", CODE_TAR, _code(member("../evil.py"))),
    Case("an absolute path", CODE_TAR, _code(member("/etc/cron.d/evil"))),
    Case("an absolute path below", SYNTAX, _code(member("code//etc/passwd"))),
    Case("backslashes", SYNTAX, _code(member("code/..\\..\\evil.py"))),
    Case("a name with NUL", f"{CODE_TAR} {SYNTAX}", _code(member(b"code/a\0/../../evil"))),
    Case("a name with a newline", SYNTAX, _code(member("code/a\nb.py"))),
    Case("a name that is not UTF-8", SYNTAX, _code(member(b"code/\xff\xfe.py"))),
    Case("a name outside", CODE_TAR, _code(member("model/weights.bin"))),
    Case("no name", CODE_TAR, _code(member(b""))),
    Case("the folder itself", f"{CODE_TAR} {SYNTAX}", _code(member("code/"))),
    Case("a prefix", CODE_TAR, _code(member("evil.py", raw={345: b"code/.."}))),
    Case("a symbolic link", CODE_TAR, _code(member("code/a", type=b"2", linkname="/etc"))),
    Case("a file through a link", CODE_TAR, _code(member("code/a", type=b"2", linkname="../.."), member("code/a/evil"))),
    Case("a hard link", CODE_TAR, _code(RUN, member("code/a", type=b"1", linkname="/etc/passwd"))),
    Case("a character device", CODE_TAR, _code(member("code/a", type=b"3", devmajor=1, devminor=5))),
    Case("a block device", CODE_TAR, _code(member("code/a", type=b"4", devmajor=8))),
    Case("a folder", CODE_TAR, _code(member("code/a", type=b"5"))),
    Case("a pipe", CODE_TAR, _code(member("code/a", type=b"6"))),
    Case("a contiguous file", CODE_TAR, _code(member("code/a", type=b"7"))),
    Case("an unknown type", CODE_TAR, _code(member("code/a", type=b"Z"))),
    Case("an old type", CODE_TAR, _code(member("code/a", type=b"\0"))),
    Case("a GNU sparse file", CODE_TAR, _code(member("code/a", type=b"S", raw={483: b"77777777777\0"}))),
    Case("PAX sparse files of 200 MB each", CODE_TAR, _code(*[_sparse() + member(f"code/{n}") for n in range(100)])),
    Case("a name twice", CODE_TAR, _code(RUN, RUN)),
    Case("names of two cases", CODE_TAR, files({CODE: lambda: write_code_tar({"a.py": b"", "A.py": b""})})),
    Case("a file that is a folder", CODE_TAR, files({CODE: lambda: write_code_tar({"a": b"", "a/b": b""})})),
    Case("members in another order", CODE_TAR, _code(member("code/b.py"), member("code/a.py"))),
    Case("PAX path", CODE_TAR, _code(pax(path="code/short.py") + RUN)),
    Case("PAX path that slips", SYNTAX, _code(pax(path=f"code/{'a/' * 50}../../evil") + RUN)),
    Case("PAX size", CODE_TAR, _code(pax(size="99999999999") + RUN)),
    Case("PAX link", CODE_TAR, _code(pax(linkpath="/etc/passwd") + RUN)),
    Case("PAX without sense", CODE_TAR, _code(member("x", b"not a record\n", type=b"x") + RUN)),
    Case("a PAX header of 4 MB", CODE_TAR, _code(pax(comment="x" * 4_000_000) + RUN)),
    Case("two PAX headers", CODE_TAR, _code(pax(path="code/a.py") + pax(path="code/b.py") + RUN)),
    Case("a global PAX header", CODE_TAR, _code(pax(b"g", path="code/evil.py") + RUN)),
    Case("a GNU long name", CODE_TAR, _code(member("././@LongLink", b"code/a.py\0", type=b"L") + RUN)),
    Case("3,000 GNU long names", CODE_TAR, _code(*[member("././@LongLink", b"code/a\0", type=b"L")] * 3000, RUN)),
    Case("3,000 PAX headers", CODE_TAR, _code(*[pax(path="code/a.py")] * 3000, RUN)),
    Case("a GNU long link", CODE_TAR, _code(member("././@LongLink", b"/etc\0", type=b"K") + RUN)),
    Case("a size of 8 GiB", CODE_TAR, _code(member("code/a.py", raw={124: b"77777777777\0"}))),
    Case("a size of 2^88", CODE_TAR, _code(member("code/a.py", raw={124: b"\x80" + b"\xff" * 11}))),
    Case("a negative size", CODE_TAR, _code(member("code/a.py", raw={124: NEGATIVE}))),
    Case("a size with a sign", CODE_TAR, _code(member("code/a.py", raw={124: b"-0000001000\0"}))),
    Case("a size in decimals", CODE_TAR, _code(member("code/a.py", raw={124: b"00000000099\0"}))),
    Case("a time", CODE_TAR, _code(member("code/a.py", mtime=1))),
    Case("an owner", CODE_TAR, _code(member("code/a.py", uid=1000))),
    Case("a name of an owner", CODE_TAR, _code(member("code/a.py", uname="root"))),
    Case("a mode with setuid", CODE_TAR, _code(member("code/a.py", mode=0o4755))),
    Case("a wrong check sum", CODE_TAR, _code(member("code/a.py", mode=0o644, raw={148: b"000000\0 "}))),
    Case("no magic", CODE_TAR, _code(member("code/a.py", mode=0o644, raw={257: bytes(8)}))),
]  # fmt: skip


def _everywhere(name: str, codes: str, content: bytes) -> list[Case]:
    """Return an attack on every JSON file of a package."""
    listed = sorted(path for path in RIGHT if path.endswith((".json", ".jsonl")))
    return [Case(f"{path}: {name}", codes, files({path: content})) for path in listed]


def _environment(value: object, *place: str) -> Attack:
    return document("ketch/environment.json", "environment", *place, value=value)


def _field(declared: object) -> Attack:
    return document("ketch/schema.json", "inputs", 0, value=declared)


def _scenarios(*changes: Mapping[str, object]) -> Attack:
    one = {"name": "one", "inputs": [{"name": "Ann"}], "expected": [{"score": 1.0}]}
    lines = [canonical_json({**one, **change}) + b"\n" for change in changes]
    return files({"ketch/scenarios.jsonl": b"".join(lines)})


def _trace(*place: str | int, value: object) -> Attack:
    return document("ketch/traces.jsonl", *place, value=value)


def _profile(*place: str | int, value: object) -> Attack:
    return document("ketch/data.json", "data", "training", "profile", *place, value=value)


def _data(name: str, sample: str) -> Attack:
    table = {"source": "s3://shop/", "sample": sample, "ship": True}
    return document("ketch/data.json", "data", value={name: table})


def _lock(line: str) -> Attack:
    return files({"ketch/requirements.lock": f"# ketch lock 1\n# python 3.11.7\n{line}\n".encode()})


def _wrong_fields() -> bytes:
    fields = [{"name": f"a{n}", "type": "flaot64"} for n in range(60_000)]
    return canonical_json({"inputs": fields, "outputs": []})


IDENTITY = "ketch/package.json"
ANY_JSON = f"{JSON} {PACKAGE} scenario/unreadable package/trace schema/"
HASH = f"    --hash=sha256:{'1e' * 32}"
DOCUMENTS = [
    *_everywhere("objects 100,000 deep", ANY_JSON, bomb(100_000, b'{"data":', b"}")),
    *_everywhere("33 levels", ANY_JSON, bomb(33)),
    *_everywhere("not a number", ANY_JSON, b'{"a":NaN}'),
    *_everywhere("a number beyond doubles", ANY_JSON, b'{"a":-1e999}'),
    *_everywhere("a member twice", ANY_JSON, b'{"a":1,"a":2}'),
    *_everywhere("not UTF-8", ANY_JSON, b'{"a":"\xc3\x28"}'),
    *_everywhere("a list", ANY_JSON, b"[]"),
    *_everywhere("text", ANY_JSON, b'"x"'),
    *_everywhere("an unknown table", f"{ANY_JSON} package/format-version", b'{"evil":{}}'),
    Case("format 2", "package/format-version", document(IDENTITY, "format", value="2")),
    Case("format as a number", "package/format-version", document(IDENTITY, "format", value=1)),
    Case("an identity in the parameters", PACKAGE, document("ketch/params.json", "package", value={"name": "x"})),
    Case("a name that is a path", PACKAGE, document(IDENTITY, "package", "name", value="../evil")),
    Case("a name with an escape", PACKAGE, document(IDENTITY, "package", "name", value="a\x1b[2J")),
    Case("another name than the manifest's", PACKAGE, document(IDENTITY, "package", "name", value="payments")),
    Case("a version that is no version", PACKAGE, document(IDENTITY, "package", "version", value="latest")),
    Case("a version of 5,000 digits", PACKAGE, document(IDENTITY, "package", "version", value="1" * 5000)),
    Case("a description with an escape", PACKAGE, document(IDENTITY, "package", "description", value="\x1b[2J")),
    Case("an owner right to left", PACKAGE, document(IDENTITY, "package", "owner", value="\u202eevil")),
    Case("an owner that is a list", PACKAGE, document(IDENTITY, "package", "owner", value=["x"])),
    Case("a negative budget", PACKAGE, document(IDENTITY, "budget", "memory_mb", value=-1)),
    Case("a budget beyond doubles", f"{PACKAGE} {JSON}", document(IDENTITY, "budget", "memory_mb", value=10**400)),
    Case("a budget of 1e308 MB", PACKAGE, document(IDENTITY, "budget", "memory_mb", value=1e308)),
    Case("a shell in an entry point", PACKAGE, document("ketch/pipeline.json", "pipeline", "load", value="os:system('x')")),
    Case("an entry point with a path", PACKAGE, document("ketch/pipeline.json", "pipeline", "steps", value=["../evil:run"])),
    Case("no steps", PACKAGE, document("ketch/pipeline.json", "pipeline", "steps", value=[])),
    Case("100,000 unknown keys", PACKAGE, document("ketch/pipeline.json", "pipeline", value={f"step{n}": n for n in range(100_000)})),
    Case("an inexact Python", PACKAGE, _environment("3.11", "python")),
    Case("a Python that is a path", PACKAGE, _environment("/usr/bin/python3", "python")),
    Case("a variable with `=`", PACKAGE, _environment({"A=B": "x"}, "variables")),
    Case("a variable with NUL", PACKAGE, _environment({"A\0": "x"}, "variables")),
    Case("a variable that is a number", PACKAGE, _environment({"A": 1}, "variables")),
    Case("a secret with a value", PACKAGE, _environment({"FEATURE_TOKEN": "x"}, "variables")),
    Case("secrets with values", PACKAGE, _environment({"FEATURE_TOKEN": "x"}, "secrets")),
    Case("a sample of the host", PACKAGE, _data("../../../../../etc", "passwd")),
    Case("a sample at an absolute path", PACKAGE, _data("/etc", "passwd")),
    Case("a sample that is not there", PACKAGE, _data("training", "other.csv")),
    Case("data that is a list", PACKAGE, document("ketch/data.json", "data", value=[])),
    Case("a profile that is a list", "package/profile", _profile(value=[])),
    Case("a profile of another format", "package/profile", _profile("format", value="pickle")),
    Case("a profile with a column that is text", "package/profile", _profile("columns", 0, value="x")),
    Case("a profile with counts of lists", "package/profile", _profile("columns", 0, "frequent", value=[[[1], 2]])),
    Case("a profile with a sketch that is no base64", "package/profile", _profile("columns", 0, "distinct_sketch", value="*")),
    Case("a schema with a type 40 deep", "schema/", _field({"name": "a", "type": "list<" * 40 + "int64" + ">" * 40})),
    Case("a schema with a type of 1 MB", "schema/", _field({"name": "a", "type": "list<" * 200_000})),
    Case("a schema with a struct 40 deep", f"schema/ {JSON}", _field({"name": "a", "type": "struct<a: " * 40 + "int64" + ">" * 40})),
    Case("a schema with 60,000 wrong fields", "schema/", files({"ketch/schema.json": _wrong_fields})),
    Case("a schema with a field that is null", "schema/", _field(None)),
    Case("a schema with a field twice", "schema/", document("ketch/schema.json", "inputs", value=[{"name": "a", "type": "bool"}] * 2)),
    Case("a schema with a name of control characters", "schema/", _field({"name": "a\x1b", "type": "bool"})),
    Case("a schema that compares with a shell", "schema/", _field({"name": "a", "type": "bool", "compare": "os.system"})),
    Case("a schema with a zone that is a path", "schema/", _field({"name": "a", "type": "timestamp[us, ../../etc/passwd]"})),
    Case("a scenario twice", "scenario/", _scenarios({}, {})),
    Case("a scenario that expects nothing", "scenario/", files({"ketch/scenarios.jsonl": b'{"name":"a","inputs":[{}]}'})),
    Case("a scenario without rows", "scenario/", _scenarios({"inputs": []})),
    Case("a scenario with an escape", "scenario/", _scenarios({"name": "\x1b]0;evil\x07"})),
    Case("a scenario with rows that are text", "scenario/", _scenarios({"expected": ["x"]})),
    Case("a scenario after a million empty lines", "scenario/", files({"ketch/scenarios.jsonl": b"\n" * 1_000_000 + b"{"})),
    Case("a trace without a name", "package/trace", _trace("scenario", value=None)),
    Case("a trace of a wrong digest", "package/", _trace("inputs", value="sha256:x")),
    Case("a trace with steps that are an object", "package/trace", _trace("steps", value={})),
    Case("a trace with a field that is text", "package/trace", _trace("steps", 0, "fields", 0, value="x")),
    Case("an empty lock", "env/lock", files({"ketch/requirements.lock": b""})),
    Case("a lock that is not UTF-8", PACKAGE, files({"ketch/requirements.lock": b"\xff\xfe"})),
    Case("a lock with an address", "env/lock", _lock(f"six @ https://evil.example/six.whl \\\n{HASH}")),
    Case("a lock with an index", "env/lock", _lock("--index-url https://evil.example/simple")),
    Case("a lock with a trusted host", "env/lock", _lock("--trusted-host evil.example")),
    Case("a lock with another file", "env/lock", _lock("-r /etc/passwd")),
    Case("a lock with an editable", "env/lock", _lock("-e git+https://evil.example/x")),
    Case("a lock with a path", "env/lock", _lock("./evil.whl")),
    Case("a lock without a hash", "env/lock", _lock("six==1.16.0")),
    Case("a lock with a range", "env/lock", _lock(f"six>=1.16.0 \\\n{HASH}")),
    Case("a lock with an md5", "env/lock", _lock(f"six==1.16.0 \\\n    --hash=md5:{'1e' * 16}")),
    Case("a lock with a variable", "env/lock", _lock(f"six==${{HOME}} \\\n{HASH}")),
    Case("a lock with a marker 5,000 deep", "env/lock", _lock(f"six==1.16.0 ; {'(' * 5000}1 \\\n{HASH}")),
    Case("a lock with a vertical tab", "env/lock", _lock(f"six==1.16.0 \\\v{HASH}")),
]  # fmt: skip


def _packed(*more: bytes, index: object = None, without: str = "") -> bytes:
    """Return the right package as an archive, and whatever else."""
    blobs, top = right_blobs()
    return layout(blobs, index_of(entry(top)) if index is None else index, *more, without=without)


def _archive(*more: bytes) -> Attack:
    return archive(lambda: _packed(*more))


def _index(make: Callable[[Body], object], *more: bytes) -> Attack:
    """Return the attack of an archive whose index is made from the entry of the package."""
    return archive(lambda: _packed(*more, index=make(entry(right_blobs()[1]))))


def _without(name: str) -> Attack:
    return archive(lambda: _packed(without=name))


def _nested_indexes() -> bytes:
    blobs, top = right_blobs()
    inner, kind = top, "application/vnd.oci.image.manifest.v1+json"
    for _ in range(8):
        inner, kind = canonical_json(index_of(entry(inner, kind))), IMAGE_INDEX
        blobs.append(inner)
    return layout(blobs, index_of(entry(inner, IMAGE_INDEX)))


def _looping_index() -> bytes:
    """Return an archive of an index that says it holds itself; its digest cannot be right."""
    claimed = entry(b"", IMAGE_INDEX, digest=ZEROS, size=10)
    looping = canonical_json(index_of(claimed))
    return layout([], index_of(entry(looping, IMAGE_INDEX)), blob(looping))


def _two_sizes() -> bytes:
    """Return an archive of a manifest that gives one blob two sizes, under two types."""
    body = json.loads(right_blobs()[1])
    body["layers"].append({**body["layers"][0], "mediaType": "a/b", "size": 999})
    top = canonical_json(body)
    return layout([*right_blobs()[0], top], index_of(entry(top)))


def _many_lists(count: int) -> Attack:
    """Return the attack of one list of 4 MB, listed again and again for another subject."""

    def make() -> bytes:
        listed = canonical_json(index_of()) + b" " * 4_000_000
        names = [f"sha256-{Digest.of(str(n).encode()).hex}" for n in range(count)]
        tops = [entry(listed, IMAGE_INDEX, annotations={REF_NAME: name}) for name in names]
        return layout([listed], index_of(*tops))

    return archive(make)


def _one_referrer_often() -> Attack:
    """Return the attack of a list that names one large manifest 20,000 times."""
    _, top = right_blobs()
    body = {**json.loads(top), "subject": entry(b"x"), "annotations": {"a": "a" * 3_000_000}}
    large = canonical_json(body)

    def make() -> bytes:
        listed = canonical_json(index_of(*[entry(large)] * 20_000))
        name = f"sha256-{Digest.of(b'x').hex}"
        tops = [entry(top), entry(listed, IMAGE_INDEX, annotations={REF_NAME: name})]
        return _packed(blob(listed), blob(large), index=index_of(*tops))

    return archive(make)


def _lacking() -> bytes:
    blobs, top = right_blobs()
    return layout(blobs[1:], index_of(entry(top)))


def _referrers(listed: bytes, subject: str, *blobs: bytes) -> Attack:
    """Return the attack of an archive whose index of referrers lies."""
    name = {REF_NAME: subject.replace(":", "-")}

    def make() -> bytes:
        _, top = right_blobs()
        lying = canonical_json(index_of(entry(listed)))
        tops = [entry(top), entry(lying, IMAGE_INDEX, annotations=name)]
        return _packed(blob(lying), *(blob(each) for each in blobs), index=index_of(*tops))

    return archive(make)


def _right_digest() -> str:
    return str(Digest.of(right_blobs()[1]))


HEX = "ab" * 32
ARCHIVES = [
    Case("an empty archive", "archive/", archive(lambda: b"")),
    Case("zeros", "archive/", archive(lambda: bytes(10240))),
    Case("text", "archive/", archive(lambda: b"not an archive at all\n" * 100)),
    Case("a zip named .tar", "archive/", archive(lambda: zipped(["index.json", "../evil"]))),
    Case("a gzip bomb", "archive/compressed", archive(lambda: gzipped(bytes(100 << 20)))),
    Case("zstd", "archive/compressed", archive(lambda: b"\x28\xb5\x2f\xfd".ljust(1024, b"x"))),
    Case("an archive cut in half", "archive/truncated", archive(lambda: (whole := _packed())[: len(whole) // 2])),
    Case("an archive without its end", "archive/truncated", archive(lambda: _packed().rstrip(b"\0"))),
    Case("two archives in one", "archive/", archive(lambda: _packed() * 2)),
    Case("garbage after the end", "archive/trailing-bytes", archive(lambda: _packed() + b"evil")),
    Case("a wrong check sum", "archive/header", _archive(member("x", raw={148: b"000000\0 "}))),
    Case("no magic", "archive/header", _archive(member("x", raw={257: bytes(8)}))),
    Case("an extra file", "archive/name", _archive(member("evil.sh"))),
    Case("the folder above", "archive/name", _archive(member("../evil"))),
    Case("an absolute path", "archive/name", _archive(member("/etc/cron.d/evil"))),
    Case("a path through the blobs", "archive/name", _archive(member(f"{BLOBS}../../../evil"))),
    Case("a folder inside the blobs", "archive/name", _archive(member(f"{BLOBS}evil/", type=b"5"))),
    Case("a nested folder", "archive/name", _archive(member("blobs/sha256/a/b/c", b"x"))),
    Case("blobs of another algorithm", "archive/name", _archive(member(f"blobs/sha512/{'a' * 80}"))),
    Case("a blob named in capitals", "archive/name", _archive(member(BLOBS + HEX.upper()))),
    Case("a blob with a short name", "archive/name", _archive(member(BLOBS + HEX[:20]))),
    Case("a blob with a newline", "archive/name", _archive(member(f"{BLOBS}{HEX}\n"))),
    Case("a name that is not ASCII", "archive/name", _archive(member(b"blobs/sha256/\xff"))),
    Case("a blob of other content", "package/digest-mismatch", _archive(blob(b"evil", HEX))),
    Case("a blob twice", "archive/duplicate", _archive(blob(b"x"), blob(b"x"))),
    Case("an index twice", "archive/duplicate", _archive(member("index.json", b"{}"))),
    Case("an index twice, by another path", "archive/duplicate", _archive(member("./index.json", b"{}"))),
    Case("a symbolic link", "archive/member-type", _archive(member("blobs", type=b"2", linkname="/tmp"))),
    Case("a link and a file through it", "archive/member-type", _archive(member("blobs/sha256", type=b"2", linkname="/etc"), member(BLOBS + HEX))),
    Case("a hard link", "archive/member-type", _archive(member(BLOBS + HEX, type=b"1", linkname="/etc/passwd"))),
    Case("a device", "archive/member-type", _archive(member(BLOBS + HEX, type=b"3", devmajor=1, devminor=5))),
    Case("a pipe", "archive/member-type", _archive(member(BLOBS + HEX, type=b"6"))),
    Case("a sparse file", "archive/member-type", _archive(member(BLOBS + HEX, type=b"S"))),
    Case("a long name", "archive/member-type", _archive(member("././@LongLink", b"../evil\0", type=b"L"))),
    Case("a global PAX header", "archive/member-type", _archive(pax(b"g", path="../evil"))),
    Case("a PAX path", "archive/header", _archive(pax(path="../../evil"), member("x"))),
    Case("a PAX sparse file", "archive/header", _archive(_sparse(), member("x"))),
    Case("a PAX size of 10 EB", "archive/ package/", _archive(pax(size="9" * 19), member(BLOBS + HEX))),
    Case("a negative PAX size", "archive/header", _archive(pax(size="-5"), member(BLOBS + HEX))),
    Case("a PAX header of 1 MB", "archive/header", _archive(pax(uname="x" * 1_000_000))),
    Case("10,000 PAX headers", "archive/name", _archive(*[pax(uname="x")] * 10_000, member("evil"))),
    Case("a size of 2^88", "archive/", _archive(member(BLOBS + HEX, raw={124: b"\x80" + b"\xff" * 11}))),
    Case("a negative size", "archive/header", _archive(member(BLOBS + HEX, raw={124: NEGATIVE}))),
    Case("a folder with content", "archive/header", _archive(member("blobs/", b"x", type=b"5", size=1))),
    Case("no index", "archive/not-a-layout", _without("index.json")),
    Case("no layout file", "archive/not-a-layout", _without("oci-layout")),
    Case("another layout", "archive/not-a-layout", archive(lambda: tar(member("oci-layout", b'{"imageLayoutVersion":"9"}'), member("index.json", b"{}")))),
    Case("a layout file that is a bomb", JSON, archive(lambda: tar(member("oci-layout", bomb(100_000)), member("index.json", b"{}")))),
    Case("a layout file of 5 MB", "archive/too-large", archive(lambda: tar(member("oci-layout", b" " * 5_000_000)))),
    Case("an index of 5 MB", "archive/too-large", archive(lambda: tar(member("oci-layout", LAYOUT), member("index.json", b" " * 5_000_000)))),
    Case("an index that is a bomb", JSON, _index(lambda _: bomb(100_000, b'{"manifests":', b"}"))),
    Case("an index with a member twice", JSON, _index(lambda _: b'{"schemaVersion":2,"schemaVersion":2,"manifests":[]}')),
    Case("an index with NaN", JSON, _index(lambda top: encoded({**index_of(top), "x": float("nan")}))),
    Case("an index that is a list", "store/index", _index(lambda top: [top])),
    Case("an index without entries", "store/index", _index(lambda _: {"schemaVersion": 2})),
    Case("an index with an entry that is text", "store/index", _index(lambda _: {"schemaVersion": 2, "manifests": ["x"]})),
    Case("an index with a wrong size", "package/ store/", _index(lambda top: index_of({**top, "size": 7}))),
    Case("an index with a negative size", PACKAGE, _index(lambda top: index_of({**top, "size": -7}))),
    Case("an index with a wrong digest", "package/digest-syntax", _index(lambda top: index_of({**top, "digest": "sha256:../x"}))),
    Case("an index of what is not there", "store/ archive/incomplete", _index(lambda top: index_of(top, {**top, "digest": ZEROS}))),
    Case("an index of a blob that is no manifest", f"{PACKAGE} {JSON}", _index(lambda _: index_of(entry(RIGHT["README.md"])))),
    Case("a package of which a blob is missing", "archive/incomplete store/no-blob", archive(_lacking)),
    Case("indexes eight deep", PACKAGE, archive(_nested_indexes)),
    Case("an index that holds itself", "store/ archive/ package/", archive(_looping_index)),
    Case("something between the members", "archive/trailing-bytes", archive(lambda: _packed().replace(LAYOUT + b"\0", LAYOUT + b"x"))),
    Case("an index of a type of its own", "store/not-a-manifest", _index(lambda top: index_of({**top, "mediaType": "a/b"}))),
    Case("an index of a Docker manifest", "store/not-a-manifest", _index(lambda top: index_of({**top, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}))),
    Case("an index with one name twice", "archive/duplicate", _index(lambda top: index_of(*[{**top, "annotations": {REF_NAME: "hello:1.0.0"}}] * 2))),
    Case("an index of 20,000 times one package", "archive/too-many", _index(lambda top: index_of(*[top] * 20_000))),
    Case("an index with a name that is a list", PACKAGE, _index(lambda top: index_of({**top, "annotations": {REF_NAME: ["a"]}}))),
    Case("an index with an escape in a name", "archive/ store/ package/", _index(lambda top: index_of({**top, "annotations": {REF_NAME: "a\x1b[2J"}}, {**top, "annotations": {REF_NAME: "a\x1b[2J"}}))),
    Case("two sizes of one blob", PACKAGE, archive(_two_sizes)),
    Case("50 lists of 4 MB of referrers", "archive/foreign-referrer", _many_lists(50)),
    Case("a list of 20,000 times one referrer", "archive/foreign-referrer", _one_referrer_often()),
    Case("a referrer of itself", "store/not-a-referrer archive/ store/", _referrers(right_blobs()[1], _right_digest(), right_blobs()[1])),
    Case("a referrer of another package", "archive/foreign-referrer store/", _referrers(right_blobs()[1], ZEROS)),
    Case("a referrer that refers to nothing", "store/not-a-referrer", _referrers(right_blobs()[1], _right_digest())),
    Case("a referrer that is no manifest", f"{JSON} {PACKAGE}", _referrers(b"x", _right_digest(), b"x")),
]  # fmt: skip

BAD_NAMES = (
    "", "..", "../evil", "/etc/passwd", "a/b", "A", "Payments", "a\0", "a\n", "a b", "\x1b[2J", "-rf",
    ".hidden", "a..b", "a.", "\u0430pple", "a" * 65, "a" * 1_000_000, "%2e%2e", "a%00", "$(id)", "a;b",
    "sha256:" + "a" * 64, "a@b", "a:b", "nul\u200b", "a\u202eb", "caf\u00e9", "cafe\u0301", "\uff41", "\u0130",
    "\ufb01le", "a\u200db", "\udce9", "a\x9b31m",
)  # fmt: skip
BAD_VERSIONS = (
    "", "latest", "v1", "1.0.0\n", "../1", "1/0", "1.0+local", "1!1.0", "01.0", "1.0-1", "1" * 5000,
    "\u0661.0", "1.0 ", "$(id)", "1.0\0",
)  # fmt: skip
BAD_REFERENCES = (
    "", ":", "@", "a:", "a@", "a@sha256:abc", f"a@sha256:{'A' * 64}", f"a@sha512:{'a' * 128}", "a:1:2",
    "a@prod@dev", "../a:1.0", "a:../1.0", "a@../../etc", "a:1.0\n", " a:1.0", "a@PROD", "a@\x1b[2J",
    "a:" + "1" * 1_000_000, "https://evil.example/a:1.0", f"sha256:{'a' * 64}",
)  # fmt: skip


def _names(
    kind: str, codes: str, parse: Callable[[str], object], texts: Iterable[str]
) -> list[Case]:
    return [
        Case(f"{kind} {text[:20]!a} of {len(text)}", codes, refuses(parse, text)) for text in texts
    ]


BAD_PATHS = ("", "..", "/a", "a/../b", "a\\b", "a\0b", "con", "a" * 1_000_000)
BAD_TAGS = ("", "../a", "a b", "a\n", "-a", "a" * 300, f"sha256-{'a' * 64}")
NAMES = [
    *_names("name", "package/name-syntax", PackageName.parse, BAD_NAMES),
    *_names("version", "package/version-syntax", PackageVersion.parse, BAD_VERSIONS),
    *_names("reference", "reference/", Reference.parse, BAD_REFERENCES),
    *_names("path", SYNTAX, PackagePath.parse, BAD_PATHS),
    *_names("tag", "store/tag-syntax", MemoryStore().untag, BAD_TAGS),
]

SECTIONS: dict[str, list[Case]] = {
    "manifest": MANIFESTS,
    "path": PATHS,
    "code.tar": CODE_TARS,
    "document": DOCUMENTS,
    "archive": ARCHIVES,
    "name": NAMES,
}
CASES = [
    Case(f"{section}: {case.name}", case.codes, case.attack)
    for section, cases in SECTIONS.items()
    for case in cases
]
IN_PACKAGES = [*MANIFESTS, *PATHS, *CODE_TARS, *DOCUMENTS]
