"""Paths of one machine and undeclared variables."""

import ast

import pytest

from ketch.package.code.literals import check_paths, check_variables, is_machine_path
from ketch.package.code.source import Source


def _source(code: str) -> Source:
    return Source("pipeline.py", tuple(code.splitlines()), ast.parse(code))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "/home/ada/model.pkl",
            "/Users/ada/x",
            "/tmp/x",
            "/tmp",
            "/root/x",
            "/mnt/data/x",
            "/var/x",
        ),
        *("/opt/models/x", "/srv/x", "/etc/x", "/content/drive/x", "/kaggle/input/x", "/dbfs/x"),
        *(
            "C:\\models\\a",
            "C:/models/a",
            "d:\\x",
            "\\\\server\\share\\x",
            "file:///x",
            "~/x",
            "~ada/x",
        ),
    ],
)
def test_places_on_one_machine_are_known(text: str) -> None:
    assert is_machine_path(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "/",
            "",
            "/predict",
            "/v2/models/x/infer",
            "https://shop.example/home/x",
            "s3://bucket/tmp/x",
        ),
        *("/home", "home/x", "model/x", "../x", "/dev/null", "/proc/cpuinfo", "//shop.example/x"),
        *("a:b", "C:", "C://x", "x = /home/ada", "~", "/homepage/x", "~=", "\\d+", "/tmpl"),
    ],
)
def test_addresses_and_relative_paths_pass(text: str) -> None:
    assert not is_machine_path(text)


def test_an_absolute_path_is_refused_where_it_stands() -> None:
    (finding,) = check_paths(_source('\nopen("/home/ada/x")\n'))
    assert (finding.code, finding.where) == ("package/absolute-path", "pipeline.py:2")
    assert finding.hint is not None
    assert "model_dir" in finding.hint


def test_an_f_string_counts_by_how_it_begins() -> None:
    assert check_paths(_source('open(f"/home/{user}/x")'))
    assert not check_paths(_source('open(f"{base}/home/ada/x")'))


def test_a_remark_turns_the_refusal_into_advice() -> None:
    (finding,) = check_paths(_source('ROUTE = "/home/start"  # ketch: not-a-path'))
    assert not finding.blocks


def test_variables_that_nobody_declared_are_advice() -> None:
    code = """
import os
from os import environ, getenv
a = os.environ["FEATURE_URL"]
b = os.environ.get("STAGE", "dev")
c = os.getenv("STAGE")
d = environ["REGION"]
e = getenv("ZONE")
os.environ["OMP_NUM_THREADS"] = "1"
f = os.environ[name], os.environ["HOME"], settings["LOCAL"]
"""
    findings = check_variables(_source(code), ["REGION", "FEATURE_URI"])
    assert [(one.where, one.message.split("`")[1], one.blocks) for one in findings] == [
        ("pipeline.py:4", "FEATURE_URL", False),
        ("pipeline.py:5", "STAGE", False),
        ("pipeline.py:8", "ZONE", False),
    ]
    assert findings[0].hint == "did you mean `FEATURE_URI`?"
