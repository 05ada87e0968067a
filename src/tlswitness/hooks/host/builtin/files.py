"""The modules that write files: the seed's two lines for each point, and points as JSON lines.

Separate from the file of lines because they decide what a failure means: where a batch is not written whole they ask to
be told it again. So a point may stand in the file twice after a crash or a full disk, and never not at all: a batch
counts as done when it is on the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host.linefile import MAX_FILE, LineFile
from tlswitness.hooks.host.paniclog import paniclog_lines

BATCH = 1000
"""Points in one write."""
_OK = "OK"
"""What the seed's script puts in place of a result type."""

Points = Sequence[tuple[int, Finding]]


class JsonLines:
    """Each point as one line of compact JSON. The file grows as long as nobody moves it away."""

    batch = BATCH

    def __init__(self, path: Path) -> None:
        self._lines = LineFile(path)

    def open(self) -> None:
        """Make the file if there is none. Raises OSError."""
        self._lines.open()

    def call_batch(self, points: Points) -> None:
        """Write all, in one write. Raises Retry where they are not there and on the disk."""
        _write(self._lines, "".join([f"{finding.compact(epoch)}\n" for epoch, finding in points]).encode())

    def close(self) -> None:
        self._lines.close()


class PaniclogLines:
    """What the seed's script prints: `tls report:` with the point, and `TLSRPT: domain@policy@result`."""

    batch = BATCH

    def __init__(self, path: Path, *, microseconds: bool = False, most: int = MAX_FILE) -> None:
        """A file of `most` octets is moved to its name with `.1`, and a new one begun."""
        self._lines = LineFile(path, most=most)
        self._end_of_time = "000000" if microseconds else ""
        self._digits = 10 if microseconds else 0

    def open(self) -> None:
        """As of JsonLines."""
        self._lines.open()

    def call_batch(self, points: Points) -> None:
        """As of JsonLines."""
        _write(self._lines, b"".join([self._of(epoch, finding) for epoch, finding in points]))

    def close(self) -> None:
        self._lines.close()

    def _of(self, epoch: int, finding: Finding) -> bytes:
        stamp = f"{epoch:0{self._digits}d}{self._end_of_time}"
        point = finding.point
        words = f"TLSRPT: {point.policy.policy_domain}@{point.policy.policy_type}@{point.result_type or _OK}"
        return paniclog_lines(f"tls report:   {finding.paniclog(epoch)}", stamp) + paniclog_lines(words, stamp)


def _write(lines: LineFile, octets: bytes) -> None:
    try:
        lines.append(octets)
        lines.sync()
    except OSError as error:
        raise Retry(f"{lines.path} cannot be written: {error.strerror or error}") from error
