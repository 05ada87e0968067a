"""The webhook: batches of points as JSON, by POST, to whoever is to know of them.

Separate from the sending because it decides what an answer means. 2xx alone is success. A server that is away or has
too much to do (5xx, 408, 429, no answer) is asked again, when it says or after a back-off. Any other answer, redirects
among them, says that this batch is not wanted: the points count as one error, and the log says how many they were.

The body is one object, `{"points": [...]}`, and a batch that is sent again has the `Idempotency-Key` that it had before
(as long as the process lives): a server that knows the key knows the batch.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host.builtin.post import NoResponse, Poster, Response

MAX_BODY = 4 * 1024 * 1024
"""Octets, about: a batch of large points is sent in several requests, as servers refuse large bodies."""
MAX_RETRY_AFTER = 3600.0
"""Seconds that a server may ask for."""
MAX_DIGITS = 9

_AGAIN = (408, 429)
_AGENT = "tlswitness"


class Refused(Exception):  # noqa: N818 - the server did
    """The server does not want these points."""


class Webhook:
    """Sends points through `poster`."""

    def __init__(self, poster: Poster, *, batch: int, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells seconds since 1970: a server may say until when it is busy."""
        self.batch = batch
        self._poster = poster
        self._clock = clock
        self._keys: dict[bytes, str] = {}
        """Of the bodies of a batch that is not over: it is told again."""
        self._settled: set[bytes] = set()
        """Those of them that need not be sent again."""
        self._refused: list[str] = []
        """Why, for each point that is not wanted."""

    def call_batch(self, points: Sequence[tuple[int, Finding]]) -> None:
        """Send all. Raises Retry to be told them again, Refused where they are not wanted."""
        sent = False
        for number, (count, body) in enumerate(_bodies(points)):
            this = hashlib.sha256(b"%d %b" % (number, body)).digest()
            if this in self._settled:
                continue
            if sent:  # one request in a call, so that none outlasts its deadline
                raise Retry("the points of this call are more than one request takes", after=0)
            why = self._send(body, self._keys.setdefault(this, secrets.token_hex(16)))
            sent = True
            self._refused += [why] * count if why else []
            self._settled.add(this)
        refused, self._refused = self._refused, []
        self._settled.clear()
        self._keys.clear()
        if refused:
            raise Refused(f"{refused[-1]}: {len(refused)} points are lost to this module")

    def close(self) -> None:
        self._poster.close()

    def _send(self, body: bytes, key: str) -> str:
        """Why the server does not want `body`; empty where it has taken it. Raises Retry."""
        answer = self._poster.post(body, {"Content-Type": "application/json", "Idempotency-Key": key})
        match answer:
            case Response(status=status) if 200 <= status <= 299:
                return ""
            case Response(status=status) if status >= 500 or status in _AGAIN:
                after = retry_after(answer.retry_after, self._clock())
                raise Retry(f"{self._poster.server} answers {status}", after=after)
            case Response(status=status):
                more = ", and redirects are not followed" if 300 <= status <= 399 else ""
                return f"{self._poster.server} answers {status}{more}"
            case NoResponse(reason=reason):
                raise Retry(f"{self._poster.server}: {reason}")


def agent_headers(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The operator's header fields, and who we are where they do not say it."""
    named = any(name.lower() == "user-agent" for name, _ in headers)
    return tuple(headers) if named else (("User-Agent", _AGENT), *headers)


def retry_after(text: str | None, now: float) -> float | None:
    """Seconds from `now`, MAX_RETRY_AFTER at most (RFC 9110 section 10.2.3); None for what is no time."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER) if len(text) <= MAX_DIGITS else MAX_RETRY_AFTER
    try:
        when = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(when - now, 0.0), MAX_RETRY_AFTER)


def _bodies(points: Sequence[tuple[int, Finding]]) -> list[tuple[int, bytes]]:
    """The bodies for `points`, in order, each with the number of its points."""
    bodies: list[tuple[int, bytes]] = []
    texts: list[str] = []
    size = 0
    for epoch, finding in points:
        text = finding.compact(epoch)
        if texts and size + len(text) > MAX_BODY:
            bodies.append((len(texts), _body(texts)))
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    return [*bodies, (len(texts), _body(texts))]


def _body(texts: Sequence[str]) -> bytes:
    return f'{{"points":[{",".join(texts)}]}}'.encode()
