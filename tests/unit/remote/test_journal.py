"""What is remembered of uploads."""

from __future__ import annotations

from pathlib import Path

from ketch.remote.journal import Journal


def test_an_upload_is_remembered_until_it_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "uploads")
    with journal.entry("a") as entry:
        assert entry.read() is None
        entry.write("a long location?state=1")
        entry.write("short")
    with journal.entry("a") as entry, journal.entry("b") as other:
        assert (entry.read(), other.read()) == ("short", None)
        entry.forget()
        assert entry.read() is None
    with journal.entry("a") as entry:
        assert entry.read() is None


def test_an_upload_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.entry("a") as entry:
        entry.write("mine")
        with journal.entry("a") as other:
            assert other.read() is None
            other.write("theirs")
            other.forget()
        assert entry.read() == "mine"


def test_half_a_note_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.entry("a"):
        pass
    [path] = tmp_path.iterdir()
    path.write_text("no end")
    with journal.entry("a") as entry:
        assert entry.read() is None


def test_where_a_blob_went_is_known_at_its_registry(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "uploads")
    journal.went_to("https://one.example", "ab", "team/shop")
    assert journal.gone_to("https://one.example", "ab") == "team/shop"
    assert journal.gone_to("https://one.example", "cd") is None
    assert journal.gone_to("https://two.example", "ab") is None


def test_nothing_is_remembered_without_a_folder() -> None:
    journal = Journal()
    journal.went_to("https://one.example", "ab", "team/shop")
    assert journal.gone_to("https://one.example", "ab") is None
    with journal.entry("a") as entry:
        entry.write("x")
        assert entry.read() is None
        entry.forget()
