"""Records of a TLS 1.3 session, sealed with the server's own keys: what no TLS library sends of its own accord.

Separate because it is the record layer in small (RFC 8446 sections 4.6, 5.2, 5.3 and 7.2), and nothing but the lab's
hostile servers needs it. The keys are those that OpenSSL notes in a key log.
"""

from __future__ import annotations

import hmac
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

_ALERT, _HANDSHAKE, _DATA = 21, 22, 23
_FATAL = 2
_NEW_SESSION_TICKET, _KEY_UPDATE = 4, 24
_NONCE = 12
_LABEL = "SERVER_TRAFFIC_SECRET_0"
_SUITES = {
    "TLS_AES_256_GCM_SHA384": ("sha384", 48, 32),
    "TLS_AES_128_GCM_SHA256": ("sha256", 32, 16),
    "TLS_CHACHA20_POLY1305_SHA256": ("sha256", 32, 32),
}
"""Digest, its octets, and those of a key."""
TICKETS_AT_ONCE = 100


class Sealer:
    """Goes on where the server's TLS library stopped, which must not be used to write any more."""

    def __init__(self, secret: bytes, cipher: str, sent: int) -> None:
        """`sent` is the number of records since the handshake, tickets included."""
        self._digest, self._secret_length, self._key_length = _SUITES[cipher]
        self._chacha = "CHACHA20" in cipher
        self._secret = secret
        self._take_keys()
        self._sequence = sent

    @classmethod
    def of(cls, key_log: Path, cipher: str, sent: int) -> Sealer:
        """For the latest session in the key log. Raises LookupError where there is none."""
        secrets = [line.split()[2] for line in key_log.read_text("ascii").splitlines() if line.startswith(_LABEL)]
        if not secrets:
            raise LookupError("the key log has no session of TLS 1.3")
        return cls(bytes.fromhex(secrets[-1]), cipher, sent)

    def alert(self, code: int) -> bytes:
        """A fatal alert."""
        return self._seal(_ALERT, bytes((_FATAL, code)))

    def key_update(self) -> bytes:
        """New keys from here on, and the wish that the client takes new ones too."""
        record = self._seal(_HANDSHAKE, _message(_KEY_UPDATE, b"\1"))
        self._secret = self._expand("traffic upd", self._secret_length)
        self._take_keys()
        return record

    def tickets(self) -> bytes:
        """Many session tickets in one record, for one day each."""
        one = _message(_NEW_SESSION_TICKET, struct.pack("!IIB", 86_400, 0, 0) + b"\0\x20" + bytes(32) + b"\0\0")
        return self._seal(_HANDSHAKE, one * TICKETS_AT_ONCE)

    def empty(self) -> bytes:
        """A record of data without any."""
        return self._seal(_DATA, b"")

    def _seal(self, kind: int, content: bytes) -> bytes:
        plain = content + bytes((kind,))
        header = struct.pack("!BHH", _DATA, 0x0303, len(plain) + 16)
        nonce = (int.from_bytes(self._iv) ^ self._sequence).to_bytes(_NONCE)
        self._sequence += 1
        return header + self._aead.encrypt(nonce, plain, header)

    def _take_keys(self) -> None:
        key = self._expand("key", self._key_length)
        self._aead = ChaCha20Poly1305(key) if self._chacha else AESGCM(key)
        self._iv = self._expand("iv", _NONCE)
        self._sequence = 0

    def _expand(self, label: str, length: int) -> bytes:
        name = b"tls13 " + label.encode("ascii")
        info = struct.pack("!HB", length, len(name)) + name + b"\0"
        return hmac.digest(self._secret, info + b"\1", self._digest)[:length]  # one block is enough (RFC 5869)


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body
