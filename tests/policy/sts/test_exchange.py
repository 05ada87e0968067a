from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.names import HostName
from tlswitness.policy.sts import exchange
from tlswitness.policy.sts.exchange import MAX_BODY, Exchange

HOST = HostName("mta-sts.Example.com", "mta-sts.example.com")
BODY = b"version: STSv1\r\nmode: none\r\nmax_age: 60\r\n"
TEXT = b"Content-Type: text/plain\r\n"


def answer(body: bytes = BODY, status: int = 200, headers: bytes = TEXT, *, length: int | None = None) -> bytes:
    claimed = len(body) if length is None else length
    return b"HTTP/1.1 %d Word\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, claimed, body)


def chunked(*pieces: bytes, headers: bytes = TEXT) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (headers, chunks)


def run(response: bytes, size: int = 16_384) -> bytes | Failure:
    """The response in pieces, then the end of the connection."""
    get = Exchange(HOST)
    get.request()
    for start in range(0, len(response), size):
        done = get.receive(response[start : start + size])
        if done is not None:
            return done
    done = get.receive(b"")
    assert done is not None
    return done


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.rfc(8461, "3.3")
def test_the_request_asks_for_the_well_known_path_and_for_nothing_a_cache_could_use() -> None:
    lines = Exchange(HOST).request().decode().lower().split("\r\n")
    assert lines[0] == "get /.well-known/mta-sts.txt http/1.1"
    assert "host: mta-sts.example.com" in lines
    assert "accept-encoding: identity" in lines
    assert not any(line.startswith(("if-", "cache-control", "range", "cookie")) for line in lines)


def with_type(value: bytes) -> bytes:
    return answer(headers=b"Content-Type: " + value + b"\r\n")


def coded(coding: bytes, body: bytes) -> bytes:
    return answer(body, headers=TEXT + b"Content-Encoding: " + coding + b"\r\n")


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize(
    "response",
    [
        answer(),
        answer() + b"HTTP/1.1 200 more that was not asked for",
        chunked(BODY[:10], BODY[10:]),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(),
        b"HTTP/1.0 200 OK\r\n" + TEXT + b"\r\n" + BODY,
        with_type(b"text/plain; charset=x; foo=bar"),
        with_type(b"Text/PLAIN"),
        with_type(b"text/plain ;charset=utf-8"),
        coded(b"identity", BODY),
        coded(b"gzip", gzip.compress(BODY)),
        coded(b"X-GZip", gzip.compress(BODY)),
        coded(b"deflate", zlib.compress(BODY)),
        coded(b"deflate", raw_deflate(BODY)),
    ],
)
def test_bodies(response: bytes) -> None:
    assert run(response) == BODY
    assert run(response, 1) == BODY


INVALID_ENCODING = Failure(Cause.STS_HTTP, "content encoding")
CLOSED = Failure(Cause.STS_HTTP, "connection closed")
PROTOCOL = Failure(Cause.STS_HTTP, "protocol error")


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize(
    ("response", "failure"),
    [
        *((answer(status=code), Failure(Cause.STS_HTTP_STATUS, str(code))) for code in (201, 206, 403, 404, 500, 503)),
        (answer(b"", 204), Failure(Cause.STS_HTTP_STATUS, "204")),
        *((answer(status=code), Failure(Cause.STS_HTTP_REDIRECT, str(code))) for code in (300, 301, 302, 307, 308)),
        (answer(headers=b""), Failure(Cause.STS_MEDIA_TYPE)),
        (with_type(b"text/html; charset=utf-8"), Failure(Cause.STS_MEDIA_TYPE)),
        (with_type(b"text/plain, text/html"), Failure(Cause.STS_MEDIA_TYPE)),
        (answer(headers=TEXT + b"Content-Type: text/html\r\n"), Failure(Cause.STS_MEDIA_TYPE)),
        (coded(b"br", BODY), INVALID_ENCODING),
        (coded(b"gzip, gzip", gzip.compress(gzip.compress(BODY))), INVALID_ENCODING),
        (coded(b"gzip", BODY), INVALID_ENCODING),
        (coded(b"gzip", gzip.compress(BODY)[:-4]), INVALID_ENCODING),
        (coded(b"gzip", gzip.compress(BODY) + b"more"), INVALID_ENCODING),
        (coded(b"deflate", b""), INVALID_ENCODING),
        (answer(length=len(BODY) + 1), CLOSED),
        (chunked(BODY)[:-5], CLOSED),
        (b"", CLOSED),
        (b"HTTP/1.1 200 OK\r\n", CLOSED),
        (b"220 mx.example.com ESMTP\r\n\r\n", PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", PROTOCOL),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000, Failure(Cause.STS_HTTP, "headers too large")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, Failure(Cause.STS_HTTP, "too many chunks")),
        (chunked(*[b"x"] * 5000), Failure(Cause.STS_HTTP, "too many chunks")),
    ],
)
def test_failures(response: bytes, failure: Failure) -> None:
    assert run(response) == failure


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize("size", [MAX_BODY - 1, MAX_BODY, MAX_BODY + 1])
def test_the_size_counts_decoded_octets_whatever_the_framing(size: int) -> None:
    body = b"x" * size
    expected = body if size <= MAX_BODY else Failure(Cause.STS_TOO_LARGE)
    whole = b"HTTP/1.0 200 OK\r\n" + TEXT + b"\r\n" + body
    for response in (answer(body), chunked(body), whole, coded(b"gzip", gzip.compress(body))):
        assert run(response) == expected


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = coded(b"gzip", gzip.compress(b"\0" * 50_000_000))
    assert len(bomb) < 100_000
    get = Exchange(HOST)
    get.request()
    assert get.receive(bomb[:2000]) == Failure(Cause.STS_TOO_LARGE)


def test_the_whole_response_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_WIRE", 1000)
    hints = b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 600 + b"\r\n\r\n"
    assert run(hints * 2, 100) == Failure(Cause.STS_TOO_LARGE)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_octets_give_a_body_or_a_failure(octets: bytes, size: int) -> None:
    assert isinstance(run(octets, size), Failure)
    assert isinstance(run(b"HTTP/1.1 200 OK\r\n" + TEXT + octets, size), bytes | Failure)
    assert isinstance(run(coded(b"gzip", gzip.compress(b"") + octets), size), bytes | Failure)
    assert isinstance(run(coded(b"deflate", octets), size), bytes | Failure)


@given(st.binary(max_size=500), st.integers(1, 600))
def test_a_served_body_comes_back_as_served_in_any_framing(body: bytes, size: int) -> None:
    assert run(answer(body), size) == body
    assert run(coded(b"gzip", gzip.compress(body)), size) == body
    assert run(coded(b"deflate", zlib.compress(body)), size) == body
    if body:
        assert run(chunked(body), size) == body
