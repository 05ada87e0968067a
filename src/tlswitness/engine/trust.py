"""Trust anchors by file, each read once and at the start, each with its memo of verdicts.

Separate because a file that is missing must be an error of the configuration, never of a delivery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tlswitness.delivery.verdict.memo import Memo
from tlswitness.delivery.verdict.trust import TrustStore

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[\x00-\x7f]*?-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where trust anchors are to be found, and which option says so."""

    path: Path | None
    """A PEM file, or a directory of such; None: the system's."""
    option: str


class TrustStores:
    """`tls_ca` may differ from domain to domain."""

    def __init__(self, anchors: Iterable[Anchors]) -> None:
        """Raises OSError, with the option and the path, where they cannot be read or hold no certificate."""
        self._pem: dict[str | None, str | None] = {}
        self._memos: dict[str | None, Memo] = {}
        for each in anchors:
            self._load(each)

    def memo(self, path: str | None) -> Memo:
        """The verdicts by the anchors at `path`, one of those given at the start."""
        return self._memos[path]

    def pem(self, path: str | None) -> str | None:
        """The certificates alone, as text; None for the system's."""
        return self._pem[path]

    def _load(self, anchors: Anchors) -> None:
        path = anchors.path
        key = None if path is None else str(path)
        if key in self._memos:
            return
        try:
            data = None if path is None else _read(path)
            store = TrustStore.system() if data is None else TrustStore.from_pem(data)
        except (OSError, ValueError) as error:
            where = "the system's trust store" if path is None else str(path)
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise OSError(f"{anchors.option}: {where} cannot be used: {why}") from error
        self._pem[key] = None if data is None else b"\n".join(_CERTIFICATE.findall(data)).decode("ascii")
        self._memos[key] = Memo(store)


def _read(path: Path) -> bytes:
    """A PEM file, or all files of a directory of them."""
    if path.is_dir():
        return b"\n".join(file.read_bytes() for file in sorted(path.iterdir()) if file.is_file())
    return path.read_bytes()
