"""What uv 0.13.9 really says, and what we make of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ketch.env.uv import failure, run_uv, wheel_options
from ketch.errors import DigestMismatch, KetchError, Refused, Unavailable

NO_SOLUTION = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of six==99 and you require six==99, we can conclude that your
         requirements are unsatisfiable.
"""
NO_WHEEL = """\
Using Python 3.11.7 environment at: v
error: No solution found when resolving dependencies
  cause: Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we can conclude that your requirements are unsatisfiable.

hint: Wheels are required for `docopt` because building from source is disabled for all packages (i.e., with `--no-build`)
"""
UNREACHABLE = """\
error: Request failed after 3 retries in 10.8s
  cause: Failed to fetch: http://127.0.0.1:9/simple/six/
  cause: error sending request for url (http://127.0.0.1:9/simple/six/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
NOT_CACHED = """\
error: No solution found when resolving dependencies
  cause: Because docopt was not found in the cache and you require docopt, we can conclude that your requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may only be read from the cache.
"""
OTHER_FILE = """\
Using Python 3.11.7 environment at: v
Resolved 1 package in 28ms
error: Failed to download `six==1.16.0`
  cause: Hash mismatch for `six==1.16.0`

         Expected:
           sha256:0000

         Computed:
           sha256:8abb
"""
STALE = """\
error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.

hint: To update the lockfile, run `uv lock`.
"""
DENIED = """\
error: No solution found when resolving dependencies
  cause: Because six was not found in the package registry and you require six, we can conclude that your requirements are unsatisfiable.

hint: An index URL (http://127.0.0.1:8/simple) could not be queried due to a lack of valid authentication credentials (401 Unauthorized).
"""
FAILING = "error: Failed to install: six.whl\n  cause: Input/output error (os error 5)\n"
FULL = "error: Failed to install: six.whl\n  cause: No space left on device (os error 28)\n"
BUILD = "error: Failed to build `x==1`\n  cause: The build backend returned an error\n"


@pytest.mark.parametrize(
    ("said", "kind", "code", "part"),
    [
        (NO_SOLUTION, Refused, "env/no-solution", "no version of six==99 and you require six==99"),
        (NO_WHEEL, Refused, "env/no-wheel", "docopt==0.6.2 has no usable wheels"),
        (UNREACHABLE, Unavailable, "env/index-unreachable", "Connection refused"),
        (NOT_CACHED, Unavailable, "env/not-cached", "docopt was not found in the cache"),
        (OTHER_FILE, DigestMismatch, "env/hash-mismatch", "Expected: sha256:0000"),
        (STALE, Refused, "env/uv-lock-stale", "needs to be updated"),
        (DENIED, Unavailable, "env/index-denied", "six was not found"),
        (FULL, Unavailable, "disk/full", "No space left"),
        (FAILING, Unavailable, "disk/io-error", "Input/output error"),
        (BUILD, Refused, "env/build-failed", "Failed to build `x==1`"),
        ("error: something new\n", Unavailable, "env/uv-failed", "something new"),
        ("", Unavailable, "env/uv-failed", "status 2"),
    ],
)
def test_uvs_words_become_an_error_one_can_act_on(
    said: str, kind: type[KetchError], code: str, part: str
) -> None:
    error = failure(said, 2)
    assert type(error) is kind
    assert error.code == code
    assert part in error.message
    assert "\n" not in error.message


def test_a_long_explanation_keeps_its_beginning_and_its_end() -> None:
    middle = " and so on" * 500
    error = failure(f"error: No solution found\n  cause: Because{middle} the end.\n", 1)
    assert len(error.message) < 800
    _, _, reason = error.message.partition(": ")
    assert set(reason.split()) == {"Because", "and", "so", "on", "…", "the", "end."}
    assert "Because" in error.message
    assert error.message.endswith("the end.")


def test_conditions_on_the_one_python_there_is_are_left_out_of_an_explanation() -> None:
    said = "error: No solution found\n  cause: Because a{python_full_version < '3.12'}==1 is not.\n"
    assert failure(said, 1).message.endswith("Because a==1 is not.")


def test_source_builds_are_off_unless_allowed() -> None:
    assert wheel_options(False) == ["--only-binary", ":all:"]
    assert wheel_options(True) == []
    assert wheel_options(("x",)) == ["--only-binary", ":all:", "--no-binary", "x"]


def test_uv_reads_no_settings_from_where_ketch_happens_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text("this is not TOML")
    monkeypatch.chdir(tmp_path)
    run_uv(["pip", "list", "--python", sys.executable])


def test_what_would_point_uv_elsewhere_is_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_PROJECT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "/nowhere/at/all")
    run_uv(["venv", "--quiet", tmp_path / "made"], offline=True)
    assert (tmp_path / "made" / "bin" / "python").exists()


def test_progress_hears_what_uv_says(tmp_path: Path) -> None:
    heard: list[str] = []
    run_uv(["venv", tmp_path / "made"], offline=True, progress=heard.append)
    assert any("Creating" in line for line in heard)


def test_a_missing_uv_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("uv.find_uv_bin", missing)
    with pytest.raises(Unavailable) as caught:
        run_uv(["--version"])
    assert caught.value.code == "env/uv-missing"
