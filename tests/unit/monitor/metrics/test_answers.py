from __future__ import annotations

import json
import math

import pytest

from ketch.monitor.metrics.answers import Told, Unread, pairs
from ketch.rollout.metric import Metric, Scored


def read(
    measure: Scored,
    outputs: object,
    *labels: object,
    value: float = 1.0,
    by_unit: bool = False,
    output: str = "out",
    absent: float | None = None,
) -> list[tuple[float, ...]]:
    metric = Metric("it", measure, output, "told", k=2, absent=absent)
    texts = [None if one is None else json.dumps(one) for one in labels]
    return pairs(metric, json.dumps(outputs), [Told(value, one, by_unit) for one in texts])


def ndcg(answer: object, label: object) -> float:
    ((value,),) = read(Scored.NDCG, {"out": answer}, label)
    return value


class TestOneRow:
    @pytest.mark.parametrize(
        ("answer", "label", "hit"),
        [
            ("cat", "cat", 1.0),
            ("cat", "dog", 0.0),
            (3, 3.0, 1.0),
            (True, None, 1.0),
            (None, 0, 0.0),
        ],
    )
    def test_an_answer_is_right_where_it_is_the_label_or_else_the_value(
        self, answer: object, label: object, hit: float
    ) -> None:
        assert read(Scored.ACCURACY, {"out": answer}, label) == [(hit,)]

    def test_the_latest_of_several_outcomes_is_what_was_right(self) -> None:
        assert read(Scored.MAE, {"out": 4}, 1, 3) == [(4.0, 3.0)]

    @pytest.mark.parametrize(("label", "positive"), [(True, 1.0), (False, 0.0), (0, 0.0), (7, 1.0)])
    def test_more_than_0_happened(self, label: object, positive: float) -> None:
        assert read(Scored.AUC, {"out": -2.5}, label) == [(-2.5, positive)]

    def test_an_amount_above_0_happened_too(self) -> None:
        assert read(Scored.CALIBRATION, {"out": 0.25}, None, value=49.9) == [(0.25, 1.0)]

    def test_where_nothing_was_told_is_what_the_policy_says_of_it(self) -> None:
        assert read(Scored.AUC, {"out": 0.5}, absent=0.0) == [(0.5, 0.0)]
        assert read(Scored.PRECISION, {"out": ["a"]}, absent=0.0) == [(0.0,)]
        assert read(Scored.NDCG, {"out": ["a"]}, absent=0.0) == []

    def test_a_path_looks_into_structs_and_into_each_of_a_list(self) -> None:
        row = {"items": [{"sku": "a"}, {"sku": "b"}], "top.score": 4, "best": {"score": 3}}
        assert read(Scored.PRECISION, row, "b", output="items.sku") == [(0.5,)]
        assert read(Scored.MAE, row, 1, output="best.score") == [(3.0, 1.0)]
        assert read(Scored.MAE, row, 1, output="top.score") == [(4.0, 1.0)]


class TestLists:
    def test_what_was_wanted_may_be_one_item_a_list_or_worths(self) -> None:
        second, best = 1 / math.log2(3), 3 + 1 / math.log2(3)
        assert ndcg(["b", "a"], "a") == pytest.approx(second)
        assert ndcg(["b", "a"], ["a", "b"]) == pytest.approx(1.0)
        assert ndcg(["b", "a"], {"a": 3, "b": 1}) == pytest.approx((1 + 3 * second) / best)

    def test_several_outcomes_are_wanted_together_in_any_order(self) -> None:
        one = read(Scored.PRECISION, {"out": ["b", "a"]}, "a", ["b", "c"])
        assert one == read(Scored.PRECISION, {"out": ["b", "a"]}, ["b", "c"], "a") == [(1.0,)]


class TestManyRows:
    ROWS = [{"out": 1}, {"out": 2}, {"out": 3}]

    def test_a_list_has_a_label_for_each_row_and_null_for_one_not_known(self) -> None:
        assert read(Scored.MAE, self.ROWS, [5, None, 7]) == [(1.0, 5.0), (3.0, 7.0)]
        assert read(Scored.MAE, self.ROWS, [5, None, 7], [None, 6, None]) == [
            (1.0, 5.0),
            (2.0, 6.0),
            (3.0, 7.0),
        ]

    @pytest.mark.parametrize("label", [7, [7]])
    def test_a_list_of_one_row_is_one_row(self, label: object) -> None:
        assert read(Scored.MAE, [{"out": 1}], label, by_unit=True) == [(1.0, 7.0)]

    @pytest.mark.parametrize("label", ["a", ["a"], [["a"]], [{"a": 1}]])
    def test_so_is_a_list_of_one_list(self, label: object) -> None:
        assert read(Scored.PRECISION, [{"out": ["a", "b"]}], label) == [(0.5,)]

    @pytest.mark.parametrize("label", [7, [7], [1, 2, 3, 4], None])
    def test_a_label_of_another_length_is_not_read(self, label: object) -> None:
        with pytest.raises(Unread, match="no list of as many"):
            read(Scored.MAE, self.ROWS, label)

    def test_an_outcome_of_the_unit_says_nothing_of_a_row(self) -> None:
        with pytest.raises(Unread, match="does not name it"):
            read(Scored.MAE, self.ROWS, [1, 2, 3], by_unit=True)


@pytest.mark.parametrize(
    ("measure", "outputs", "label", "why"),
    [
        (Scored.MAE, None, 1, "no longer kept"),
        (Scored.MAE, {"other": 1}, 1, "no output `out`"),
        (Scored.MAE, {"out": "secret"}, 1, "the output is no number"),
        (Scored.MAE, {"out": None}, 1, "the output is no number"),
        (Scored.MAE, {"out": 1}, "secret", "the label is no number"),
        (Scored.CALIBRATION, {"out": 1.5}, 1, "no probability"),
        (Scored.NDCG, {"out": "secret"}, "a", "no list of items"),
        (Scored.NDCG, {"out": [["secret"]]}, "a", "no list of items"),
        (Scored.NDCG, {"out": ["a"]}, None, "names no item"),
        (Scored.NDCG, {"out": ["a"]}, {"a": -1}, "less than nothing"),
        (Scored.NDCG, {"out": ["a"]}, {"a": "secret"}, "worth of an item is no number"),
    ],
)
def test_what_cannot_be_read_says_why_and_nothing_of_what_it_was(
    measure: Scored, outputs: object, label: object, why: str
) -> None:
    with pytest.raises(Unread, match=why) as refused:
        read(measure, outputs, label)
    assert "secret" not in str(refused.value)
