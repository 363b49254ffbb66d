"""The policy of a route: a file people write, and what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.registry import Policy, Share
from ketch.registry.share import WHOLE as SHARES

WHOLE = b"""
unit = "shopper"
baseline = "top-sellers:1.0.0"
baseline_share = "5%"
primary = "purchase"
guardrails = ["errors", "latency"]
approvals = 2
approval_days = 3
comparison = true
experiment = false
auto_rollback = true

[publishers]
ana = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"

[approvers]
ben = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
"""


def test_every_key_is_read() -> None:
    assert Policy.parse(WHOLE) == Policy(
        unit="shopper",
        baseline="top-sellers:1.0.0",
        baseline_share=Share.parse("5%"),
        primary="purchase",
        guardrails=("errors", "latency"),
        approvals=2,
        approval_days=3,
        comparison=True,
        experiment=False,
        auto_rollback=True,
        publishers={"ana": "a1" * 32},
        approvers={"ben": "b2" * 32},
    )


@pytest.mark.parametrize("content", [b"", WHOLE])
def test_it_reads_what_it_writes(content: bytes) -> None:
    policy = Policy.parse(content)
    assert Policy.from_json(policy.to_json()) == policy


@given(st.integers(1, SHARES - 1))
def test_every_share_of_a_baseline_is_read_back(millionths: int) -> None:
    policy = Policy(baseline="top-sellers:1.0.0", baseline_share=Share(millionths))
    assert Policy.from_json(policy.to_json()) == policy
    written = f'baseline = "top-sellers:1.0.0"\nbaseline_share = {millionths / SHARES!r}'
    assert Policy.parse(written.encode()) == policy


def test_a_wrong_share_is_told_once() -> None:
    with pytest.raises(UsageError) as problem:
        Policy.parse(b"aprovals = 1\nbaseline = 'top:1.0.0'\nbaseline_share = nan")
    assert [one.message for one in problem.value.findings] == [
        "unknown key `aprovals`",
        "expected a share such as `10%` or `0.1`, found `NaN`",
    ]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"aprovals = 1", "policy/unknown-key", "unknown key `aprovals`"),
        (b"approvals = -1", "policy/wrong-value", "a whole number from 0 to 10, found `-1`"),
        (b"approvals = true", "policy/wrong-value", "a whole number from 0 to 10, found `True`"),
        (b"approvals = 1.0", "policy/wrong-value", "a whole number from 0 to 10, found `1.0`"),
        (b"experiment = 'yes'", "policy/wrong-value", "true or false, found `yes`"),
        (b"baseline = 'top-sellers'", "policy/wrong-value", "expected a version"),
        (b"baseline = 'top:1.0.0'", "policy/wrong-value", "`baseline_share` together"),
        (b"baseline_share = 0.1", "policy/wrong-value", "`baseline_share` together"),
        (b"baseline_share = 1.5", "policy/wrong-value", "expected a share"),
        (b"unit = ''", "policy/wrong-value", "expected text"),
        (b"publishers = {ana = 'a1'}", "policy/wrong-value", "64 hexadecimal digits"),
        (b"publishers = ['ana']", "policy/wrong-value", "64 hexadecimal digits"),
        (b"approvers = {'' = '" + b"a1" * 32 + b"'}", "policy/wrong-value", "expected text"),
        (b"guardrails = 'errors'", "policy/wrong-value", "a list of text"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, code: str, says: str) -> None:
    with pytest.raises(UsageError) as problem:
        Policy.parse(content)
    assert code in [one.code for one in problem.value.findings]
    assert says in " ".join(one.message for one in problem.value.findings)


@pytest.mark.parametrize("content", [b"\xff", b"a = ", b"x" * 70_000, b"a=" + b"[" * 20_000])
def test_what_is_no_toml_is_told(content: bytes) -> None:
    with pytest.raises(UsageError) as problem:
        Policy.parse(content)
    assert problem.value.code == "policy/invalid"
