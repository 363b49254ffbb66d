"""Asking a gateway from Python.

::

    with Client("http://127.0.0.1:8080") as client:
        answer = client.predict("recommendations", {"shopper": "ann", "viewed": ["a", "b"]})
        answer["items"], answer.decision

One row is answered by one prediction, rows by a list of them. What the gateway refuses is
raised as it would be in the process of the package: the same class, code and findings.
"""

from __future__ import annotations

import base64
import json
import math
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload
from urllib.parse import quote

from ketch.errors import KetchError, PackageCodeError, Unavailable, UsageError
from ketch.monitor.outcomes import Recorded
from ketch.remote.auth import Bearer
from ketch.remote.calls import Patience, Reply
from ketch.remote.connect import ca_file as named_ca_file
from ketch.remote.failures import error_of, wait_asked_for
from ketch.remote.http import Session
from ketch.remote.replies import malformed

if TYPE_CHECKING:
    from datetime import datetime

    from ketch.runtime.predictor import Frame

TIMEOUT_S = 30.0
TRIES = 4
_WAIT_S = 0.25
"""Before what may be told twice is told a second time; then twice that, and so on."""
MAX_REPLY_BYTES = 256 * 1024 * 1024

_HINTS: Mapping[str, str] = {
    "remote/unreachable": "check the address, the network, and that the gateway runs",
    "remote/cut-off": "check that the gateway runs, and whether it speaks `https`; then ask again",
    "remote/timeout": "ask again, with fewer rows or a larger `timeout_s`",
    "remote/failing": "ask again in a while; what stands before the gateway may not reach it",
}
"""What to do where no gateway answered; elsewhere bytes are carried, and what arrived is kept."""

_MISSING = frozenset({"NAType", "NaTType"})  # of pandas


class Prediction(dict[str, Any]):
    """One answer: its outputs by name.

    Attributes:
        package: Who answered, ``name:version``.
        digest: The same package, exactly.
        decision: Under what identity the decision log has it; empty where one request asked
            for so many that the answer could not name them all.
        arm: As which arm of the route; all of them where the answer could not say which.
    """

    package: str
    digest: str
    decision: str
    arm: str


class Client:
    """Asks one gateway. Threads may share it.

    Args:
        url: Of the gateway, such as ``http://127.0.0.1:8080``.
        token: Where the gateway asks for one.
        timeout_s: How long a prediction may take, further tries included, in seconds.
        ca_file: Certificates to trust instead of the system's, in PEM form; those that
            ``KETCH_CA_FILE`` names without it.
        sleep: Waits between tries.

    Raises:
        UsageError: ``remote/address``, ``remote/ca-file``.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        ca_file: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        patience = Patience(
            connect_s=min(10.0, timeout_s), silence_s=timeout_s, reply_s=timeout_s, tries=1
        )
        auth = None if token is None else Bearer(token)
        trusted = ca_file or named_ca_file()
        self._session = Session(url, auth=auth, ca_file=trusted, patience=patience)
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; nothing can be asked any more."""
        self._is_closed = True
        self._session.close()

    @overload
    def predict(
        self,
        route: str,
        rows: Mapping[str, object],
        *,
        unit: str | None = None,
        arm: str | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        route: str,
        rows: Iterable[Mapping[str, object]] | Frame,
        *,
        unit: str | None = None,
        arm: str | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        route: str,
        rows: Mapping[str, object] | Iterable[Mapping[str, object]] | Frame,
        *,
        unit: str | None = None,
        arm: str | None = None,
    ) -> Prediction | list[Prediction]:
        """Return the answer for one row, or those for rows, in their order.

        Where the gateway is busy, and says when to come back, it is asked again, within
        the client's time. Nothing that may have been answered is asked twice.

        Args:
            route: The name of the route; ``staging/NAME`` asks what stands at staging.
            rows: One row, several, or a DataFrame. Dates, bytes and numpy's numbers are
                written as the schema reads them.
            unit: Who is asking, where no input says so.
            arm: Force an arm, for tests: such answers count for no experiment.

        Raises:
            UsageError: What is asked is wrong; the findings say where. ``client/closed``.
            NotFound: There is no such route or arm.
            PackageCodeError: The package refuses the input, or failed on it.
            Unavailable: There was no answer in time.
        """
        single = isinstance(rows, Mapping)
        body = encode(rows)
        asked = {"Ketch-Unit": unit, "Ketch-Arm": arm}
        headers = {name: value for name, value in asked.items() if value is not None}
        headers["Content-Type"] = "application/json"
        reply = self._posted(quote(route), body, headers)
        answers = reply.json()
        found = [answers] if single else answers
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise malformed("predictions, found something else", reply.url)
        predictions = _predictions(found, reply.headers)
        return predictions[0] if single else predictions

    def outcome(
        self,
        route: str,
        name: str,
        *,
        decision: str | None = None,
        unit: str | None = None,
        value: float = 1.0,
        label: object = None,
        at: datetime | None = None,
        key: str | None = None,
    ) -> bool:
        """Tell what became of an answer; return whether it was not known before.

        It is on the gateway's disk then. When no reply comes, it is told again, within the
        client's time, and counts once.

        Args:
            route: The route that answered.
            name: What happened, such as ``purchase``.
            decision: The decision that it came of; see :attr:`Prediction.decision`.
            unit: To whom it happened, where no decision is known.
            value: How much; 1 for something that happened.
            label: What would have been right, or anything else that has a JSON form.
            at: When it happened, with an offset from UTC; None for now.
            key: Says which event it is, such as the number of an order; told again it counts
                once. None for the one of this name that the decision has; of a unit, for an
                event of its own.

        Raises:
            UsageError: What is told is wrong; the findings say where. ``client/closed``.
            NotFound: There is no such route.
            Refused: ``outcomes/conflict``: the key was told with another content.
            Unavailable: There was no answer in time: tell it again with the same key.
        """
        told = {
            "route": route,
            "name": name,
            "decision": decision,
            "unit": unit,
            "value": value,
            "label": label,
            "at": at,
            "key": secrets.token_hex(16) if key is None and decision is None else key,
        }
        return self.outcomes([told]).new == 1

    def outcomes(self, rows: Iterable[Mapping[str, object]]) -> Recorded:
        """Tell many outcomes, all of them or none; return how many are new.

        Args:
            rows: Each with ``route``, ``name``, ``decision`` or ``unit``, and what else
                ``POST /outcomes`` takes. One of a unit needs its ``key`` or ``at``.

        Raises:
            KetchError: As :meth:`outcome`.
        """
        given = [{name: one for name, one in row.items() if one is not None} for row in rows]
        if not given:
            return Recorded(0, 0)
        headers = {"Content-Type": "application/json"}
        reply = self._posted("outcomes", encode(given), headers, again=True)
        done = reply.json()
        if not isinstance(done, dict):
            raise malformed("what was recorded, found something else", reply.url)
        return Recorded(int(done.get("recorded", 0)), int(done.get("known", 0)))

    def _posted(
        self, path: str, body: bytes, headers: Mapping[str, str], *, again: bool = False
    ) -> Reply:
        """Return the reply to a request, made again where the gateway asks for that.

        Args:
            path: Where it goes.
            body: What is sent.
            headers: With which headers.
            again: Whether it may be made again after it may have been heard.
        """
        until = time.monotonic() + self._timeout_s
        for left in reversed(range(TRIES)):
            unheard: Unavailable | None = None
            wait_s: float | None = _WAIT_S * 2 ** (TRIES - 1 - left)
            try:
                reply = self._reply(path, body, headers)
            except Unavailable as error:
                unheard = error
            else:
                if reply.status < 400:
                    return reply
                wait_s = wait_asked_for(reply.headers) if reply.status == 503 else None
            is_last = wait_s is None or left == 0 or time.monotonic() + wait_s > until
            if unheard is not None and (is_last or not again):
                raise unheard
            if is_last or wait_s is None:
                break
            self._sleep(wait_s)
        raise _refused(reply)

    def _reply(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the reply to one request."""
        if self._is_closed:
            raise UsageError(
                "expected a client that is open, found one that was closed",
                code="client/closed",
                hint="make a new `Client`, or ask inside its `with` block",
            )
        try:
            return self._session.request(
                *("POST", path),
                headers=headers,
                body=body,
                allow=range(400, 600),
                max_bytes=MAX_REPLY_BYTES,
            )
        except Unavailable as error:
            error.hint = _HINTS.get(error.code, error.hint)
            raise


def encode(rows: object) -> bytes:
    """Return rows as the body of a request.

    Raises:
        UsageError: ``json/number``, ``schema/wrong-type``: something has no JSON form.
    """
    if hasattr(rows, "to_dicts") and hasattr(rows, "columns"):  # polars
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        rows = [_without_nan(row) for row in rows.to_dict("records")]
    elif isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise UsageError(
            f"expected a row, rows or a DataFrame, found a Python `{type(rows).__name__}`",
            code="schema/wrong-type",
            where="rows",
            hint="a row is a dict of its inputs by name",
        )
    elif not isinstance(rows, Mapping | list):
        rows = list(rows)
    try:
        text = json.dumps(rows, allow_nan=False, default=_plain, separators=(",", ":"))
    except ValueError as error:
        raise UsageError(
            "expected finite numbers, found NaN or Infinity",
            code="json/number",
            where="rows",
            hint="JSON has neither; send `None` for a missing value",
        ) from error
    except TypeError as error:
        raise UsageError(
            f"expected rows of values that have a JSON form, found otherwise: {error}",
            code="schema/wrong-type",
            where="rows",
        ) from error
    return text.encode()


def _plain(value: Any) -> object:
    """Return what stands for a Python value in JSON."""
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    for method in ("isoformat", "tolist"):  # days and instants; numpy's numbers and arrays
        if hasattr(value, method):
            return getattr(value, method)()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a Python `{type(value).__name__}`")


def _without_nan(row: Mapping[str, object]) -> dict[str, object]:
    """Return a row of a pandas frame, in whose columns NaN stands for a missing value."""
    return {
        str(name): None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }


def _predictions(rows: list[dict[str, object]], headers: Mapping[str, str]) -> list[Prediction]:
    """Return rows with who answered them; of several parts each row names its own."""
    said = [
        headers.get(f"ketch-{name}", "").split(", ")
        for name in ("package", "digest", "decision", "arm")
    ]
    parts = headers.get("ketch-part", "")
    predictions = []
    for index, row in enumerate(rows):
        part = int(parts[index]) if index < len(parts) and parts[index].isdigit() else None
        prediction = Prediction(row)
        prediction.package, prediction.digest, prediction.decision, prediction.arm = (
            ", ".join(names if part is None else names[part : part + 1]) for names in said
        )
        predictions.append(prediction)
    return predictions


def _refused(reply: Reply) -> KetchError:
    error = error_of(reply.status, reply.headers, reply.content, reply.url)
    if isinstance(error, PackageCodeError):
        error.is_refusal = reply.status == 422
    return error
