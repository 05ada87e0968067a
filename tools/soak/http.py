"""The policy host's response, in pieces: a body, a failure, or more is needed; never too much."""

from __future__ import annotations

import random
import zlib

from tlswitness.datapoint.failure import Failure
from tlswitness.lab.policyhost import policy_text
from tlswitness.names import HostName
from tlswitness.policy.sts.exchange import MAX_BODY, Exchange
from tools.soak.target import Target

HOST = HostName("mta-sts.example.com", "mta-sts.example.com")
BODY = policy_text("mx.example.com")


def attempt(data: bytes) -> object:
    dice = random.Random(data)
    exchange = Exchange(HOST)
    exchange.request()
    rest = data
    result: bytes | Failure | None = None
    while result is None and rest:
        size = dice.choice((1, 3, 17, 400, 5000))
        piece, rest = rest[:size], rest[size:]
        result = exchange.receive(piece)
    if result is None:
        result = exchange.receive(b"")
    assert isinstance(result, bytes | Failure | None)
    if isinstance(result, bytes):
        assert len(result) <= MAX_BODY
        return "body", min(len(result), 100)
    return "none" if result is None else (result.cause, result.code)


def _response(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/plain", *headers, b"", b""]
    return b"\r\n".join(lines) + body


TARGET = Target(
    "http",
    (
        _response(BODY, b"Content-Length: %d" % len(BODY)),
        _response(b"10\r\n" + BODY[:16] + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        _response(zlib.compress(BODY), b"Content-Encoding: deflate", b"Content-Length: %d" % len(zlib.compress(BODY))),
        _response(zlib.compress(bytes(100_000)), b"Content-Encoding: deflate", b"Connection: close"),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + _response(BODY, b"Content-Length: %d" % len(BODY)),
        b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n",
    ),
    attempt,
    (
        b"\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Content-Length: 0\r\n",
        b"ffffffff\r\n",
        b"0\r\n\r\n",
        b"1;a=b\r\nx\r\n",
        b"\x1f\x8b\x08",
    ),
)
