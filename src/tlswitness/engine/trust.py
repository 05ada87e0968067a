"""Trust anchors by file, each read once, each with its memo of verdicts."""

from __future__ import annotations

from pathlib import Path

from tlswitness.delivery.verdict.memo import Memo
from tlswitness.delivery.verdict.trust import TrustStore


class TrustStores:
    """`tls_ca` may differ from domain to domain."""

    def __init__(self) -> None:
        self._memos: dict[str | None, Memo] = {}

    def load(self, path: str | None) -> None:
        """Read the anchors at `path` (None: the system's) now. Raises OSError or ValueError where that fails."""
        self.memo(path)

    def memo(self, path: str | None) -> Memo:
        """The verdicts by the anchors at `path`."""
        memo = self._memos.get(path)
        if memo is None:
            store = TrustStore.system() if path is None else TrustStore.from_pem(_read(Path(path)))
            memo = self._memos[path] = Memo(store)
        return memo


def _read(path: Path) -> bytes:
    """A PEM file, or all files of a directory of them."""
    if path.is_dir():
        return b"\n".join(file.read_bytes() for file in sorted(path.iterdir()) if file.is_file())
    return path.read_bytes()
