"""Twenty thousand requests, hostile or nearly right: nobody fails, nothing leaks, no mix-up.

Every answer is looked at by :func:`tests.conformance.serving.ground.check`. With
``KETCH_TEST_FAULTS=full`` there are twenty times as many, and others at each run.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.serving import mutations
from tests.conformance.serving.ground import Ground, Sent
from tests.property.schema.strategies import JSON
from tests.property.serving.test_doors import INFERENCE, INVOCATION

IS_FULL = os.environ.get("KETCH_TEST_FAULTS") == "full"
TIMES = 20 if IS_FULL else 1
BATCH, AMONG = 60, 20
"""Wrong requests of one seed, and right ones among them, all at the same time."""

quiet = settings(
    deadline=None,
    derandomize=bool(os.environ.get("CI")) and not IS_FULL,
    suppress_health_check=list(HealthCheck),
    database=None,
)
SEEDS = st.integers(0, 2**64 - 1)
DOORS = (
    ("/shop", "native"),
    ("/staging/shop", "native"),
    ("/shop/invocations", "mlflow"),
    ("/staging/shop/invocations", "mlflow"),
    ("/v2/models/shop/infer", "v2"),
    ("/v2/models/shop/versions/1.1.0/infer", "v2"),
)
KINDS = ("application/json", "text/csv")


def test_nearly_right_requests_are_refused_in_order_and_cost_others_nothing(
    ground: Ground,
) -> None:
    """Among them are right ones, in the same calls of the same workers: they get their own."""
    before = ground.asked.total()

    @settings(quiet, max_examples=200 * TIMES)
    @given(SEEDS)
    def law(seed: int) -> None:
        draw = Random(seed)
        asked = [mutations.wrong(draw) for _ in range(BATCH)]
        asked += [mutations.right(draw) for _ in range(AMONG)]
        draw.shuffle(asked)
        ground.ask(*asked)

    law()
    assert ground.asked.total() - before >= 200 * TIMES * (BATCH + AMONG)
    assert {200, 400, 404, 405, 415, 422, 503} <= set(ground.asked)


def test_no_json_is_too_odd_for_a_door(ground: Ground) -> None:
    before = ground.asked.total()

    @settings(quiet, max_examples=400 * TIMES)
    @given(JSON | INFERENCE | INVOCATION | st.lists(JSON, min_size=1, max_size=3))
    def law(body: object) -> None:
        content = json.dumps(body).encode()
        ground.ask(*(Sent(path, content, where=door) for path, door in DOORS))

    law()
    assert ground.asked.total() - before >= 400 * len(DOORS)


def test_no_bytes_are_too_odd_for_a_door(ground: Ground) -> None:
    before = ground.asked.total()

    @settings(quiet, max_examples=200 * TIMES)
    @given(st.binary(max_size=100) | st.text(max_size=60).map(str.encode))
    def law(content: bytes) -> None:
        asked = [
            Sent(path, content, headers=(("content-type", kind),), where=door)
            for path, door in DOORS
            for kind in KINDS
        ]
        asked.append(replace(asked[2], body=b"name,size\n" + content))
        ground.ask(*asked)

    law()
    assert ground.asked.total() - before >= 200 * len(DOORS) * len(KINDS)


def test_no_stream_of_bytes_is_more_than_an_answer_or_the_end(ground: Ground) -> None:
    """Whole requests, damaged: what is answered before the damage is right, then it ends."""

    @settings(quiet, max_examples=1_500 * TIMES)
    @given(SEEDS)
    def law(seed: int) -> None:
        ground.stream(mutations.smashed(Random(seed)))

    before = ground.asked.total()
    law()
    assert ground.asked.total() - before >= 1_000


def test_a_lone_route_answers_without_its_name(ground: Ground) -> None:
    draw = Random(4)
    for _ in range(50):
        ground.ask(*(replace(one, path="/invocations") for one in _invocations(draw)), alone=True)


def _invocations(draw: Random) -> list[Sent]:
    return [mutations.mlflow(draw)[0], mutations.csv(draw)[0]]
