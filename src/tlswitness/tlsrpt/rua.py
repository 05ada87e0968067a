"""One URI of a `rua` field: where reports go (RFC 8460 section 3, RFC 3986, RFC 6068).

Separate from the record because an operator may name such a URI too, and because this is where a stranger chooses whom
we will write to: what comes out holds no control characters, no second recipient and no header fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote_to_bytes

from tlswitness.names import BadName, Domain, HostName, parse_domain, parse_host

MAX_URI = 2048
"""Characters: bounds a request line and a header that a stranger chooses."""
MAX_LOCAL_PART = 64
"""Octets (RFC 5321 section 4.5.3.1.1)."""
HTTPS_PORT = 443

_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_NOT_URI = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@$&'()*+=%-]", re.ASCII)
"""Characters that no URI has (RFC 3986 section 2), and those that a record must encode."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.ASCII | re.DOTALL)
_HTTPS = re.compile(r"//([^/?#]*)([^#]*)(?:#.*)?", re.ASCII)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@]+)(?::([0-9]{0,5}))?", re.ASCII)
_ATOM = r"[^\x00-\x20\x7f-\xa0\"(),.:;<>@\[\\\]]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_NEEDS_ESCAPE = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True)
class MailRua:
    """Reports go by mail. Equal when the mailbox is, however the URI spells it."""

    uri: str = field(compare=False)
    """As published."""
    local_part: str
    """Decoded, without quotes."""
    domain: Domain

    @property
    def address(self) -> str:
        """As SMTP and header fields want it, quoted where it must be (RFC 5321 section 4.1.2)."""
        local = self.local_part
        if not _DOT_ATOM.fullmatch(local):
            local = '"{}"'.format(_NEEDS_ESCAPE.sub(r"\\\1", local))
        return f"{local}@{self.domain}"

    @property
    def asks_for_fields(self) -> bool:
        """The URI wants header fields or a body, of which none is honoured (RFC 6068 section 7)."""
        return "?" in self.uri


@dataclass(frozen=True, slots=True)
class HttpsRua:
    """Reports are posted. Equal when the request would be."""

    uri: str = field(compare=False)
    """As published."""
    host: str
    """A name in A-labels and lower case, or an address, an IPv6 one without brackets."""
    port: int
    target: str
    """Path and query, as a request line has them."""


Rua = MailRua | HttpsRua


@dataclass(frozen=True, slots=True)
class UnusableUri:
    """Reports cannot go there."""

    reason: str
    """In words that go behind the URI: `it ...`."""


def parse_rua(uri: str) -> Rua | UnusableUri:
    """Where the URI says that reports go. Decodes once, after all splitting. Never raises."""
    if not uri:
        return UnusableUri("it is empty")
    if len(uri) > MAX_URI:
        return UnusableUri(f"it is longer than {MAX_URI} characters")
    if " " in uri or "\t" in uri:
        return UnusableUri("it has a blank inside; URIs are separated by commas")
    found = _SCHEME.fullmatch(uri)
    if found is None:
        hint = ": `mailto:` is missing" if "@" in uri else ""
        return UnusableUri(f"it has no scheme{hint}")
    scheme, rest = found[1].lower(), found[2]
    if scheme not in {"mailto", "https"}:
        return UnusableUri("its scheme is neither mailto nor https")
    if "!" in uri:
        return UnusableUri("it has a `!`, which must be written as %21; size limits as in DMARC do not exist here")
    if _NOT_URI.search(uri):
        return UnusableUri("it has a character that no URI has")
    if _BARE_PERCENT.search(uri):
        return UnusableUri("it has a `%` without two hexadecimal digits behind it")
    return _mail(uri, rest) if scheme == "mailto" else _https(uri, rest)


def _mail(uri: str, rest: str) -> Rua | UnusableUri:
    # A fragment means nothing in a mailto URI (RFC 6068 section 2).
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    try:
        mailbox = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return UnusableUri("its percent-encoding is not UTF-8")
    if path.startswith("//"):
        return UnusableUri("it has `//` behind `mailto:`, where the address begins")
    local, at, after = mailbox.rpartition("@")
    if not at or not local:
        return UnusableUri("it has no mail address")
    domain = parse_domain(after)
    if isinstance(domain, BadName):
        return UnusableUri(f"the domain of its address is no domain: {domain.reason}")
    quoted = _QUOTED.fullmatch(local)
    if quoted:
        local = _ESCAPED.sub(r"\1", quoted[1])
    elif "@" in local:
        return UnusableUri("it has more than one mail address")
    elif any(char in local for char in '"\\<> '):
        return UnusableUri("the local part of its address would have to be quoted")
    if not local.isprintable():
        return UnusableUri("its address has control characters")
    if len(local.encode()) > MAX_LOCAL_PART:
        return UnusableUri(f"the local part of its address is longer than {MAX_LOCAL_PART} octets")
    return MailRua(uri, local, domain)


def _https(uri: str, rest: str) -> Rua | UnusableUri:
    found = _HTTPS.fullmatch(rest)
    if found is None:
        return UnusableUri("it has no host: it must begin with https://")
    if "@" in found[1]:
        return UnusableUri("it has a user name before the host")
    authority = _AUTHORITY.fullmatch(found[1])
    host = _host(authority[1]) if authority else None
    if authority is None or host is None:
        return UnusableUri("its host is neither a name nor an address")
    port = int(authority[2] or HTTPS_PORT)
    if not 0 < port < 65536:
        return UnusableUri("its port is not within 1 and 65535")
    target = found[2] if found[2].startswith("/") else f"/{found[2]}"
    if "[" in target or "]" in target:
        return UnusableUri("it has a character that no URI has")
    return HttpsRua(uri, host, port, target)


def _host(text: str) -> str | None:
    bracketed = text.startswith("[")
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        name = parse_host(text)
        return name.key if isinstance(name, HostName) else None
    return str(address) if isinstance(address, IPv6Address) == bracketed else None
