"""The cached policies: an index in memory over one file for each domain.

Separate because what is cached is what resists an attacker who blocks discovery (RFC 8461 sections 3.3 and 10.2): it
must survive restarts, half-written files and full disks. Decisions read the index alone; `rescan` sees what other
processes wrote. What cannot be read is set aside and told, never deleted unasked and never fatal.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import stat
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tlswitness.names import Domain, parse_domain
from tlswitness.policy.sts.entry import Entry, decode, encode
from tlswitness.policy.sts.model import Mode

MAX_ENTRIES = 100_000
"""Domains: bounds what mail to ever new domains can fill."""
MAX_BYTES = 256 * 1024 * 1024
"""Octets that all policies may take in memory, about: their owners choose how many lines each has."""
MX_OCTETS = 320
"""What an MX pattern takes in memory, and"""
LINE_OCTETS = 80
"""what a line takes, besides their octets."""
MAX_FILE = 128 * 1024
"""Octets read of one file: more than any policy and its header need."""
MAX_GARBAGE = 100
"""Files set aside; the oldest make room."""
USE_PRECISION = 12 * 3600
"""Seconds: how exact `last_used` is. It costs at most two writes for a domain and day."""

_SUFFIX = ".policy"
_TEMPORARY = ".tmp-"
_TEMPORARY_AGE = 3600
"""Seconds: a temporary file that is older belongs to a process that died."""
_GARBAGE = "garbage"
_NO_FILE = (errno.ELOOP, errno.ENXIO)
"""How opening a link or a socket fails."""
_LONG_NAME = 180
"""Longer domains are cut in file names, which have 255 octets at most, and told apart by a hash."""
_SETTLED = 2.0
"""Seconds: a directory changed more recently may change again without a new time of change."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file that was set aside."""

    name: str
    reason: str
    """In words: what is wrong with it."""
    size: int
    """Octets."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge removed, or would remove."""

    expired: tuple[Entry, ...]
    garbage: tuple[Garbage, ...]


class PolicyStore:
    """Safe to use from several threads; several processes may share a directory, the last writer of a domain wins."""

    def __init__(self, directory: Path | None, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        """`directory` is made, and made private; None keeps everything in memory alone.

        Raises OSError where the directory cannot be made or listed.
        """
        self._directory = directory
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._index: dict[Domain, Entry] = {}
        self._files: dict[Domain, tuple[int, int, int]] = {}
        self._bytes = 0
        self._scanned_at = -1
        self._lock = threading.RLock()
        if directory is not None:
            _make_private(directory)
            _make_private(directory / _GARBAGE)
            self.rescan()

    def get(self, domain: Domain) -> Entry | None:
        """The cached policy, expired or not; memory only."""
        return self._index.get(domain)

    def entries(self) -> tuple[Entry, ...]:
        """All that is cached, expired or not, by domain."""
        return tuple(sorted(self._index.copy().values(), key=lambda entry: entry.domain))

    def put(self, entry: Entry) -> None:
        """Keep `entry`, in place of an older one of its domain.

        A disk that does not take it is told to the log: the policy holds in this process all the same. Raises
        ValueError where the domain is none: a bug of the caller.
        """
        if parse_domain(entry.domain) != entry.domain:
            raise ValueError(f"{entry.domain!r} is not a domain in its canonical form")
        with self._lock:
            self._insert(entry)
            self._make_room(max(entry.fetched_at, entry.last_used))
            if self._directory is not None and entry.domain in self._index:
                try:
                    self._write(self._directory, entry)
                except OSError as error:
                    _log.error("the MTA-STS policy of %s cannot be written: %s", entry.domain, error)

    def used(self, domain: Domain, now: float) -> None:
        """Note that the policy was applied."""
        entry = self.get(domain)
        if entry is not None and self.forgets_use(entry, now):
            self.put(replace(entry, last_used=int(now)))

    @staticmethod
    def forgets_use(entry: Entry, now: float) -> bool:
        """Whether `used` would write: callers in an event loop ask first."""
        return now - entry.last_used >= USE_PRECISION

    def delete(self, domain: Domain) -> bool:
        """Forget the policy of `domain`; whether there was one."""
        with self._lock:
            known = self._remove(domain)
            if self._directory is not None:
                with contextlib.suppress(FileNotFoundError):
                    (self._directory / _file_name(domain)).unlink()
            return known

    def purge(self, now: float, *, dry_run: bool = False) -> Purged:
        """Delete what has expired and what was set aside; with `dry_run` only say what that is."""
        with self._lock:
            purged = Purged(tuple(entry for entry in self.entries() if entry.expired(now)), self.garbage())
            if not dry_run:
                for entry in purged.expired:
                    self.delete(entry.domain)
                for path in self._garbage_files():
                    path.unlink(missing_ok=True)
            return purged

    def garbage(self) -> tuple[Garbage, ...]:
        """What was set aside, by this process or another, and why; oldest first."""
        return tuple(_examine(path) for path in self._garbage_files())

    def rescan(self) -> None:
        """Take over what other processes wrote or deleted, and set aside what cannot be read.

        One `stat` where nothing changed. Raises OSError where the directory cannot be listed.
        """
        if self._directory is None:
            return
        with self._lock:
            changed_at = self._directory.stat().st_mtime_ns
            if changed_at == self._scanned_at:
                return
            settled = time.time() - changed_at / 1e9 > _SETTLED
            self._scanned_at = changed_at if settled else -1
            self._scan(self._directory)
            self._make_room(max((entry.last_used for entry in self._index.values()), default=0))

    def _scan(self, directory: Path) -> None:
        gone = set(self._files)
        unread: list[str] = []
        with os.scandir(directory) as listing:
            files = [item for item in listing if item.name != _GARBAGE]
        for item in files:
            try:
                info = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if item.name.startswith(_TEMPORARY):
                if time.time() - info.st_mtime > _TEMPORARY_AGE:
                    Path(item.path).unlink(missing_ok=True)
            elif item.name.endswith(_SUFFIX):
                try:
                    gone.discard(self._take(Path(item.path), info))
                except OSError as error:
                    gone = {domain for domain in gone if _file_name(domain) != item.name}
                    unread.append(f"{item.name!r}: {error.strerror}")
        for domain in gone:
            self._remove(domain)
        if unread:  # no descriptors left, another owner: nothing is wrong with the files, and the next look tries again
            self._scanned_at = -1
            _log.error("%d files of MTA-STS policies cannot be read, such as %s", len(unread), unread[0])

    def _take(self, path: Path, info: os.stat_result) -> Domain:
        """The domain of a file, its content in the index; what the index has already outlives a spoilt file."""
        known = Domain(path.name.removesuffix(_SUFFIX))
        if self._files.get(known) == _stamp(info):
            return known
        found = _read(path)
        if isinstance(found, Entry) and _file_name(found.domain) != path.name:
            found = "the file's name is not that of its domain"
        if isinstance(found, str):
            self._set_aside(path, found)
            self._files.pop(known, None)
            return known
        self._insert(found)
        self._files[found.domain] = _stamp(info)
        return found.domain

    def _set_aside(self, path: Path, reason: str) -> None:
        _log.warning("MTA-STS policy file %r is set aside: %s", path.name, reason)
        target = path.parent / _GARBAGE / f"{time.time_ns()}-{path.name[:_LONG_NAME]}"
        try:
            path.rename(target)
            for old in self._garbage_files()[:-MAX_GARBAGE]:
                old.unlink(missing_ok=True)
        except OSError as error:
            _log.error("MTA-STS policy file %r cannot be set aside: %s", path.name, error)

    def _garbage_files(self) -> list[Path]:
        if self._directory is None:
            return []
        try:
            return sorted(path for path in (self._directory / _GARBAGE).iterdir() if not path.is_dir())
        except FileNotFoundError:
            return []

    def _insert(self, entry: Entry) -> None:
        old = self._index.get(entry.domain)
        self._bytes += _weight(entry) - (_weight(old) if old else 0)
        self._index[entry.domain] = entry

    def _remove(self, domain: Domain) -> bool:
        entry = self._index.pop(domain, None)
        self._files.pop(domain, None)
        self._bytes -= _weight(entry) if entry else 0
        return entry is not None

    def _make_room(self, now: float) -> None:
        """The expired go first, then mode none, then the longest unused; several at once, because it costs a sort."""
        if len(self._index) <= self._max_entries and self._bytes <= self._max_bytes:
            return
        entries = sorted(
            self._index.values(),
            key=lambda e: (not e.expired(now), e.policy.mode is not Mode.NONE, e.last_used, e.domain),
        )
        entries_left = self._max_entries - self._max_entries // 100
        bytes_left = self._max_bytes - self._max_bytes // 100
        for entry in entries:
            if len(self._index) <= entries_left and self._bytes <= bytes_left:
                break
            try:
                self.delete(entry.domain)
            except OSError as error:
                _log.error("the MTA-STS policy of %s cannot be deleted: %s", entry.domain, error)
        _log.warning("the store of MTA-STS policies was full: %d are left", len(self._index))

    def _write(self, directory: Path, entry: Entry) -> None:
        number, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=directory)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(encode(entry))
                file.flush()
                os.fsync(number)
                stamp = _stamp(os.fstat(number))
            Path(temporary).replace(directory / _file_name(entry.domain))
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._files[entry.domain] = stamp
        _sync_directory(directory)


def _weight(entry: Entry) -> int:
    policy = entry.policy
    return 2 * len(entry.body) + MX_OCTETS * len(policy.mx) + LINE_OCTETS * len(policy.lines)


def _file_name(domain: Domain) -> str:
    """A domain holds no slash, no empty label and no `~`: the name cannot leave the directory, nor meet another's."""
    if len(domain) <= _LONG_NAME:
        return f"{domain}{_SUFFIX}"
    return f"{domain[:_LONG_NAME]}~{hashlib.sha256(domain.encode()).hexdigest()[:32]}{_SUFFIX}"


def _stamp(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_ino, info.st_mtime_ns, info.st_size


def _read(path: Path) -> Entry | str:
    """Never follows a link and never waits for a pipe. Raises OSError where that is not the file's own fault."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            return "it is not a regular file"
        with os.fdopen(number, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        return f"it cannot be read: {error.strerror}"
    return decode(data) if len(data) <= MAX_FILE else f"it is longer than {MAX_FILE} octets"


def _examine(path: Path) -> Garbage:
    try:
        found = _read(path)
    except OSError as error:
        found = f"it cannot be read: {error.strerror}"
    reason = found if isinstance(found, str) else "the file's name is not that of its domain"
    try:
        size = path.lstat().st_size
    except FileNotFoundError:
        size = 0
    return Garbage(path.name, reason, size)


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o077:
        _log.warning("%s was open to others than its owner; it is private now", directory)
        directory.chmod(0o700)


def _sync_directory(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
