"""Points into the journal and out of it, beside a file of JSON lines that is written and counted with the same care.

The mix is that of a busy sender: 2,000 recipient domains, a few of them most of the mail, 97 % successes, 20,000
sessions a second. Batches are of 1,024 points.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Comparison, Contender, Pace, Sample, race
from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType, ResultType
from tlswitness.journal import Entry, Fsync, JournalSettings, Reader, Tally, Writer, segments

DOMAINS = 2000
A_SECOND = 20_000
BATCH = 1024
POINTS = 500_000
"""Written by one contender in one run."""
FULL_REPLAY = 10_000_000
BEGIN = 1_746_712_864


def bench(pace: Pace) -> Iterator[Comparison]:
    quick = pace.rounds < 5
    points = POINTS // 5 if quick else POINTS
    batch = mix(points)
    for fsync in Fsync:
        yield _appending(fsync, batch, pace.rounds)
    yield _several(batch, pace.rounds)
    yield _replay(FULL_REPLAY // 20 if quick else FULL_REPLAY, batch, 3)


def mix(points: int, seed: int = 1) -> list[Entry]:
    """The sessions of a busy sender."""
    rng = random.Random(seed)
    found = [_finding(number) for number in range(DOMAINS)]
    failed = [_finding(number, failed=True) for number in range(DOMAINS)]
    picks = rng.choices(range(DOMAINS), [1 / (number + 1) for number in range(DOMAINS)], k=points)
    return [
        (BEGIN + at // A_SECOND, failed[number] if rng.random() < 0.03 else found[number])
        for at, number in enumerate(picks)
    ]


def _finding(number: int, *, failed: bool = False) -> Finding:
    domain = f"d{number}.example"
    policy = Policy(
        policy_type=PolicyType.STS if number % 10 < 7 else PolicyType.TLSA,
        policy_domain=domain,
        policy_string=("version: STSv1", "mode: enforce", f"mx: mx.{domain}", "max_age: 604800"),
    )
    return Finding(
        DataPoint(
            epoch=0,
            type=0 if failed else 1,
            policy=policy,
            result_type=ResultType.CERTIFICATE_EXPIRED if failed else None,
            failure_reason_code="certificate has expired" if failed else None,
            sending_mta_ip="192.0.2.1",
            receiving_mx_hostname=f"mx.{domain}",
            receiving_ip="198.51.100.7",
            recipient_domain=domain,
        )
    )


def _appending(fsync: Fsync, batch: list[Entry], rounds: int) -> Comparison:
    def ours() -> Sample:
        with _directory() as directory:
            return _timed(len(batch), lambda: _append(directory, "bench", fsync, batch))

    def lines() -> Sample:
        with _directory() as directory:
            return _timed(len(batch), lambda: _append_lines(directory / "points.jsonl", fsync, batch))

    return race(
        f"points appended by one writer, fsync {fsync}",
        "/s",
        [Contender("journal", ours), Contender("JSON lines", lines)],
        [("journal", "JSON lines", None)],
        rounds,
        notes=["the target is 500,000 points a second on one core"],
    )


def _several(batch: list[Entry], rounds: int) -> Comparison:
    def contender(writers: int, fsync: Fsync) -> Contender:
        def run() -> Sample:
            with _directory() as directory:
                return Sample(_in_processes(directory, writers, fsync, batch))

        return Contender(f"{writers} writers, fsync {fsync}", run)

    one = [contender(1, fsync) for fsync in Fsync]
    four = [contender(4, fsync) for fsync in Fsync]
    versus = [(many.name, single.name, None) for many, single in zip(four, one, strict=True)]
    return race("points appended by processes, all together", "/s", [*one, *four], versus, rounds)


def _replay(points: int, batch: list[Entry], rounds: int) -> Comparison:
    with _directory() as directory:
        writer = Writer(JournalSettings(directory=directory, fsync=Fsync.NEVER), "bench")
        file = directory / "points.jsonl"
        seconds = len(batch) // A_SECOND
        for start in range(0, points, len(batch)):
            later = (start // len(batch)) * seconds
            writer.append([(epoch + later, finding) for epoch, finding in batch[: points - start]])
        writer.close()
        _append_lines(file, Fsync.NEVER, batch)
        size = sum((directory / name.file).stat().st_size for name in segments(directory))
        return race(
            f"points replayed into counts by day and outcome, {points:,} of them",
            "/s",
            [
                Contender("journal, counted", lambda: _timed(points, lambda: _count(directory, points))),
                Contender("journal, told one by one", lambda: _timed(points, lambda: _read(directory, points))),
                Contender("JSON lines, json.loads", lambda: _timed(len(batch), lambda: _count_lines(file))),
            ],
            [("journal, counted", "JSON lines, json.loads", None)],
            rounds,
            notes=[
                f"{size / points:.1f} octets a point, JSON lines {file.stat().st_size / len(batch):.0f}",
                "the target is 5,000,000 points a second on one core",
            ],
        )


def _append(directory: Path, chain: str, fsync: Fsync, batch: list[Entry]) -> None:
    writer = Writer(JournalSettings(directory=directory, fsync=fsync), chain)
    for start in range(0, len(batch), BATCH):
        writer.append(batch[start : start + BATCH])
    writer.close()


def _append_lines(file: Path, fsync: Fsync, batch: list[Entry]) -> None:
    """What one would write without a journal: whole points, fsynced as often."""
    synced = time.monotonic()
    with file.open("wb", buffering=0) as out:
        for start in range(0, len(batch), BATCH):
            lines = [f"{finding.compact(epoch)}\n" for epoch, finding in batch[start : start + BATCH]]
            out.write("".join(lines).encode())
            if fsync is Fsync.ALWAYS or (fsync is Fsync.INTERVAL and time.monotonic() - synced >= 0.2):
                os.fdatasync(out.fileno())
                synced = time.monotonic()


def _in_processes(directory: Path, writers: int, fsync: Fsync, batch: list[Entry]) -> float:
    """Points a second of all together, from the moment at which all are ready."""
    context = multiprocessing.get_context("fork")
    ready, took = context.Barrier(writers), context.SimpleQueue()

    def work(number: int) -> None:
        ready.wait()
        start = time.monotonic()
        _append(directory, f"w{number}", fsync, batch)
        took.put((start, time.monotonic()))

    processes = [context.Process(target=work, args=(number,)) for number in range(writers)]
    for process in processes:
        process.start()
    times = [took.get() for _ in processes]
    for process in processes:
        process.join()
    return float(writers * len(batch) / (max(end for _, end in times) - min(start for start, _ in times)))


def _count(directory: Path, points: int) -> None:
    found = 0
    for name in segments(directory):
        tally = Tally(directory, name)
        found += sum(count.sessions for count in tally.count())
        tally.close()
    assert found == points


def _read(directory: Path, points: int) -> None:
    found = 0
    with Reader(directory, {}) as reader:
        while chunks := reader.read():
            found += sum(len(chunk.sessions) for chunk in chunks)
    assert found == points


def _count_lines(file: Path) -> None:
    counts: Counter[tuple[int, str]] = Counter()
    with file.open("rb") as lines:
        for line in lines:
            point = json.loads(line)
            counts[point.pop("epoch") // 86_400, json.dumps(point)] += 1


def _timed(points: int, call: Callable[[], None]) -> Sample:
    start, cpu = time.perf_counter(), time.process_time()
    call()
    return Sample(points / (time.perf_counter() - start), (time.process_time() - cpu) / points)


@contextmanager
def _directory() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="tlswitness-bench-"))
    try:
        yield found
    finally:
        shutil.rmtree(found)
