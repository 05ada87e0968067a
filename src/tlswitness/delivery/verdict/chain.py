"""A certificate chain as the server presented it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Chain:
    """DER certificates in the order of the handshake, the leaf first; and how the session is protected."""

    certificates: tuple[bytes, ...]
    """Empty for an anonymous cipher suite."""
    protocol: str = "TLSv1.3"
    cipher: str = ""

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 over the whole of it: what a verdict is remembered by."""
        digest = hashlib.sha256(f"{self.protocol} {self.cipher}".encode())
        for der in self.certificates:
            digest.update(len(der).to_bytes(4, "big") + der)
        return digest.digest()
