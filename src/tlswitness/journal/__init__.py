"""The journal: the append-only record of all data points, on disk.

Separate because it is the bus: producers append and are told when it is safe, each consumer reads at its own pace and
keeps its own cursor. It knows data points and files, and nothing of who writes or reads.
"""

from tlswitness.journal.lock import DirectoryBusy, DirectoryLock
from tlswitness.journal.names import SegmentName, new_chain, segments, sizes
from tlswitness.journal.positions import SourceBusy, claim, read_positions
from tlswitness.journal.reader import Chunk, Cursor, Reader
from tlswitness.journal.recover import Recovered, recover
from tlswitness.journal.retention import Retired, retire
from tlswitness.journal.scan import Damage, Row
from tlswitness.journal.segment import Entry, WriteFailed
from tlswitness.journal.settings import Fsync, JournalSettings
from tlswitness.journal.sink import JournalSink, SinkCounters
from tlswitness.journal.tally import Count, Tally
from tlswitness.journal.tidy import tidy
from tlswitness.journal.writer import Writer

__all__ = [
    "Chunk",
    "Count",
    "Cursor",
    "Damage",
    "DirectoryBusy",
    "DirectoryLock",
    "Entry",
    "Fsync",
    "JournalSettings",
    "JournalSink",
    "Reader",
    "Recovered",
    "Retired",
    "Row",
    "SegmentName",
    "SinkCounters",
    "SourceBusy",
    "Tally",
    "WriteFailed",
    "Writer",
    "claim",
    "new_chain",
    "read_positions",
    "recover",
    "retire",
    "segments",
    "sizes",
    "tidy",
]
