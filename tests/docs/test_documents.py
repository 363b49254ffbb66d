"""The documents are whole: links lead somewhere, and what exists is written down."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

import ketch
from ketch.cli.main import VERBS, app
from ketch.package import ketch_toml
from ketch.package.keys import Table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "changelog.d").glob("*.md")),
]
PACKAGES = [
    *sorted((ROOT / "src" / "ketch" / "demo" / "projects").iterdir()),
    ROOT / "tests" / "projects" / "thermometer",
]
SOURCES = sorted((ROOT / "src" / "ketch").rglob("*.py"))

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"`ketch ([a-z]+)((?: [^`]*)?)`")
_INDENTED = re.compile(r"^ {4,}(?:[A-Z_]+=\S+ )?ketch ([a-z]+)(.*)$", re.MULTILINE)
_FLAG = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    return _FENCED.sub("", path.read_text())


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if heading:
            assert heading in headings(target), f"{link}: no such heading"


def headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_talks_down_to_nobody_and_names_no_machine(page: Path) -> None:
    text = prose(page)
    without_code = re.sub(r"`[^`]*`", "", text)
    assert not re.search(r"\b(simply|just|obviously|easily)\b", without_code, re.IGNORECASE)
    assert not re.search(r"/root\b|/home/|/tmp/|/work/|pypi\.org|localhost:\d", text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_no_verb_and_no_flag_that_ketch_does_not_have(page: Path) -> None:
    text = page.read_text()
    for verb, rest in [*commands_in(text), *_INDENTED.findall(text)]:
        assert_known(verb, rest)


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_hint_in_the_code_names_no_verb_and_no_flag_that_ketch_does_not_have(
    source: Path,
) -> None:
    for verb, rest in commands_in(source.read_text()):
        assert_known(verb, rest)


def commands_in(text: str) -> list[tuple[str, str]]:
    return _COMMAND.findall(text)


def assert_known(verb: str, rest: str) -> None:
    assert verb in VERBS, f"there is no `ketch {verb}`"
    for flag in _FLAG.findall(rest):
        assert flag in flags_of(verb), f"`ketch {verb}` has no `{flag}`"


def flags_of(verb: str) -> set[str]:
    found = {"--help", "--version"}
    commands = [app(verb)[verb]]
    while commands:
        one = commands.pop()
        commands += [one[part] for part in one if not part.startswith("-")]
        if one.default_command is not None:
            for argument in one.assemble_argument_collection():
                found.update(argument.names)
    return found


def test_every_verb_is_in_the_reference_and_the_changelog() -> None:
    page = (REFERENCE / "cli.md").read_text()
    changelog = "".join(path.read_text() for path in (ROOT / "changelog.d").glob("*.md"))
    for verb in VERBS:
        assert f"## ketch {verb}\n" in page
        assert f"`ketch {verb}`" in changelog


def test_every_name_of_the_changelog_is_public() -> None:
    for path in (ROOT / "changelog.d").glob("*.md"):
        for name in re.findall(r"`ketch\.(\w+)`", path.read_text()):
            assert name in ketch.__all__, name


@pytest.mark.parametrize("folder", PACKAGES, ids=name_of)
def test_the_schema_for_editors_takes_what_ketch_takes(folder: Path) -> None:
    schema = json.loads((REFERENCE / "ketch.schema.json").read_text())
    document = tomllib.loads((folder / "ketch.toml").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)


def test_every_code_of_the_source_has_a_sentence_and_every_sentence_a_code() -> None:
    generator = load_generator()
    assert set(generator.codes()) == set(generator.read_sentences())


def test_every_sentence_about_a_code_says_when_and_what_to_do() -> None:
    for code, says in load_generator().read_sentences().items():
        assert {"when", "do"} <= set(says) <= {"when", "do", "class"}, code
        assert says["when"].endswith("."), code
        assert says["do"].endswith("."), code


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run `python docs/generate.py`\n{done.stdout}{done.stderr}"


def test_every_table_of_the_manifest_is_in_the_reference() -> None:
    listed = {id(table) for table in load_generator().TABLES.values()}
    tables = [
        one for name, one in vars(ketch_toml).items() if isinstance(one, Table) and name[0] != "_"
    ]
    assert all(id(table) in listed for table in tables)


def test_every_variable_that_the_source_reads_is_in_the_settings() -> None:
    read = re.compile(
        r"""(?:environ(?:\.get)?[(\[]|getenv\()\s*["']([A-Z][A-Z_]+)["']|["'](KETCH_[A-Z_]+)["']"""
    )
    page = (REFERENCE / "settings.md").read_text()
    sources = (path for path in SOURCES if path.name != "worker.py" and "testing" not in path.parts)
    for path in sources:
        for names in read.findall(path.read_text()):
            name = "".join(names)
            assert f"`{name}`" in page or name == "HOME", f"{name_of(path)} reads {name}"


def test_the_files_of_the_reading_order_exist_and_open_with_a_docstring() -> None:
    overview = (DOCS / "architecture" / "00-overview.md").read_text()
    rows = re.findall(r"^\| \d+ \| (.+?) \|", overview, re.MULTILINE)
    files = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(files) >= 10
    for name in files:
        assert (ROOT / name).is_file(), f"{name} is gone"
        if name.endswith(".py"):
            assert (ROOT / name).read_text().startswith('"""'), f"{name} has no docstring"


@pytest.mark.parametrize("page", sorted((DOCS / "architecture").glob("0[1-9]*.md")), ids=name_of)
def test_an_architecture_page_names_files_that_exist(page: Path) -> None:
    there = [path.as_posix() for path in SOURCES]
    named = re.findall(r"`([\w/]+\.py)`", page.read_text())
    assert named
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in there)] == []


def test_the_minutes_of_the_reading_order_are_thirty() -> None:
    overview = (DOCS / "architecture" / "00-overview.md").read_text()
    assert sum(map(int, re.findall(r"^\| (\d+) \|", overview, re.MULTILINE))) == 30


def test_every_word_of_the_glossary_is_used_somewhere_else() -> None:
    page = REFERENCE / "glossary.md"
    words = re.findall(r"^\| \*\*([a-z ]+)\*\* \|", page.read_text(), re.MULTILINE)
    assert len(words) > 30
    assert words == sorted(words)
    others = [*(one for one in PAGES if one != page), *SOURCES]
    said = " ".join(path.read_text().lower() for path in others)
    assert not [word for word in words if not re.search(rf"\b{word}s?\b", said)]


def test_decisions_are_numbered_without_a_gap_and_say_what_they_cost() -> None:
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for number, path in enumerate(decisions, 1):
        text = path.read_text()
        assert text.startswith(f"# {number}. "), path.name
        for part in ("**Context.**", "**Outcome.**", "**Cost.**"):
            assert part in text, f"{path.name} has no {part}"


def test_every_how_to_guide_is_listed() -> None:
    index = (DOCS / "how-to" / "README.md").read_text()
    guides = [path.name for path in (DOCS / "how-to").glob("*.md") if path.name != "README.md"]
    assert [name for name in guides if f"({name})" not in index] == []


def test_the_readme_shows_a_transcript_of_under_twenty_lines() -> None:
    blocks = re.findall(
        r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 1
    assert len(blocks[0].splitlines()) < 20
