from pathlib import Path

import pytest

from ketch.errors import UsageError
from ketch.package import Digest
from ketch.serving.routes.wanted import WantedArm, WantedRoute
from ketch.serving.settings import PackageSettings, Settings
from ketch.serving.supply import tell_unused

DIGEST = Digest.parse("sha256:" + "0" * 64)

FILE = """
deadline_s = 5.0

[packages.recommender]
workers = 2
memory_mb = 800
deadline_s = 2

[packages."top-sellers"]
max_rows = 1
start_timeout_s = 900
"""


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "serving.toml"
    path.write_text(text)
    return Settings(common=PackageSettings(workers=1)).read(path)


def test_a_package_has_its_own_settings_and_the_common_ones_where_it_says_nothing(
    tmp_path: Path,
) -> None:
    settings = read(tmp_path, FILE)

    assert settings.of("recommender") == PackageSettings(2, 800.0, 2.0)
    assert settings.of("top-sellers") == PackageSettings(
        1, None, 5.0, max_rows=1, start_timeout_s=900.0
    )
    assert settings.of("another") == PackageSettings(1, None, 5.0)


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "dedline_s = 1\n[packages.a]\nworkers = 0\nmemory_mb = 'much'\n")

    told = {finding.where: finding for finding in caught.value.findings}
    path = tmp_path / "serving.toml"
    assert told[str(path)].hint == "did you mean `deadline_s`?"
    assert "from 1 to 256, found `0`" in told[f"{path}: packages.a: workers"].message
    assert "found `much`" in told[f"{path}: packages.a: memory_mb"].message


@pytest.mark.parametrize("text", ["packages = 3", "[packages]\na = 3", "deadline_s ="])
def test_what_is_no_table_of_settings_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)

    assert caught.value.code == "serve/settings"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Settings().read(tmp_path / "none.toml")

    assert caught.value.code == "serve/settings"


@pytest.mark.parametrize(
    "wrong",
    [
        PackageSettings(workers=0),
        PackageSettings(deadline_s=0.0),
        PackageSettings(max_rows=0),
        PackageSettings(memory_mb=1.0),
    ],
)
def test_a_flag_out_of_its_range_is_refused(wrong: PackageSettings) -> None:
    with pytest.raises(UsageError):
        Settings(common=wrong).checked()


def test_settings_in_range_are_themselves() -> None:
    settings = Settings(common=PackageSettings(2, 100.0, 1.5, 64))

    assert settings.checked() is settings


def test_a_flag_out_of_its_range_is_called_as_it_is_written() -> None:
    wrong = PackageSettings(memory_mb=1.0, patience_s=0.0)

    with pytest.raises(UsageError) as caught:
        Settings(common=wrong).checked()

    told = {finding.where: finding.message for finding in caught.value.findings}
    assert told == {
        "--memory-mb": "expected a number from 16 to 1048576, found `1.0`",
        "--patience-s": "expected a number from 0.001 to 600, found `0.0`",
    }


def test_a_staging_machine_serves_no_package_by_name() -> None:
    with pytest.raises(UsageError, match=r"found `shop:1\.0\.0`") as caught:
        Settings(("shop:1.0.0",), staging=True).checked()

    assert caught.value.where == "--stage"


def test_what_the_system_says_of_a_file_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found: No such file or directory \\(at"):
        Settings().read(tmp_path / "none.toml")


def test_settings_of_a_package_that_is_not_served_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "serve.toml"
    path.write_text("[packages.recomender]\nworkers = 2\n\n[packages.top-sellers]\nworkers = 1\n")
    arms = [WantedArm("prod", f"{name}:1.0.0", DIGEST) for name in ("recommender", "top-sellers")]
    routes = [WantedRoute("shop", rest=arms[0], others=(arms[1],))]

    with caplog.at_level("INFO", logger="ketch"):
        tell_unused(Settings().read(path), routes)

    facts = [getattr(record, "facts", {}) for record in caplog.records]
    assert facts == [{"package": "recomender", "hint": "did you mean `recommender`?"}]


def test_how_long_decisions_are_kept_is_checked_and_rows_go_with_them() -> None:
    assert Settings(keep_days=30).checked().keeps_rows == 30
    assert Settings(keep_days=30, keep_rows_days=7).checked().keeps_rows == 7
    with pytest.raises(UsageError) as refused:
        Settings(
            keep_days=0, keep_rows_days=-1, decisions_to="s3://a", log_decisions=False
        ).checked()
    where = [one.where for one in refused.value.findings]
    assert where == ["--keep-days", "--keep-rows-days", "--decisions-to"]
