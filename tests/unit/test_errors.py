"""Whatever an error tells of, it does nothing to the terminal that shows it."""

import pytest

from ketch.errors import Finding, KetchError, PackageCodeError

HOSTILE = "\x1b[2J\x9b31m\u202eevil\x07"


def test_an_error_can_be_shown() -> None:
    error = KetchError(f"found `{HOSTILE}`", where=f"a\n{HOSTILE}", hint=HOSTILE)
    told = [error.message, error.where or "", error.hint or "", error.args[0]]
    assert all(text.isprintable() for text in told)
    assert "evil" in str(error)


def test_a_finding_can_be_shown_and_is_short() -> None:
    finding = Finding("a/b", HOSTILE + "x" * 10_000, f"a\n{HOSTILE}", HOSTILE)
    told = [finding.message, finding.where or "", finding.hint or ""]
    assert all(text.isprintable() and len(text) <= 1000 for text in told)


def test_lines_of_a_message_stay_lines() -> None:
    assert KetchError("one\n\ttwo").message == "one\n\ttwo"


def test_a_traceback_can_be_shown() -> None:
    shown = str(PackageCodeError("ValueError", traceback=f"line 1\n{HOSTILE}"))
    assert all(letter.isprintable() or letter == "\n" for letter in shown)


@pytest.mark.parametrize("text", ["", "plain", "größe → ✓"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert KetchError(text).message == text
    assert Finding("a/b", text).message == text


def test_a_hint_that_a_finding_says_is_said_once() -> None:
    findings = [Finding("a/b", f"row {n}", hint="write it in quotes") for n in range(2)]
    error = KetchError("row 0 (and 1 more)", hint="write it in quotes", findings=findings)
    assert "hint:" not in str(error)
    assert str(error).count("write it in quotes") == 2
    alone = KetchError("row 0", hint="write it in quotes", findings=findings[:1])
    assert str(alone) == "row 0\nhint: write it in quotes"
