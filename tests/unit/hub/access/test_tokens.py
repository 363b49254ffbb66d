from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.registries import NOON, Clock

from ketch.errors import NotFound, Refused, UsageError
from ketch.hub.access import Identity, Role, Tokens
from ketch.package import open_package
from ketch.registry import Database, Registry, check_registry, open_database
from ketch.store import MemoryStore

ANA = Identity("ana", Role.PUBLISHER, ("shop*", "top"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> Iterator[Database]:
    found = open_database("sqlite://")
    Registry(found, lambda digest: open_package(digest, MemoryStore()), clock=clock)
    yield found
    audit = check_registry(found)
    assert audit.is_clean, audit.findings


@pytest.fixture
def tokens(database: Database, clock: Clock) -> Tokens:
    return Tokens(database, clock=clock)


def test_a_token_stands_for_whom_it_was_made(tokens: Tokens) -> None:
    known, text = tokens.create(ANA, by="otto")
    assert tokens.identify(text) == ANA == known.identity
    assert tokens.listed() == (known,)


def test_two_tokens_are_never_one(tokens: Tokens) -> None:
    made = {tokens.create(ANA, by="otto")[1] for _ in range(50)}
    assert len(made) == 50
    assert all(len(text.rpartition("_")[2]) == 43 or "_" in text[15:] for text in made)


def test_only_its_hash_is_kept(tokens: Tokens, database: Database) -> None:
    _, text = tokens.create(ANA, by="otto")
    with database.reading() as session:
        rows = [*session.all("SELECT * FROM tokens"), *session.all("SELECT * FROM events")]
    kept = repr(rows)
    assert text[15:] not in kept
    assert hashlib.sha256(text.encode()).hexdigest() in kept


@pytest.mark.parametrize("change", ["last", "first", "id", "case", "space", "more", "less"])
def test_nearly_the_token_is_none(tokens: Tokens, change: str) -> None:
    known, text = tokens.create(ANA, by="otto")
    other = {
        "last": text[:-1] + ("A" if text[-1] != "A" else "B"),
        "first": "x" + text[1:],
        "id": text.replace(known.id, "00000000"),
        "case": text.swapcase(),
        "space": f"{text} ",
        "more": f"{text}A",
        "less": text[:-1],
    }[change]
    with pytest.raises(Refused) as refused:
        tokens.identify(other)
    assert refused.value.code == "hub/unknown-token"
    assert text not in str(refused.value)


def test_the_secret_of_one_does_not_open_another(tokens: Tokens) -> None:
    first, text = tokens.create(ANA, by="otto")
    second, _ = tokens.create(Identity("ben", Role.ADMIN), by="otto")
    with pytest.raises(Refused):
        tokens.identify(text.replace(first.id, second.id))


@pytest.mark.parametrize(
    ("span", "holds"), [({"days": 6, "hours": 23}, True), ({"days": 7}, False)]
)
def test_it_ends_when_it_was_said_to(
    tokens: Tokens, clock: Clock, span: dict[str, float], *, holds: bool
) -> None:
    known, text = tokens.create(ANA, by="otto", days=7)
    assert known.expires == NOON + timedelta(days=7)
    clock.pass_by(**span)
    if holds:
        assert tokens.identify(text) == ANA
        return
    with pytest.raises(Refused) as refused:
        tokens.identify(text)
    assert refused.value.code == "hub/expired-token"


def test_a_revoked_one_is_none_at_once_and_for_ever(tokens: Tokens, clock: Clock) -> None:
    known, text = tokens.create(ANA, by="otto")
    clock.pass_by(hours=1)
    ended = tokens.revoke(known.id, by="otto")
    assert ended.revoked == NOON + timedelta(hours=1)
    clock.pass_by(hours=1)
    assert tokens.revoke(known.id, by="otto") == ended, "again changes nothing"
    with pytest.raises(Refused):
        tokens.identify(text)
    assert tokens.exist()
    with pytest.raises(NotFound):
        tokens.revoke("00000000", by="otto")


@pytest.mark.parametrize("person", ["", " ", "a\nb", "a\x1b[31m", "x" * 201])
def test_nobody_gets_no_token(tokens: Tokens, person: str) -> None:
    with pytest.raises(UsageError) as problem:
        tokens.create(Identity(person, Role.VIEWER), by="otto")
    assert problem.value.code == "hub/person"
    assert not tokens.exist()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tokens SET role = 'admin'",
        "UPDATE tokens SET packages = NULL",
        "UPDATE tokens SET expires = NULL",
        "UPDATE tokens SET revoked = NULL",
        "UPDATE tokens SET hash = 'x'",
        "UPDATE tokens SET person = 'otto'",
        "DELETE FROM tokens",
    ],
)
def test_who_raises_a_token_behind_the_log_is_found(clock: Clock, statement: str) -> None:
    database = open_database("sqlite://")
    Registry(database, lambda digest: open_package(digest, MemoryStore()), clock=clock)
    tokens = Tokens(database, clock=clock)
    known, _ = tokens.create(ANA, by="otto", days=3)
    tokens.revoke(known.id, by="otto")
    with database.writing() as session:
        session.run(statement)
    assert [one.code for one in check_registry(database).findings] == ["registry/other-state"]


def test_a_changed_token_is_told_by_its_columns_and_never_by_its_hash(clock: Clock) -> None:
    database = open_database("sqlite://")
    Registry(database, lambda digest: open_package(digest, MemoryStore()), clock=clock)
    known, text = Tokens(database, clock=clock).create(ANA, by="otto", days=3)
    with database.writing() as session:
        session.run("UPDATE tokens SET role = 'admin', hash = 'of-another'")
    changed = check_registry(database).findings[0].message
    assert changed == (
        f"expected what the events say, role `{ANA.role}`, found `admin`, hash …, found …"
    )
    with database.writing() as session:
        session.run("DELETE FROM tokens")
    gone = check_registry(database).findings[0].message
    assert f"id `{known.id}`" in gone
    assert gone.endswith("revoked none, found none")
    assert hashlib.sha256(text.encode()).hexdigest() not in gone


def test_a_name_in_place_of_an_id_is_answered_with_the_ids(tokens: Tokens) -> None:
    first, _ = tokens.create(ANA, by="otto")
    second, _ = tokens.create(ANA, by="otto")
    tokens.revoke(first.id, by="otto")
    with pytest.raises(NotFound) as problem:
        tokens.revoke(ANA.person, by="otto")
    assert problem.value.hint == f"the tokens of `{ANA.person}` are `{second.id}`"
    with pytest.raises(NotFound) as problem:
        tokens.revoke("nobody", by="otto")
    assert "token list" in str(problem.value.hint)
