"""Kinds of values for those who talk HTTP: a URL, header fields, and an address to listen at.

Separate from `place`, which is about mail. What is wrong with a header field is said by its name alone: its value may
be a secret.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tlswitness.config.kind import Kind, Refused
from tlswitness.config.place import MAX_PORT, AddressAndPort, Endpoint

MAX_URL = 2048
MAX_HEADERS = 32
MAX_HEADER = 8192
"""Octets of a field's value: servers take no more."""

NOWHERE = Endpoint("", 0)
"""Where nobody listens."""

_URL = re.compile(r"[!-~]+")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_OURS = ("connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding")


class Url(Kind[str]):
    """Where points are sent to; "" where there is none."""

    @property
    def allowed(self) -> str:
        return "a URL of http or https without a user or password, such as `https://hooks.example.net/points`"

    def read(self, value: object) -> str | list[Refused]:
        if not isinstance(value, str) or len(value) > MAX_URL or not _URL.fullmatch(value):
            return [Refused(value)]
        fault = _url_fault(value)
        return value if fault is None else [Refused(_bare(value), fault)]


class Headers(Kind[tuple[tuple[str, str], ...]]):
    """Header fields by name."""

    @property
    def allowed(self) -> str:
        return f'a table of at most {MAX_HEADERS} header fields in ASCII, such as {{ Authorization = "Bearer ..." }}'

    def read(self, value: object) -> tuple[tuple[str, str], ...] | list[Refused]:
        if not isinstance(value, dict) or len(value) > MAX_HEADERS:
            return [Refused("..." if isinstance(value, str) else value)]
        bad = [Refused(name, fault) for name, text in value.items() if (fault := _header_fault(name, text))]
        names = [name.lower() for name in value]
        bad += [Refused(name, "it is there twice") for name in {name for name in names if names.count(name) > 1}]
        return bad or tuple(value.items())

    def show(self, value: tuple[tuple[str, str], ...]) -> object:
        return dict(value)


class ListenAt(Kind[Endpoint]):
    """An address and a port of this machine; "" for none."""

    @property
    def allowed(self) -> str:
        return 'an IP address and a port, as "127.0.0.1:9815" or "[::1]:9815", or "" for none'

    def read(self, value: object) -> Endpoint | list[Refused]:
        if value == "":
            return NOWHERE
        read = AddressAndPort(MAX_PORT + 1).read(value)
        if isinstance(read, list) or read.port > MAX_PORT:
            return [Refused(value)]
        return read

    def show(self, value: Endpoint) -> object:
        return "" if value == NOWHERE else str(value)


def _url_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "its host or port is none"
    if parts.scheme not in ("http", "https"):
        return "its scheme is neither http nor https"
    if not host or port == 0:
        return "it has no host" if not host else "port 0 is none"
    if "@" in parts.netloc:
        return "a user and password do not belong into a URL; `headers` takes an Authorization"
    return "a fragment (#) is never sent" if "#" in url else None


def _bare(url: str) -> str:
    """The URL without what may be a secret."""
    scheme, colon, rest = url.partition("://")
    return f"{scheme}{colon}..." if "@" in rest else url


def _header_fault(name: str, value: object) -> str:
    """What is wrong with one field; empty if nothing is."""
    if not _NAME.fullmatch(name):
        return "no name of a header field"
    if name.lower() in _OURS:
        return "this field is set by the webhook itself"
    if not isinstance(value, str) or len(value) > MAX_HEADER or not _VALUE.fullmatch(value):
        return "its value is not ASCII text of one line"
    return ""
