"""What is told names neither the machine nor a secret, and says everything else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketch.runtime import Discreet

PLACES = {"/home/ann/ketch/run/17-ab/code": "code", "/home/ann/ketch": "home"}
DISCREET = Discreet(PLACES, {"TOKEN": "hunter2", "SHORT": "a"})


def test_paths_are_called_by_what_lies_there_the_closest_first() -> None:
    told = DISCREET.text('File "/home/ann/ketch/run/17-ab/code/pipeline.py", /home/ann/ketch/x')
    assert told == 'File "code/pipeline.py", home/x'


def test_secrets_are_called_by_their_names_wherever_they_stand() -> None:
    assert DISCREET.text("x=hunter2;hunter22") == "x=$TOKEN;$TOKEN2"


def test_what_is_too_short_to_be_a_secret_is_left_alone() -> None:
    assert DISCREET.text("a cat") == "a cat"


def test_a_secret_that_was_cut_off_is_not_told_either() -> None:
    assert DISCREET.text("it was hunte… and so on") == "it was $TOKEN… and so on"
    assert DISCREET.text("/home/ann/ketch/run/17…") == "home/run/17…"
    assert DISCREET.text("/home/an…") == "code…"


def test_every_text_of_a_value_is_told_so_and_nothing_else_changes() -> None:
    value = {"hunter2": ["hunter2", 1, None, 0.5, {"a": ("hunter2",)}], "b": True}
    assert DISCREET.value(value) == {
        "$TOKEN": ["$TOKEN", 1, None, 0.5, {"a": ["$TOKEN"]}],
        "b": True,
    }


def test_a_field_that_holds_a_path_or_a_secret_has_no_digest() -> None:
    def field(head: object) -> dict[str, object]:
        return {
            "name": "where",
            "dtype": "str",
            "count": 1,
            "nulls": 0,
            "digest": f"sha256:{'a' * 64}",
            "min": None,
            "max": None,
            "mean": None,
            "head": [head],
        }

    told = [field({"at": ["/home/ann/ketch/run/17-ab/code/x"]}), field("elsewhere")]
    (step,) = DISCREET.steps([{"step": "a:b", "rows": 1, "fields": told}])
    hidden, plain = step.fields
    assert (hidden.head, hidden.digest) == (({"at": ["code/x"]},), None)
    assert (plain.head, plain.digest) == (("elsewhere",), f"sha256:{'a' * 64}")


@given(st.text())
def test_with_nothing_to_hide_every_text_is_told(text: str) -> None:
    assert Discreet().text(text) == text


@given(st.text("abc …"), st.text("xyz", min_size=4))
def test_no_text_tells_a_secret(text: str, secret: str) -> None:
    assert secret not in Discreet(secrets={"N": secret}).text(f"{text}{secret}{text}")
