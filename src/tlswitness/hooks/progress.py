"""How far a module is: a file that its process and the supervisor have mapped, and that outlives both.

Separate because it is all that the two share while a call runs, and it must be true whoever is killed, at whichever
instruction. So each fact is one word (`slots`), and the order of the stores is the proof: a call's point is written
before the word that says that it runs, the new offset of a segment before the word that says that nothing runs. Whoever
reads the file after a SIGKILL finds a cursor before which everything was told and behind which nothing was, but for the
one call that was running. (The loss of power may bring back an older state: then points are told again.)

Only the module's process writes while there is one; the supervisor writes before it starts one and after it has died.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from tlswitness.hooks.slots import FIRST_WORD, SLOT_WORDS, TABLE, UNBORN, SlotFile
from tlswitness.hooks.slots import BadProgress as BadProgress  # what opening one may raise
from tlswitness.hooks.standing import Counts, Running, Standing

FILE = "progress"
"""Its name in the module's own directory."""
MAX_DEATHS = 3
"""Deaths on one point, after which it goes to the dead letters."""

_CALLS, _ERRORS, _SLOW, _RETRIES, _DAMAGED, _MISSED, _DEATHS, _DEAD_LETTERS = range(FIRST_WORD, FIRST_WORD + 8)
_RUN_SLOT, _RUN_OFFSET, _RUN_SINCE, _WAITING = range(16, 20)
_DEATH_SLOT, _DEATH_OFFSET, _DEATH_COUNT = range(24, 27)

_MOST = 1 << 62
"""Whatever is counted stays far below: to count further is never too much for a word."""
_ASIDE = ".damaged"

_log = logging.getLogger("tlswitness.hooks")


class Progress(SlotFile):
    """One mapped progress file. Each process has its own."""

    @classmethod
    def create(cls, path: Path, cursor: Mapping[str, int]) -> Progress:
        """A new file whose module is told what comes behind `cursor`; in place of an old one. Raises OSError."""
        new = path.with_name(path.name + UNBORN)
        progress = cls.made(new, cursor)
        progress.publish(new, path)
        return progress

    @classmethod
    def open_or_create(cls, path: Path, cursor: Callable[[], Mapping[str, int]]) -> Progress:
        """What is there; what is no progress file is set aside, with a word in the log, and a new one takes its place,
        whose module goes on at `cursor()`. Raises OSError.
        """
        try:
            return cls.open(path)
        except FileNotFoundError:
            pass
        except BadProgress as bad:
            aside = path.with_name(path.name + _ASIDE)
            path.rename(aside)
            _log.error("%s is %s: it is set aside as %s, and its module begins like a new one", path, bad, aside.name)
        return cls.create(path, cursor())

    def _judge(self, head: memoryview) -> None:
        if max(head[_CALLS : _DEAD_LETTERS + 1]) >= _MOST:
            raise BadProgress("damaged: nothing has happened that often")

    def begin(self, slot: int, offset: int, now: int) -> None:
        """A call is about to be made, at `now` (monotonic, ns, not 0)."""
        words = self._words
        words[_RUN_SLOT] = slot
        words[_RUN_OFFSET] = offset
        words[_RUN_SINCE] = now

    def done(self, slot: int, end: int) -> None:
        """Everything before `end` has been told; no call runs."""
        words = self._words
        words[TABLE + slot * SLOT_WORDS] = end
        words[_RUN_SINCE] = 0

    def called(self, slot: int, end: int) -> None:
        """As `done`, and one call more."""
        words = self._words
        words[TABLE + slot * SLOT_WORDS] = end
        words[_RUN_SINCE] = 0
        words[_CALLS] += 1

    def calls_in(self, slot: int) -> tuple[Callable[[int, int], None], Callable[[int, int], None]]:
        """`begin(offset, now)` and `called(end, calls)` for the calls of one chunk; then `over`.

        As the methods, in fewer steps: between two calls the word that one runs stays, for the cursor has passed its
        offset, and so it is known to be over.
        """
        words, done = self._words, TABLE + slot * SLOT_WORDS
        words[_RUN_SINCE] = 0
        words[_RUN_SLOT] = slot

        def begin(offset: int, now: int) -> None:
            words[_RUN_OFFSET] = offset
            words[_RUN_SINCE] = now

        def called(end: int, calls: int) -> None:
            words[done] = end
            words[_CALLS] += calls

        return begin, called

    def over(self) -> None:
        """No call runs."""
        self._words[_RUN_SINCE] = 0

    def wait_until(self, when: int) -> None:
        """No call runs; the next try is made at `when` (monotonic, ns)."""
        words = self._words
        words[_WAITING] = when
        words[_RUN_SINCE] = 0

    def waited(self) -> None:
        self._words[_WAITING] = 0

    def count_retry(self) -> None:
        """A call asked to be made again."""
        self._words[_CALLS] += 1
        self._words[_RETRIES] += 1

    def count_error(self) -> None:
        self._words[_ERRORS] += 1

    def count_slow(self) -> None:
        self._words[_SLOW] += 1

    def count_damages(self, count: int) -> None:
        self._words[_DAMAGED] += count

    def count_dead_letter(self) -> None:
        """The point that was condemned is among the dead letters, and the cursor behind it."""
        self._words[_DEATH_COUNT] = 0
        self._words[_DEAD_LETTERS] += 1

    @property
    def condemned(self) -> tuple[int, int] | None:
        """Slot and offset of the point on which too many processes died."""
        words = self._words
        return (words[_DEATH_SLOT], words[_DEATH_OFFSET]) if words[_DEATH_COUNT] >= MAX_DEATHS else None

    @property
    def suspect(self) -> tuple[int, int] | None:
        """Slot and offset of the point, or the first one of a batch, on which a process died last."""
        words = self._words
        return (words[_DEATH_SLOT], words[_DEATH_OFFSET]) if words[_DEATH_COUNT] else None

    @property
    def running(self) -> Running | None:
        """The call under way. One whose offset the cursor has passed was over already."""
        self._refresh()
        words = self._words
        since = words[_RUN_SINCE]
        if not since:
            return None
        found = Running(words[_RUN_SLOT], words[_RUN_OFFSET], since)
        over = found.slot >= self._capacity or words[TABLE + found.slot * SLOT_WORDS] > found.offset
        return None if over else found

    @property
    def waiting_until(self) -> int:
        """When the next try of a point is made (monotonic, ns); 0 where none is due."""
        self._refresh()
        return self._words[_WAITING]

    @property
    def counts(self) -> Counts:
        self._refresh()
        return Counts(*self._words[_CALLS : _DEAD_LETTERS + 1])

    def settle(self) -> None:
        """Before a process starts: no call runs. What an earlier supervisor's process was at is no death of a point:
        it may have died with everything else.
        """
        self._refresh()
        self._words[_RUN_SINCE] = self._words[_WAITING] = 0

    def note_death(self, killed_for: Running | None = None) -> tuple[Running | None, int]:
        """After the process has died: the call that it died in, and how many died in the same one, this one included.

        Where the process was killed for a call, that is given as `killed_for`, and another one is not held to account.
        """
        self._refresh()
        words = self._words
        running = self.running if killed_for is None or self.running == killed_for else None
        words[_DEATHS] += 1
        count = 0
        if running is not None:
            same = (words[_DEATH_SLOT], words[_DEATH_OFFSET]) == (running.slot, running.offset)
            count = (words[_DEATH_COUNT] if same else 0) + 1
            words[_DEATH_COUNT] = 0
            words[_DEATH_SLOT], words[_DEATH_OFFSET] = running.slot, running.offset
            words[_DEATH_COUNT] = count
        self.settle()
        return running, count

    @property
    def standing(self) -> Standing:
        """All that there is to be known of a module, also while the process runs."""
        return Standing(self.counts, self.cursor(), frozenset(self.finished_segments()))

    def compact(self, path: Path, existing: Collection[str]) -> Progress:
        """The same without the segments that do not exist any more; closes this one. While no process runs.

        Raises OSError; then this one is as it was.
        """
        cursor, finished = self.cursor(), self.finished_segments()
        kept = {name: offset for name, offset in cursor.items() if name in existing}
        if len(kept) == len(cursor):
            return self
        unborn = path.with_name(path.name + UNBORN)
        new = Progress.made(unborn, kept)
        for name in finished & kept.keys():
            new.finished(new.slot(name))
        ours, its = self._words, new._words  # noqa: SLF001
        its[_CALLS : _DEAD_LETTERS + 1] = ours[_CALLS : _DEAD_LETTERS + 1]
        its[_MISSED] += len(cursor.keys() - kept.keys() - finished)
        died_in = self.segment(ours[_DEATH_SLOT]) if ours[_DEATH_COUNT] else ""
        if died_in in kept:
            its[_DEATH_SLOT], its[_DEATH_OFFSET] = new.slot(died_in), ours[_DEATH_OFFSET]
            its[_DEATH_COUNT] = ours[_DEATH_COUNT]
        new.publish(unborn, path)
        self.close()
        return new
