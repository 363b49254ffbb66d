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
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast, overload
from urllib.parse import quote

from ketch.errors import KetchError, PackageCodeError, UsageError
from ketch.remote.auth import Bearer
from ketch.remote.calls import Patience, Reply
from ketch.remote.connect import ca_file as named_ca_file
from ketch.remote.failures import error_of, wait_asked_for
from ketch.remote.http import Session
from ketch.remote.replies import malformed

if TYPE_CHECKING:
    from ketch.runtime.predictor import Frame

TIMEOUT_S = 30.0
TRIES = 4
MAX_REPLY_BYTES = 256 * 1024 * 1024

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
        """Let go of the connections."""
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
            UsageError: What is asked is wrong; the findings say where.
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

    def _posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the reply to a request, made again where the gateway asks for that."""
        until = time.monotonic() + self._timeout_s
        for left in reversed(range(TRIES)):
            reply = self._session.request(
                *("POST", path),
                headers=headers,
                body=body,
                allow=range(400, 600),
                max_bytes=MAX_REPLY_BYTES,
            )
            if reply.status < 400:
                return reply
            wait_s = wait_asked_for(reply.headers) if reply.status == 503 else None
            if wait_s is None or left == 0 or time.monotonic() + wait_s > until:
                break
            self._sleep(wait_s)
        raise _refused(reply)


def encode(rows: object) -> bytes:
    """Return rows as the body of a request.

    Raises:
        UsageError: ``json/number``, ``schema/wrong-type``: something has no JSON form.
    """
    if hasattr(rows, "to_dicts") and hasattr(rows, "columns"):  # polars
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        rows = [_without_nan(row) for row in rows.to_dict("records")]
    elif not isinstance(rows, Mapping | list):
        rows = list(cast("Iterable[object]", rows))
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
