"""A first draft of a schema from example rows, for a person to correct.

Law: without blocking findings, the example rows decode with the inferred fields.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ketch.errors import Finding
from ketch.schema.fields import Field
from ketch.schema.floats import is_exact
from ketch.schema.moments import read_date, read_timestamp
from ketch.schema.problems import Wrong, kind, printable, show
from ketch.schema.type_parser import MAX_DEPTH
from ketch.schema.types import (
    NAME,
    Bool,
    Date,
    Float,
    Int,
    List,
    Member,
    String,
    Struct,
    Timestamp,
    Type,
)

_MOMENTS = (Timestamp("us", "UTC"), Timestamp("us"), Timestamp("ns", "UTC"), Timestamp("ns"))


def infer_fields(
    rows: Sequence[Mapping[str, object]], where: str = "rows"
) -> tuple[tuple[Field, ...], tuple[Finding, ...]]:
    """Guess the fields of example rows in JSON form, in the order of their first sight.

    A name absent from some rows is optional, one that is null in some is nullable. What
    cannot be told becomes a finding: it blocks when no type fits the rows (the field is
    then left out), and is advice when the rows say too little, such as only nulls.
    """
    guesser = _Guesser()
    fields: list[Field] = []
    for name in dict.fromkeys(name for row in rows for name in row):
        place = f"{where}.{printable(name)}"
        values = [row[name] for row in rows if name in row]
        guess = guesser.type_of(values, place, depth=1) if guesser.named(name, place) else None
        if guess is not None:
            is_nullable = any(value is None for value in values)
            is_optional = len(values) < len(rows)
            fields.append(Field(name, guess, nullable=is_nullable, optional=is_optional))
    return tuple(fields), tuple(guesser.findings)


@dataclass(slots=True)
class _Guesser:
    findings: list[Finding] = field(default_factory=list)

    def named(self, name: str, where: str) -> bool:
        if NAME.fullmatch(name):
            return True
        return self.refuse("schema/bad-name", f"expected a field name, found {show(name)}", where)

    def type_of(self, values: Sequence[object], where: str, depth: int) -> Type | None:
        """Return the narrowest type of all the values that are not null; None when none fits."""
        kinds = frozenset(type(value) for value in values if value is not None)
        if not kinds:
            message = "found no value, so `string` is a guess"
            self.advise(message, where, "say the type in `ketch.toml`")
            return String()
        if kinds == {bool}:
            return Bool()
        if kinds == {str}:
            return self.text([str(value) for value in values if value is not None], where)
        if kinds <= {int, float}:
            return self.number(values, where)
        if kinds == {list} and depth < MAX_DEPTH:
            return self.items(values, where, depth)
        if kinds == {dict} and depth < MAX_DEPTH:
            return self.members([one for one in values if isinstance(one, dict)], where, depth)
        examples = {type(value): kind(value) for value in values if value is not None}
        self.refuse("schema/mixed-types", f"found {' and '.join(examples.values())}", where)
        return None

    def number(self, values: Sequence[object], where: str) -> Type | None:
        whole = [value for value in values if isinstance(value, int)]
        broken = [value for value in values if isinstance(value, float)]
        if not broken:
            for guess in (Int(64), Int(64, signed=False)):
                if guess.smallest <= min(whole) and max(whole) <= guess.largest:
                    return guess
        elif all(map(math.isfinite, broken)) and all(is_exact(value, 64) for value in whole):
            return Float(64)
        message = "expected finite numbers of one type of 64 bits, found others"
        self.refuse("schema/out-of-range", message, where)
        return None

    def text(self, texts: Sequence[str], where: str) -> Type:
        guess: Type = String()
        if _all_read(texts, Date()):
            guess = Date()
        else:
            guess = next((one for one in _MOMENTS if _all_read(texts, one)), guess)
        if guess != String():
            hint = "declare it `string` if it is not a point in time"
            self.advise(f"found text that reads as `{guess}` in every row", where, hint)
        return guess

    def items(self, values: Sequence[object], where: str, depth: int) -> Type | None:
        inner = [item for one in values if isinstance(one, list) for item in one]
        if None in inner:
            self.refuse("schema/null", "expected lists without null, found null in one", where)
            return None
        item = self.type_of(inner, f"{where}[]", depth + 1)
        return None if item is None else List(item)

    def members(
        self, values: Sequence[Mapping[str, object]], where: str, depth: int
    ) -> Type | None:
        names = dict.fromkeys(name for one in values for name in one)
        members: list[Member] = []
        for name in names:
            place = f"{where}.{printable(name)}"
            inner = [one.get(name) for one in values]
            if not self.named(name, place) or not self.always_there(name, values, place):
                continue
            guess = self.type_of(inner, place, depth + 1)
            if guess is not None:
                members.append(Member(name, guess, nullable=None in inner))
        if not names:
            self.refuse("schema/mixed-types", "found only empty objects", where)
        return Struct(tuple(members)) if names and len(members) == len(names) else None

    def always_there(self, name: str, values: Sequence[Mapping[str, object]], where: str) -> bool:
        if all(name in one for one in values) and not name.endswith(" "):
            return True
        message = f"expected member `{printable(name, 64)}` in every object, found it in some"
        return self.refuse("schema/missing-field", message, where)

    def advise(self, message: str, where: str, hint: str) -> None:
        self.findings.append(Finding("schema/unsure", message, where, hint, blocks=False))

    def refuse(self, code: str, message: str, where: str) -> bool:
        self.findings.append(Finding(code, message, where))
        return False


def _all_read(texts: Sequence[str], t: Date | Timestamp) -> bool:
    try:
        for text in texts:
            read_date(text) if isinstance(t, Date) else read_timestamp(text, t)
    except Wrong:
        return False
    return True
