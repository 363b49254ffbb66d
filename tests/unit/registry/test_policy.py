"""The policy of a route: a file people write, and what is wrong with it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.registry import LayerPart, Policy, Share
from ketch.registry.policy import DriftWatch
from ketch.registry.share import WHOLE as SHARES
from ketch.registry.share import room_of
from ketch.rollout import Claim, Layer, Split
from ketch.rollout.metric import RANKED, Metric, Scored
from ketch.rollout.terms import Exposure, Guardrail, Measure, Ramp, Reaction, Terms
from ketch.schema.parse import canonical_json, parse_json

WHOLE = b"""
unit = "shopper"
baseline = "top-sellers:1.0.0"
baseline_share = "5%"
primary = "purchase"
risk = 0.01
approvals = 2
approval_days = 3
comparison = true
experiment = false
auto_rollback = true

[guardrails.slow]
limit_ms = 80
reaction = "hold"

[guardrails.purchase]
kind = "amount"
window = "36h"
cap = 250
worse = "lower"
margin = 0.01
tolerated = 0.1

[minimum]
units = 500
outcomes = 20
days = 0.5

[ramp]
shares = [0.01, "5%", 0.25]
step = "12h"

[layer]
name = "search"
from = 0.25
to = 0.75

[metrics.found]
measure = "ndcg"
output = "items"
outcome = "bought"
k = 5

[drift]
window = "1d"
every = "6h"

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
        guardrails=(
            Guardrail(
                "purchase",
                "lower",
                tolerated=0.1,
                margin=0.01,
                measure=Measure("amount", timedelta(hours=36), 250.0),
            ),
            Guardrail("slow", "higher", None, Reaction.HOLD, limit_ms=80.0),
        ),
        risk=0.01,
        minimum=Exposure(500, 500, 20, timedelta(hours=12)),
        ramp=Ramp((10_000, 50_000, 250_000), timedelta(hours=12)),
        layer=LayerPart("search", 250_000, 750_000),
        metrics=(Metric("found", Scored.NDCG, "items", "bought", 5),),
        drift=DriftWatch(timedelta(days=1), timedelta(hours=6)),
        approvals=2,
        approval_days=3,
        comparison=True,
        experiment=False,
        auto_rollback=True,
        publishers={"ana": "a1" * 32},
        approvers={"ben": "b2" * 32},
    )


NAMES = st.text("abz _é", min_size=1, max_size=6).filter(str.strip)
SPANS = st.integers(1, 3660 * 86_400_000).map(lambda ms: timedelta(milliseconds=ms))
PARTS = st.floats(0, 1, exclude_min=True, exclude_max=True)
BORDERS = st.lists(st.integers(0, SHARES), min_size=2, max_size=2, unique=True).map(sorted)
ABOVE = st.floats(0, exclude_min=True, allow_infinity=False)


@st.composite
def guardrails(draw: st.DrawFn) -> Guardrail:
    name = draw(NAMES | st.sampled_from(["errors", "slow"]))
    is_outcome = name not in {"errors", "slow"}
    kind = draw(st.sampled_from(["happened", "count", "amount"])) if is_outcome else "happened"
    cap = 1.0 if kind == "happened" else draw(ABOVE)
    return Guardrail(
        name,
        draw(st.sampled_from(["lower", "higher"])),
        tolerated=draw(PARTS if is_outcome else st.none() | PARTS),
        reaction=draw(st.sampled_from([Reaction.ROLL_BACK, Reaction.HOLD])),
        margin=draw(PARTS),
        measure=Measure(kind, draw(SPANS), cap),  # type: ignore[arg-type] # one of the three
        limit_ms=draw(ABOVE) if name == "slow" else None,
    )


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    measure = draw(st.sampled_from(Scored))
    k = draw(st.integers(1, 10_000)) if measure in RANKED else 10
    absent = draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))
    score = draw(st.none() | NAMES) if measure is Scored.ACCURACY else None
    return Metric(draw(NAMES), measure, draw(NAMES), draw(NAMES), k, draw(SPANS), absent, score)


policies = st.builds(
    Policy,
    primary=st.none() | NAMES,
    guardrails=st.lists(guardrails(), unique_by=lambda one: one.metric, max_size=4).map(tuple),
    risk=PARTS,
    minimum=st.builds(
        Exposure,
        *[st.integers(0, 10**9)] * 3,
        st.timedeltas(timedelta(0), timedelta(days=365)),
    ),
    ramp=st.none()
    | st.builds(
        Ramp,
        st.sets(st.integers(1, SHARES // 10), min_size=1).map(lambda one: tuple(sorted(one))),
        SPANS,
    ),
    layer=st.none()
    | st.builds(
        lambda name, ends: LayerPart(name, *ends),
        NAMES,
        BORDERS.filter(lambda ends: ends[1] - ends[0] > SHARES // 10),
    ),
    metrics=st.lists(metrics(), unique_by=lambda one: one.name, max_size=3).map(tuple),
    drift=st.none()
    | st.builds(DriftWatch, reaction=st.sampled_from([Reaction.OBSERVE, Reaction.HOLD])),
)


@given(policies)
def test_a_policy_is_read_as_it_was_written(policy: Policy) -> None:
    written = parse_json(canonical_json(policy.to_json()))
    assert isinstance(written, dict)
    assert Policy.from_json(written) == policy


@pytest.mark.parametrize("content", [b"", WHOLE])
def test_a_file_means_the_same_once_it_is_recorded(content: bytes) -> None:
    policy = Policy.parse(content)
    assert Policy.from_json(policy.to_json()) == policy


def test_without_guardrails_there_is_one_for_errors_and_one_for_what_decides() -> None:
    lasting = Measure(window=timedelta(days=365))  # what fails after weeks is seen, too
    errors, bought = (
        Guardrail("errors", "higher", None, measure=lasting),
        Guardrail("purchase", "lower"),
    )
    assert Policy.parse(b"").guardrails == (errors,)
    assert Policy.parse(b"primary = 'purchase'").guardrails == (bought, errors)
    listed = b"primary = 'purchase'\nguardrails = ['click']"
    assert Policy.parse(listed).guardrails == (bought, Guardrail("click", "lower"))
    assert Policy.parse(b"risk = 0.1").terms == Terms(0.1, 0.1)


@given(st.integers(0, SHARES - 1), st.none() | BORDERS)
def test_the_largest_share_beside_a_baseline_in_a_layer_is_what_units_can_be_split_by(
    held_out: int, ends: list[int] | None
) -> None:
    layer = None if ends is None else Layer("l", *ends)
    room = room_of(Share(held_out), layer).millionths

    def split(share: int) -> Split:
        return Split("prod", Claim("baseline", held_out, "b"), Claim("limited", share, "s"), layer)

    assert split(room)
    with pytest.raises(ValueError, match="expected"):
        split(room + 1)


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
        (b"approvals = true", "policy/wrong-value", "a whole number from 0 to 10, found `true`"),
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
        (b"guardrails = ['a', 'a']", "policy/wrong-value", "each name once, found `a` again"),
        (b"guardrails = ['slow']", "policy/wrong-value", "expected `limit_ms`"),
        (b"[guardrails.a]\nlimit_ms = 5", "policy/wrong-value", "for `slow` only"),
        (b"[guardrails.a]\nkind = 'count'", "policy/wrong-value", "expected `cap`"),
        (b"[guardrails.a]\ncap = 5", "policy/wrong-value", "found it with `happened`"),
        (b"[guardrails.errors]\nkind = 'amount'\ncap = 5", "policy/wrong-value", "for `errors`"),
        (b"[guardrails.a]\nwindow = 7", "policy/wrong-value", "a span in quotes"),
        (b"[guardrails.a]\nwindow = '1w'", "policy/wrong-value", "expected a span such as `30s`"),
        (b"[guardrails.a]\nwindwo = '1d'", "policy/unknown-key", "unknown key `windwo`"),
        (b"[guardrails.a]\nmargin = nan", "policy/wrong-value", "a number from 0 to below 1"),
        (b"primary = 'slow'", "policy/wrong-value", "the name of an outcome, found `slow`"),
        (
            b"primary = 'a'\n[guardrails.a]\nreaction = 'observe'",
            "policy/wrong-value",
            "expected a reaction for what decides",
        ),
        (b"risk = 1", "policy/wrong-value", "above 0 and below 1"),
        (b"minimum = 5", "policy/wrong-value", "expected a table, found `5`"),
        (b"[minimum]\ndays = 1000", "policy/wrong-value", "a number from 0 to 365"),
        (b"[ramp]\nstep = '1d'", "policy/wrong-value", "expected `shares`"),
        (b"[ramp]\nshares = [0.1, 0.1]", "policy/wrong-value", "each above the one before"),
        (
            b"layer = {name = 'l', from = 0, to = 0.2}\nramp = {shares = [0.3]}",
            "policy/wrong-value",
            "steps of at most `20%`",
        ),
        (b"[layer]\nname = 'l'", "policy/wrong-value", "expected `from`, `to` too"),
        (b"layer = {name = 'l', from = 1, to = 0}", "policy/wrong-value", "`from` below `to`"),
        (
            b"[drift]\nreaction = 'rollback'",
            "policy/wrong-value",
            "expected one of observe, hold, found `rollback`",
        ),
        (b"[drift]\nevery = '5m'", "policy/wrong-value", "expected an hour or more, found `5m`"),
        (b"[metrics.a]\nmeasure = 'auc'", "policy/wrong-value", "expected `output`, `outcome`"),
        (
            b"metrics.a = {measure = 'auc', output = 'p', outcome = 'o', k = 3}",
            "policy/wrong-value",
            "expected `k` for precision and ndcg only",
        ),
        (
            b"metrics.a = {measure = 'auc', output = 'p', outcome = 'o', score = 'p'}",
            "policy/wrong-value",
            "expected `score` for accuracy only, found it for `auc`",
        ),
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
