"""What a server presented, read: the leaf, the others, and which session it was. Bounded whatever it sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.verdict.certificate import Certificate, read_certificate
from tlswitness.delivery.verdict.chain import Chain

MAX_CERTIFICATES = 16
"""Of one chain; those behind are not looked at. Bounds reading and path building; real chains have 2 to 5."""
MAX_CIPHER = 64

_OLD_PROTOCOLS = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"})
_WEAK_CIPHER = re.compile(
    r"(?:^|[-_])(?:NULL|ADH|AECDH|anon|EXP(?:ORT)?\d*|RC2|RC4|DES|3DES|MD5|IDEA|SEED)(?:$|[-_])", re.IGNORECASE
)
"""In OpenSSL's names and the registry's alike: no encryption, no authentication, or broken (RFC 9325 section 4.1)."""


@dataclass(frozen=True)
class Presented:
    """A chain as far as it can be read. Read when asked: DANE-EE needs no more than octets."""

    chain: Chain
    now: float

    @property
    def anonymous(self) -> bool:
        """No certificate was presented."""
        return not self.chain.certificates

    @property
    def leaf_der(self) -> bytes:
        """b"" where there is none."""
        return self.chain.certificates[0] if self.chain.certificates else b""

    @cached_property
    def leaf(self) -> Certificate | None:
        """None where it cannot be read."""
        return read_certificate(self.leaf_der)

    @cached_property
    def others(self) -> tuple[Certificate, ...]:
        """Without the leaf; those valid now first, as OpenSSL takes the first that fits."""
        read = filter(None, self._readings)
        return tuple(sorted(read, key=lambda c: not c.not_before <= self.now <= c.not_after))

    @property
    def unreadable(self) -> bool:
        """Whether one of the others could not be read."""
        return None in self._readings

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All that can be read."""
        return self.others if self.leaf is None else (self.leaf, *self.others)

    @cached_property
    def session(self) -> tuple[Failure, ...]:
        """What is wrong with the session itself, for whoever wants it authenticated."""
        return tuple(_session_failures(self.chain))

    @cached_property
    def _readings(self) -> tuple[Certificate | None, ...]:
        rest = self.chain.certificates[1:MAX_CERTIFICATES]
        return tuple(read_certificate(der) for der in dict.fromkeys(rest) if der != self.leaf_der)


def _session_failures(chain: Chain) -> Iterator[Failure]:
    if not chain.certificates:
        yield Failure(Cause.TLS_NO_CERTIFICATE)
    if chain.protocol in _OLD_PROTOCOLS:
        yield Failure(Cause.TLS_WEAK, chain.protocol)
    cipher = chain.cipher[:MAX_CIPHER]
    # Without a certificate the suite is an anonymous one: that has been said.
    if chain.certificates and _WEAK_CIPHER.search(cipher):
        yield Failure(Cause.TLS_WEAK, cipher)
