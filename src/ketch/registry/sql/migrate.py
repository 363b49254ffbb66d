"""The shape of the database, brought up to date one numbered script at a time.

Tables that follow from the events are filled from them again: a script says what columns
there are, and never what is in them.
"""

from __future__ import annotations

from importlib.resources import files

from ketch.errors import Unavailable
from ketch.registry.sql import log
from ketch.registry.sql.database import Database, Session, from_row
from ketch.registry.sql.projection import TABLES, project

NEWEST = 4


def migrate(database: Database) -> None:
    """Bring a database to the newest shape; one that is there already costs one query.

    Raises:
        Unavailable: ``registry/too-new``: a newer ketch has changed it.
    """
    with database.reading() as session:
        if _shape(session) == NEWEST:
            return
    with database.writing() as session:
        if not session.has("shape"):
            session.run("CREATE TABLE shape (number BIGINT NOT NULL)")
            session.run("INSERT INTO shape (number) VALUES (0)")
        before = _shape(session)
        for number in range(before + 1, NEWEST + 1):
            for statement in _script(number):
                session.run(statement)
        if before < NEWEST:
            session.run("UPDATE shape SET number = ?", NEWEST)
            _derive(session)


@from_row
def _derive(session: Session) -> None:
    """Fill the tables that follow from the events anew."""
    for table in TABLES:
        session.run(f"DELETE FROM {table}")  # our own names
    for event, _ in log.all_events(session):
        project(event, session)


def _shape(session: Session) -> int:
    """Return the number of the last script that ran."""
    row = session.one("SELECT number FROM shape") if session.has("shape") else None
    number = int(row[0]) if row else 0
    if number > NEWEST:
        raise Unavailable(
            f"expected a registry of shape {NEWEST} or older, found {number}",
            code="registry/too-new",
            hint="use the newer ketch that changed it",
        )
    return number


def _script(number: int) -> list[str]:
    text = files("ketch.registry.sql").joinpath(f"migrations/{number:04}.sql").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [one for one in (part.strip() for part in "\n".join(lines).split(";")) if one]
