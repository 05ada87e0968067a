"""TLS without I/O: octets of TLS in, plain ones out, and every way a handshake can fail as a `Failure`.

Separate because TLS over memory leaves us the transport: nothing that came before the handshake can slip behind it,
the chain is taken as presented, and each failure is named (RFC 3207 sections 4 and 6, RFC 8446 section 6, RFC 8460
section 4.3). Nothing is verified here, in either context: the verdict does that on the chain. Sessions are never
resumed, for a resumed session shows no chain. Our own faults (no memory, a library without ciphers) are exceptions:
they are nothing to report.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.smtp.talk import Strength
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.names import HostName

MAX_HANDSHAKE = 256 * 1024
"""Octets from the peer until the handshake is done. Bounds one that never ends; OpenSSL takes chains of up to 100
kB."""
MAX_PLAIN = 16 * 1024
"""Octets of plain text in one record (RFC 8446 section 5.1)."""

WIDE_CIPHERS = "ALL:+3DES:+RC4:+aNULL:@SECLEVEL=0"
"""All that encrypt, those without a certificate last: the order is our preference."""
JUDGED_CIPHERS = "ALL:+3DES:+RC4:!aNULL:@SECLEVEL=0"
"""The same with those left out."""
DEMANDED_CIPHERS = (
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:RSA+AESGCM:RSA+AES"
    ":!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=2"
)
"""What RFC 9325 section 4.2 does not forbid, forward secrecy first. Level 2 is 112 bits; certificates are the
verdict's."""

_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT, named from Python 3.12 on: servers without RFC 5746
_ALERT = re.compile(r"(?:SSLV3_ALERT|TLSV1_ALERT|TLSV13_ALERT|TLSV1)_(.+)")
_OUR_FAULTS = frozenset({"MALLOC_FAILURE", "NO_CIPHERS_AVAILABLE", "NO_PROTOCOLS_AVAILABLE", "LIBRARY_HAS_NO_CIPHERS"})


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """The ways to start TLS, made once and shared by all connections."""

    wide: ssl.SSLContext
    judged: ssl.SSLContext
    demanded: ssl.SSLContext

    @classmethod
    def make(cls) -> TlsContexts:
        """Raises ssl.SSLError where OpenSSL was built without what is needed."""
        wide, judged = _context(WIDE_CIPHERS), _context(JUDGED_CIPHERS)
        for context in (wide, judged):
            # The lowest that OpenSSL has; ssl itself rules SSLv3 out. Naming TLS 1.0 would give a DeprecationWarning.
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.options |= _LEGACY_SERVER_CONNECT
        demanded = _context(DEMANDED_CIPHERS)
        demanded.minimum_version = ssl.TLSVersion.TLSv1_2
        return cls(wide, judged, demanded)

    def of(self, strength: Strength) -> ssl.SSLContext:
        match strength:
            case Strength.WIDE:
                return self.wide
            case Strength.JUDGED:
                return self.judged
            case Strength.DEMANDED:
                return self.demanded


class TlsLayer:
    """One TLS session of a client. First `handshake` until it gives a Chain or a Failure, then `encrypt` and
    `decrypt`.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "_shaken", "broken")

    def __init__(self, context: ssl.SSLContext, server_name: HostName) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # In octets, so that ssl does not run its own IDNA 2003 over a name that is validated already.
        name = server_name.text.encode("ascii")
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._shaken = 0
        self.broken: str | None = None
        """Why nothing more can be read: "" for an orderly close, else stable words such as `alert unknown ca`."""

    def handshake(self, data: bytes) -> Chain | Failure | None:
        """Go on with `data` from the peer, first with none. None: more is needed. Look for `output` in every case."""
        self._shaken += len(data)
        if self._shaken > MAX_HANDSHAKE:
            return Failure(Cause.TLS_LOCAL, "handshake too large")
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            return _failure(error)
        return presented_chain(self._object)

    def decrypt(self, data: bytes) -> bytes:
        """The plain text that `data` completes; then see `broken`. May need `output` to be sent, too."""
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            while True:
                part = self._object.read(MAX_PLAIN)
                if not part:
                    self.broken = ""
                    break
                parts.append(part)
                if not self._incoming.pending and not self._object.pending():
                    break  # saves the exception that says so
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.broken = ""
        except ssl.SSLError as error:
            self.broken = _broken_words(error)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def encrypt(self, data: bytes | memoryview) -> None:
        """Add `data` to the output. A session that is broken takes no more: it is dropped."""
        if self.broken is None:
            try:
                self._object.write(data)
            except ssl.SSLError as error:
                self.broken = _broken_words(error)

    def output(self) -> bytes:
        """What is to be sent to the peer."""
        return self._outgoing.read()

    def close(self) -> bytes:
        """The close_notify to be sent, without waiting for the peer's."""
        # The peer's has not come, or the session is broken: either way there is no more to do.
        with contextlib.suppress(ssl.SSLError, OSError):
            self._object.unwrap()
        return self._outgoing.read()


def presented_chain(session: ssl.SSLObject) -> Chain:
    """The certificates in the order of the handshake. Python has this in public from 3.13 on only."""
    certificates: Iterable[bytes]
    if sys.version_info >= (3, 13):
        certificates = session.get_unverified_chain()
    else:
        entries = session._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001
        certificates = (entry.public_bytes(_ENCODING_DER) for entry in entries)
    cipher = session.cipher()
    return Chain(tuple(certificates), session.version() or "", cipher[0] if cipher else "")


_ENCODING_DER = 2
"""`_ssl.ENCODING_DER`."""


def _context(ciphers: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers(ciphers)
    return context


def _failure(error: ssl.SSLError) -> Failure:
    """What a handshake failed of; raises what is our own fault again."""
    if isinstance(error, ssl.SSLZeroReturnError | ssl.SSLEOFError):
        return Failure(Cause.TLS_CLOSED)
    alert, words = _words(error)
    return Failure(Cause.TLS_ALERT if alert else Cause.TLS_LOCAL, words)


def _broken_words(error: ssl.SSLError) -> str:
    alert, words = _words(error)
    return f"alert {words}" if alert else words


def _words(error: ssl.SSLError) -> tuple[bool, str]:
    """Whether the peer sent it as an alert, and OpenSSL's reason in small letters."""
    reason = error.reason or ""
    if reason in _OUR_FAULTS:
        raise error
    found = _ALERT.fullmatch(reason)
    return found is not None, (found[1] if found else reason or "unknown").replace("_", " ").lower()
