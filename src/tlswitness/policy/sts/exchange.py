"""One HTTP exchange for a policy, without I/O: octets of the request out, of the response in, body or failure back.

Separate because every way in which a web server can be wrong is a row of the decision table, and rows are easier to
test without sockets. RFC 8461 sections 3.2 and 3.3: 200 only, no redirects, no HTTP caching, text/plain, a bounded
body.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import h11

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.names import HostName

PATH = "/.well-known/mta-sts.txt"
"""RFC 8461 section 3.2."""
MAX_BODY = 64 * 1024
"""Octets of a policy, after decoding: the size that RFC 8461 section 3.3 suggests. Bounds memory and report size."""
MAX_HEADERS = 16 * 1024
"""Octets of a header block, of a chunk's header and of the trailers: bounds what an endless header can fill."""
MAX_WIRE = 256 * 1024
"""Octets of the whole response: bounds chunk headers and interim responses that carry no body."""
MAX_PIECES = 4096
"""Events of the HTTP parser: bounds the time that a body in chunks of one octet can cost."""


class Exchange:
    """One GET. `request()` first, then `receive` for what arrives, b"" at the end, until it returns something."""

    def __init__(self, host: HostName) -> None:
        self._host = host
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS)
        self._wire = 0
        self._pieces = 0
        self._body = bytearray()
        self._coding: _Coding = _Identity()

    def request(self) -> bytes:
        """The request: it asks for no coding, and carries nothing that a cache could use."""
        request = h11.Request(
            method="GET",
            target=PATH,
            headers=[
                ("Host", self._host.key),
                ("User-Agent", "tlswitness"),
                ("Accept", "text/plain, */*;q=0.1"),
                ("Accept-Encoding", "identity"),
                ("Connection", "close"),
            ],
        )
        return (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def receive(self, data: bytes) -> bytes | Failure | None:
        """The body when it is complete, what is wrong as soon as that is known, None while more is needed."""
        self._wire += len(data)
        if self._wire > MAX_WIRE:
            return Failure(Cause.STS_TOO_LARGE)
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                self._pieces += 1
                done = self._on_event(event)
                if done is not None:
                    return done
                if self._pieces > MAX_PIECES:
                    return _broken("too many chunks")
        except h11.RemoteProtocolError as error:
            if not data:
                return _broken("connection closed")
            return _broken("headers too large" if error.error_status_hint == 431 else "protocol error")
        return None

    def _on_event(self, event: object) -> bytes | Failure | None:
        match event:
            case h11.Response(status_code=status, headers=headers):
                return self._on_response(status, [(bytes(name), bytes(value)) for name, value in headers])
            case h11.Data(data=data):
                return self._take(self._coding.feed(bytes(data), MAX_BODY - len(self._body)))
            case h11.EndOfMessage():
                failure = self._coding.end()
                return failure if failure is not None else bytes(self._body)
            case h11.ConnectionClosed() | h11.PAUSED:
                return _broken("connection closed")
            case _:  # an interim response (RFC 9110 section 15.2)
                return None

    def _on_response(self, status: int, headers: list[tuple[bytes, bytes]]) -> Failure | None:
        if 300 <= status <= 399:
            return Failure(Cause.STS_HTTP_REDIRECT, str(status))
        if status != 200:
            return Failure(Cause.STS_HTTP_STATUS, str(status))
        types = [value.partition(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
        if not types or any(media_type != b"text/plain" for media_type in types):
            return Failure(Cause.STS_MEDIA_TYPE)
        coding = _coding([value for name, value in headers if name == b"content-encoding"])
        if isinstance(coding, Failure):
            return coding
        self._coding = coding
        return None

    def _take(self, decoded: bytes | Failure) -> Failure | None:
        if isinstance(decoded, Failure):
            return decoded
        self._body += decoded
        return Failure(Cause.STS_TOO_LARGE) if len(self._body) > MAX_BODY else None


class _Coding(Protocol):
    """A content coding (RFC 9110 section 8.4.1), undone."""

    def feed(self, data: bytes, room: int) -> bytes | Failure:
        """What `data` decodes to: where that is more than `room` octets, at least one more than `room`."""
        ...

    def end(self) -> Failure | None:
        """What is wrong with a body that ends here."""
        ...


class _Identity:
    def feed(self, data: bytes, room: int) -> bytes | Failure:
        return data[: room + 1]

    def end(self) -> Failure | None:
        return None


class _Inflate:
    """gzip, and deflate in both forms that servers send: with the zlib header, and without."""

    def __init__(self, *, gzip: bool) -> None:
        self._inflate = zlib.decompressobj(wbits=31) if gzip else None

    def feed(self, data: bytes, room: int) -> bytes | Failure:
        if self._inflate is None:
            self._inflate = zlib.decompressobj(wbits=15 if data[:1] and data[0] & 0x0F == 8 else -15)
        try:
            decoded = self._inflate.decompress(data, room + 1)
        except zlib.error:
            return _broken("content encoding")
        return _broken("content encoding") if self._inflate.unused_data else decoded

    def end(self) -> Failure | None:
        complete = self._inflate is not None and self._inflate.eof
        return None if complete else _broken("content encoding")


def _coding(values: list[bytes]) -> _Coding | Failure:
    names = [name.strip().lower() for value in values for name in value.split(b",")]
    match [name for name in names if name not in (b"", b"identity")]:
        case []:
            return _Identity()
        case [b"gzip" | b"x-gzip"]:
            return _Inflate(gzip=True)
        case [b"deflate"]:
            return _Inflate(gzip=False)
        case _:
            return _broken("content encoding")


def _broken(code: str) -> Failure:
    return Failure(Cause.STS_HTTP, code)
