"""Fetching a policy over HTTPS: the name's guarded addresses, TLS under WebPKI, one GET, the grammar.

Separate from the service that decides when to fetch: here is the only place where policy opens a connection.
RFC 8461 sections 3.3, 7.1 (SNI), 8.2 (the name does not change with delegation) and 10.3 (a stranger chose the name).
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Protocol

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.dns.answer import Answer, Denial, Denied, Found, LookupFailed, RecordType, Resolver
from tlswitness.names import BadName, Domain, HostName, parse_host
from tlswitness.net import AddressGuard, Dialer, canonical_ip
from tlswitness.policy.sts.channel import TlsChannel, TooMuchError
from tlswitness.policy.sts.exchange import Exchange
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import BadPolicy, StsPolicy

PORT = 443
MAX_ADDRESSES = 8
"""Addresses tried: bounds the connections that one fetch of a stranger's name can cause."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Seconds. RFC 8461 section 3.3 suggests a minute for the whole."""

    total: float = 60.0
    """From the first lookup to the last octet: bounds a server that drips."""
    connect: float = 10.0
    """For each address: one that swallows packets leaves time for the next."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A valid policy, of any mode."""

    policy: StsPolicy
    body: bytes
    """As served, after any content coding."""


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No policy came back."""

    failure: Failure
    lines: tuple[str, ...] = ()
    """What a body that is no policy said (RFC 8460 section 4.5)."""


FetchOutcome = Fetched | FetchFailed


class Fetcher(Protocol):
    """What the service needs of this module."""

    async def fetch(self, domain: Domain) -> FetchOutcome:
        """Fetch the policy of `domain`. Never raises for what the network can do."""
        ...


class PolicyFetcher:
    """Fetches over HTTPS, through our resolver, guard and dialer; no proxies, no redirects, no caches."""

    def __init__(
        self,
        resolver: Resolver,
        dialer: Dialer,
        guard: AddressGuard,
        context: ssl.SSLContext,
        limits: FetchLimits | None = None,
    ) -> None:
        """`context` is one of `policy_context`."""
        self._resolver = resolver
        self._dialer = dialer
        self._guard = guard
        self._context = context
        self._limits = limits or FetchLimits()

    async def fetch(self, domain: Domain) -> FetchOutcome:
        """GET `https://mta-sts.<domain>/.well-known/mta-sts.txt`, once."""
        host = parse_host(f"mta-sts.{domain}")
        if isinstance(host, BadName):
            return FetchFailed(Failure(Cause.STS_HOST_LOOKUP, "name too long"))
        try:
            async with asyncio.timeout(self._limits.total):
                body = await self._get(host)
        except TimeoutError:
            return FetchFailed(Failure(Cause.STS_TIMEOUT))
        if isinstance(body, Failure):
            return FetchFailed(body)
        match parse_policy(body):
            case StsPolicy() as policy:
                return Fetched(policy, body)
            case BadPolicy(reason=reason, lines=lines):
                return FetchFailed(Failure(Cause.STS_GRAMMAR, reason), lines)

    async def _get(self, host: HostName) -> bytes | Failure:
        addresses = await self._addresses(host)
        if isinstance(addresses, Failure):
            return addresses
        sock = await self._connect(addresses)
        if isinstance(sock, Failure):
            return sock
        tls = TlsChannel(sock, self._context, server_name=host.key)
        try:
            return await _shake_hands(tls) or await _exchange(tls, Exchange(host))
        finally:
            tls.close()

    async def _addresses(self, host: HostName) -> list[str] | Failure:
        """Both families in turn, so that a limit or a dead family leaves some of the other; guarded."""
        answers = await asyncio.gather(
            self._resolver.lookup(host.key, RecordType.A), self._resolver.lookup(host.key, RecordType.AAAA)
        )
        families = [_texts(answer) for answer in answers]
        found = [text for text in chain.from_iterable(zip_longest(*families)) if text is not None]
        if not found:
            return Failure(Cause.STS_HOST_LOOKUP, _lookup_word(*answers))
        allowed = [canonical_ip(text) for text in found if self._guard.refuses(text) is None]
        return allowed[:MAX_ADDRESSES] or Failure(Cause.STS_ADDRESS_REFUSED)

    async def _connect(self, addresses: list[str]) -> socket.socket | Failure:
        words: set[str] = set()
        for address in addresses:
            try:
                async with asyncio.timeout(self._limits.connect):
                    return await self._dialer.dial(address, PORT)
            except TimeoutError:
                continue
            except OSError as error:
                words.add(_connect_word(error))
        # Of several the first by name: the order of addresses changes from answer to answer, the report must not.
        return Failure(Cause.STS_CONNECT, min(words)) if words else Failure(Cause.STS_TIMEOUT)


def policy_context(*, ca_file: str | None = None, ca_data: str | None = None) -> ssl.SSLContext:
    """The TLS rules for policy hosts: TLS 1.2 or later, WebPKI, DNS-ID only (RFC 8461 section 3.3).

    Trusts the CAs of the file or of the PEM text given, the system's where neither is. Raises OSError (of which
    `ssl.SSLError` is one) on a file that cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None and ca_data is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_file, cadata=ca_data)
    return context


async def _shake_hands(tls: TlsChannel) -> Failure | None:
    try:
        await tls.handshake()
    except ssl.SSLCertVerificationError as error:
        return Failure(Cause.STS_CERT, _certificate_word(error.verify_code))
    except TimeoutError:
        raise
    except OSError as error:
        return _tls_failure(error)
    return None


async def _exchange(tls: TlsChannel, exchange: Exchange) -> bytes | Failure:
    try:
        await tls.write(exchange.request())
        while True:
            data = await tls.read()
            done = exchange.receive(data)
            if done is not None:
                return done
            if not data:
                return Failure(Cause.STS_HTTP, "connection closed")
    except TimeoutError:
        raise
    except (ssl.SSLError, TooMuchError) as error:
        return _tls_failure(error)
    except OSError:
        return Failure(Cause.STS_HTTP, "connection closed")


def _texts(answer: Answer) -> list[str]:
    return [record for record in answer.records if isinstance(record, str)] if isinstance(answer, Found) else []


def _lookup_word(*answers: Answer) -> str:
    """A failed lookup says more than a denial; the first of two failures is that of the A records."""
    for answer in answers:
        if isinstance(answer, LookupFailed):
            return answer.code
    denied = any(isinstance(answer, Denied) and answer.denial is Denial.NXDOMAIN for answer in answers)
    return str(Denial.NXDOMAIN if denied else Denial.NODATA)


_CONNECT_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EADDRNOTAVAIL: "network unreachable",
    errno.EAFNOSUPPORT: "network unreachable",
}


def _connect_word(error: OSError) -> str:
    number = error.errno or 0
    return _CONNECT_WORDS.get(number) or errno.errorcode.get(number, "connection failed")


_PEER_ALERT = re.compile(r"(?:TLSV1|TLSV13|SSLV3)_(?:ALERT_)?(?P<word>[A-Z0-9_]+)")
"""How OpenSSL names an alert of the peer; its own findings have no such prefix."""


def _tls_failure(error: OSError) -> Failure:
    if isinstance(error, TooMuchError):
        return Failure(Cause.STS_TLS, "too much data")
    if not isinstance(error, ssl.SSLError):
        return Failure(Cause.STS_TLS, "connection closed")
    name = error.reason or ""
    alert = _PEER_ALERT.fullmatch(name)
    word = f"alert {alert['word']}" if alert else name or "protocol error"
    return Failure(Cause.STS_TLS, word.lower().replace("_", " "))


_CERTIFICATE_WORDS = {
    2: "unknown issuer",
    7: "bad signature",
    9: "not yet valid",
    10: "expired",
    18: "self-signed",
    19: "unknown issuer",
    20: "unknown issuer",
    21: "unknown issuer",
    23: "revoked",
    26: "wrong purpose",
    62: "host mismatch",
    66: "key too weak",
    67: "issuer key too weak",
    68: "signature too weak",
    22: "X509_V_ERR_CERT_CHAIN_TOO_LONG",
    25: "X509_V_ERR_PATH_LENGTH_EXCEEDED",
    27: "X509_V_ERR_CERT_UNTRUSTED",
    28: "X509_V_ERR_CERT_REJECTED",
    34: "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION",
    47: "X509_V_ERR_PERMITTED_VIOLATION",
    48: "X509_V_ERR_EXCLUDED_VIOLATION",
    79: "X509_V_ERR_INVALID_CA",
}
"""OpenSSL's verification codes: words for those that a mail admin meets, the library's token for the rest."""


def _certificate_word(code: int) -> str:
    return _CERTIFICATE_WORDS.get(code, f"X509_V_ERR {code}")
