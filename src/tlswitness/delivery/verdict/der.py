"""The little DER that a TLSA match needs: a certificate's SubjectPublicKeyInfo, octet for octet.

Separate from the reading of certificates because selector SPKI(1) is about the octets as they stand (RFC 6698
section 2.1.2): a key that no library knows, and a certificate that none can read whole, still match DANE-EE.
ITU-T X.690, RFC 5280 section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_LENGTH_OCTETS = 4
"""Of a length: an element of 4 GiB is the largest that anyone can name."""

_SEQUENCE = 0x30
_VERSION = 0xA0
_BEFORE_KEY = 5
"""serialNumber, signature, issuer, validity, subject."""


def subject_public_key_info(certificate: bytes) -> bytes | None:
    """The whole element, tag and length included; None where there is no such thing in its place."""
    for outer in _elements(certificate):
        for tbs in _elements(_content(outer, _SEQUENCE)):
            fields = [field for field in _elements(_content(tbs, _SEQUENCE)) if field[0] != _VERSION]
            spki = fields[_BEFORE_KEY] if len(fields) > _BEFORE_KEY else b""
            return spki if spki[:1] == bytes([_SEQUENCE]) else None
    return None


def _elements(data: bytes) -> Iterator[bytes]:
    """The elements that stand one after the other in `data`, up to the first that is broken."""
    at = 0
    while True:
        end = _end(data, at)
        if end is None:
            return
        yield data[at:end]
        at = end


def _end(data: bytes, at: int) -> int | None:
    if len(data) < at + 2:
        return None
    first = data[at + 1]
    start = at + 2
    if first < 0x80:
        length = first
    else:
        octets = first & 0x7F
        if not 0 < octets <= MAX_LENGTH_OCTETS:
            return None
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    return start + length if start + length <= len(data) else None


def _content(element: bytes, tag: int) -> bytes:
    """What is inside; nothing where the tag is another one."""
    if element[0] != tag:
        return b""
    return element[2:] if element[1] < 0x80 else element[2 + (element[1] & 0x7F) :]
