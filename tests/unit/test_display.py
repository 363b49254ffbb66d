"""What a notebook shows of a value: everything in it is text."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

from ketch.display import LONGEST, MOST_ROWS, card
from ketch.monitor.rollouts import RolloutReport


class Tags(HTMLParser):
    """Notes every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.seen.add(tag)


def tags(html: str) -> set[str]:
    parser = Tags()
    parser.feed(html)
    return parser.seen


def test_nothing_that_a_package_calls_itself_becomes_markup() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    html = card(evil, {evil: evil}, [(evil, evil)])
    assert tags(html) == {"div", "strong", "table", "tr", "td"}


def test_many_rows_and_long_texts_are_cut() -> None:
    html = card("t", {"long": "x" * 10_000}, [(at,) for at in range(500)])
    assert f"and {500 - MOST_ROWS} more" in html
    assert "x" * (LONGEST + 1) not in html


def test_a_report_of_a_route_shows_what_it_says() -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    html = RolloutReport("<r>", at, None, None, ())._repr_html_()
    assert "&lt;r&gt;" in html
    assert "No package answers callers on this route." in html
