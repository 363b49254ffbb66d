from __future__ import annotations

from pathlib import Path

import pytest

from ketch.env import read_requirements


def codes(folder: Path, source: str | None = None) -> list[str]:
    return [finding.code for finding in read_requirements(folder, source=source).findings]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_a_folder_that_names_nothing_needs_nothing(tmp_path: Path) -> None:
    found = read_requirements(tmp_path)
    assert (found.source, found.lines, found.findings) == (None, (), ())


def test_requirements_are_normalised(tmp_path: Path) -> None:
    write(
        tmp_path,
        "requirements.txt",
        "Scikit_Learn >= 1.9,<2  # the model\n\n# note\nuvicorn[standard]; sys_platform=='linux'\nsix\\\n ==1.16.0\n",
    )
    found = read_requirements(tmp_path)
    assert found.findings == ()
    assert found.source == "requirements.txt"
    assert found.lines == (
        "scikit-learn<2,>=1.9",
        'uvicorn[standard]; sys_platform == "linux"',
        "six==1.16.0",
    )


def test_included_files_are_followed_inside_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "requirements.txt", "-r deps/base.txt\n--constraint=limits.txt\nsix\n")
    write(tmp_path, "deps/base.txt", "-r more.txt\nnumpy\n")
    write(tmp_path, "deps/more.txt", "-r base.txt\npandas\n")
    write(tmp_path, "limits.txt", "numpy<3\n")
    found = read_requirements(tmp_path)
    assert found.findings == ()
    assert sorted(found.lines) == ["numpy", "pandas", "six"]
    assert found.constraints == ("numpy<3",)
    assert found.files == ("requirements.txt", "deps/base.txt", "deps/more.txt", "limits.txt")


def test_includes_outside_the_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    write(tmp_path, "secret.txt", "numpy\n")
    write(
        folder, "requirements.txt", "-r ../secret.txt\n-c link.txt\n-r /etc/passwd\n-r none.txt\n"
    )
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert codes(folder) == ["env/include-outside"] * 3 + ["env/unreadable-file"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("https://example.org/six.whl", "env/url-requirement"),
        ("six @ https://example.org/six.whl", "env/url-requirement"),
        ("git+https://example.org/six", "env/vcs-requirement"),
        ("six @ git+ssh://git@example.org/six@main", "env/vcs-requirement"),
        ("hg+http://example.org/x#egg=x", "env/vcs-requirement"),
        ("./local", "env/local-requirement"),
        (".", "env/local-requirement"),
        ("../other", "env/local-requirement"),
        ("/opt/wheels/torch.whl", "env/local-requirement"),
        ("~/code/x", "env/local-requirement"),
        ("dist/x-1.0.tar.gz", "env/local-requirement"),
        ("file:///opt/x", "env/local-requirement"),
        ("six @ file:///opt/six.whl", "env/local-requirement"),
        ("C:\\code\\x", "env/local-requirement"),
        ("-e .", "env/editable-requirement"),
        ("--editable=git+https://example.org/x", "env/editable-requirement"),
        ("--index-url https://example.org/simple", "env/option"),
        ("-i https://example.org/simple", "env/option"),
        ("--extra-index-url=https://example.org/simple", "env/option"),
        ("--find-links /opt/wheels", "env/option"),
        ("--pre", "env/option"),
        ("--requirements-x", "env/option"),
        ("six==1.16.0 --no-binary six", "env/option"),
        ("six==1.16.0 --hash=md5:abc", "env/option"),
        ("six=1.16", "env/bad-requirement"),
        ("six>=", "env/bad-requirement"),
        ("two words", "env/bad-requirement"),
        ("six\x00", "env/bad-requirement"),
        ("<<<<<<< HEAD", "env/bad-requirement"),
    ],
)
def test_where_a_distribution_comes_from_is_not_the_packages_business(
    tmp_path: Path, line: str, code: str
) -> None:
    write(tmp_path, "requirements.txt", f"numpy\n{line}\n")
    found = read_requirements(tmp_path)
    assert [finding.code for finding in found.findings] == [code]
    assert found.findings[0].where == "requirements.txt:2"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("-i https://example.org/simple", "configure uv"),
        ("--find-links=/opt/wheels", "configure uv"),
        ("--trusted-host example.org", "configure uv"),
        ("--no-binary six", "allow_source_builds"),
        ("--only-binary=six", "allow_source_builds"),
        ("--pre", "name the pre-release itself"),
    ],
)
def test_an_option_is_refused_with_what_to_do_instead(tmp_path: Path, line: str, hint: str) -> None:
    write(tmp_path, "requirements.txt", f"{line}\nsix\n")
    (finding,) = read_requirements(tmp_path).findings
    assert finding.code == "env/option"
    assert hint in str(finding.hint)


@pytest.mark.parametrize("line", ["--require-hashes", "--only-binary :all:", "--only-binary=:all:"])
def test_an_option_that_asks_for_what_is_always_so_is_kept(tmp_path: Path, line: str) -> None:
    write(tmp_path, "requirements.txt", f"{line}\nsix\n")
    found = read_requirements(tmp_path)
    assert (found.lines, found.findings) == (("six",), ())


def test_a_password_in_a_url_is_not_repeated(tmp_path: Path) -> None:
    write(
        tmp_path,
        "requirements.txt",
        "x @ https://me:hunter2@example.org/x\n-i https://a:hunter2@example.org\n",
    )
    assert "hunter2" not in str(read_requirements(tmp_path).findings)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(tmp_path, "requirements.txt", "-e .\n--pre\nsix=1\n./x\n")
    assert len(codes(tmp_path)) == 4


def test_hashes_the_author_gave_are_kept(tmp_path: Path) -> None:
    write(
        tmp_path,
        "requirements.txt",
        f"Six==1.16.0 \\\n --hash=sha256:{'a' * 64} \\\n --hash=sha256:{'b' * 64}\n",
    )
    found = read_requirements(tmp_path)
    assert found.lines == ("six==1.16.0",)
    assert found.hashes == {"six": {"a" * 64, "b" * 64}}


def test_two_sources_are_one_too_many_unless_one_is_named(tmp_path: Path) -> None:
    write(tmp_path, "requirements.txt", "six\n")
    write(tmp_path, "environment.yml", "dependencies: [{pip: [numpy]}]\n")
    found = read_requirements(tmp_path)
    assert [finding.code for finding in found.findings] == ["env/two-sources"]
    assert "`requirements.txt` and `environment.yml`" in found.findings[0].message
    assert read_requirements(tmp_path, source="environment.yml").lines == ("numpy",)
    assert read_requirements(tmp_path, source="requirements.txt").lines == ("six",)


@pytest.mark.parametrize("source", ["../requirements.txt", "/etc/passwd"])
def test_the_source_named_must_lie_in_the_folder(tmp_path: Path, source: str) -> None:
    assert codes(tmp_path, source) == ["env/include-outside"]


def test_a_source_that_is_named_but_missing_is_a_finding(tmp_path: Path) -> None:
    assert codes(tmp_path, "needs.txt") == ["env/unreadable-file"]


def test_a_pyproject_for_tools_alone_is_no_source(tmp_path: Path) -> None:
    write(tmp_path, "requirements.txt", "six\n")
    write(tmp_path, "pyproject.toml", "[tool.ruff]\nline-length = 100\n")
    assert read_requirements(tmp_path).lines == ("six",)


def test_a_pyproject_says_dependencies_and_pythons(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pyproject.toml",
        '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.10"\ndependencies = ["six>=1", "x @ git+https://h/x"]\n',
    )
    found = read_requirements(tmp_path)
    assert found.lines == ("six>=1",)
    assert found.requires_python == ">=3.10"
    assert [finding.where for finding in found.findings] == [
        "pyproject.toml: project.dependencies[1]"
    ]


def test_a_uv_lock_beside_the_pyproject_is_kept_to(tmp_path: Path) -> None:
    write(
        tmp_path, "pyproject.toml", '[project]\nname = "p"\nversion = "0"\ndependencies = ["six"]\n'
    )
    without = read_requirements(tmp_path)
    write(tmp_path, "uv.lock", "version = 1\n")
    found = read_requirements(tmp_path)
    assert without.uv_lock is None
    assert found.uv_lock is not None
    assert found.files == ("pyproject.toml", "uv.lock")
    assert found.digest("3.11") != without.digest("3.11")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[project]\ndynamic = ["dependencies"]\n', "env/dynamic-dependencies"),
        ('[tool.poetry.dependencies]\nsix = "1"\n', "env/poetry"),
        (
            '[project]\ndependencies = ["six"]\n[tool.uv.sources]\nsix = {path = "x"}\n',
            "env/url-requirement",
        ),
        ('[project]\ndependencies = ["six\\n--index-url x"]\n', "env/bad-requirement"),
        ('[project]\nrequires-python = "three"\n', "env/python-request"),
        ("[project\n", "env/unreadable-file"),
    ],
)
def test_a_pyproject_that_cannot_be_read_as_versions_is_a_finding(
    tmp_path: Path, text: str, code: str
) -> None:
    write(tmp_path, "pyproject.toml", text)
    assert codes(tmp_path) == [code]


def test_a_requirement_cannot_smuggle_a_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pyproject.toml",
        "[project]\ndependencies = [\"six; sys_platform == 'x\\n--index-url y'\"]\n",
    )
    found = read_requirements(tmp_path)
    assert found.lines == ()
    assert codes(tmp_path) == ["env/bad-requirement"]


def test_files_that_are_not_text_are_findings(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"six\xff")
    assert codes(tmp_path) == ["env/unreadable-file"]
    (tmp_path / "requirements.txt").write_bytes(b"#" * (2 << 20))
    assert codes(tmp_path) == ["env/unreadable-file"]
    (tmp_path / "requirements.txt").write_bytes(b"\xef\xbb\xbfsix\r\nnumpy\r\n")
    assert read_requirements(tmp_path).lines == ("six", "numpy")


def test_the_digest_of_inputs_is_about_meaning_not_spelling(tmp_path: Path) -> None:
    write(tmp_path, "requirements.txt", "six\nnumpy\n")
    first = read_requirements(tmp_path).digest("3.11")
    write(tmp_path, "requirements.txt", "# order\nNumPy\nsix\n")
    found = read_requirements(tmp_path)
    assert found.digest("3.11") == first
    assert found.digest("3.12") != first
    assert found.digest("3.11", source_builds=True) != first
    assert found.digest("3.11", source_builds=("six",)) != found.digest("3.11", source_builds=True)
