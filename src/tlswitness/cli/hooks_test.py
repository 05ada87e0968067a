"""What `tlswitness hooks test` does when its words are understood.

Separate from the commands for the same reasons as `check_run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from tlswitness.cli.common import ONE_A_LINE, complain, console, print_json, warn
from tlswitness.cli.hooks_modules import Line, module_of, points_of
from tlswitness.cli.plain import plain
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.trial import Answer
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.hooks.trial import Died, Trial
from tlswitness.journal.importer import READ_ERRORS, BadLine

MAX_BAD = 20
"""Bad lines that are told one by one."""
MAX_CALLS = 100_000
"""Calls that are kept for --json."""


@dataclass(slots=True)
class _Told:
    """What has come of it so far."""

    spec: ModuleSpec
    quiet: bool
    json: bool
    calls: list[dict[str, Any]] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    """Outside of calls."""
    count: int = 0
    unseen: int = 0
    slow: int = 0
    failed: int = 0
    seconds: float = 0.0
    bad: list[BadLine] = field(default_factory=list)
    bad_count: int = 0
    death: str = ""
    refused: str = ""
    unread: str = ""

    @property
    def status(self) -> Status:
        if self.refused or self.death or self.failed:
            return Status.NO
        if self.unread:
            return Status.NO_INPUT
        return Status.DATA if self.bad_count else Status.OK


def run_test(
    config: Config, module: str, file: Path, *, kind: str | None = None, quiet: bool = False, json: bool = False
) -> int:
    """`hooks test`."""
    spec = module_of(config, module, kind)
    if isinstance(spec, str):
        complain(plain(spec))
        return Status.USAGE
    told = _Told(spec, quiet, json)
    try:
        with points_of(file) as lines:
            _tell_all(told, lines)
    except READ_ERRORS as error:
        told.unread = f"{file}: {getattr(error, 'strerror', None) or error}"
        complain(plain(told.unread))
    _sum_up(told)
    return told.status


def _tell_all(told: _Told, lines: Iterator[Line]) -> None:
    try:
        with Trial(told.spec, show=True) as trial:
            _show(told, trial.loaded)
            if trial.loaded.error:
                told.refused = trial.loaded.error
                complain(plain(HookLoadFailed(told.spec.name, told.spec.target, told.refused)))
                return
            for line in lines:
                if isinstance(line, BadLine):
                    _note_bad(told, line)
                elif not _tell(told, trial, *line):
                    return
            end = trial.end()
            _show(told, end)
            if end.error:
                told.failed += 1
                complain(plain(end.error))
    except Died as died:
        told.death = told.death or str(died)
        complain(plain(f"the process of {told.spec.name!r} {died}, outside of a call"))


def _tell(told: _Told, trial: Trial, number: int, epoch: int, finding: Finding) -> bool:
    """Tell one point, and show what came of it. False where its process died of it."""
    seen = finding.seen(told.spec.view)
    if seen is None:
        told.unseen += 1
        return True
    try:
        answer = trial.tell([(epoch, seen)])
    except Died as died:
        told.death = f"{died}, telling the point of line {number}: {seen.compact(epoch)}"
        complain(plain(f"the process of {told.spec.name!r} {told.death}"))
        return False
    _show(told, answer, call=True)
    told.count += 1
    told.slow += answer.slow
    told.failed += bool(answer.error)
    told.seconds += answer.seconds
    if told.json and len(told.calls) < MAX_CALLS:
        told.calls.append(_call_json(number, answer))
    if answer.error:
        complain(plain(f"line {number}: {answer.error}"))
    elif not told.quiet and not told.json:
        slow = ", slow" if answer.slow else ""
        console(stderr=True).print(
            plain(f"line {number}: returned {answer.returned or 'nothing'} in {answer.seconds * 1000:.3f} ms{slow}")
        )
    return True


def _show(told: _Told, answer: Answer, *, call: bool = False) -> None:
    if told.json:
        if not call and answer.printed:
            told.printed.append(answer.printed)
        return
    if answer.printed:
        click.echo(answer.printed, nl=False)


def _note_bad(told: _Told, line: BadLine) -> None:
    told.bad_count += 1
    if len(told.bad) < MAX_BAD:
        told.bad.append(line)
        complain(plain(line))


def _call_json(number: int, answer: Answer) -> dict[str, Any]:
    members: dict[str, Any] = {"line": number, "seconds": answer.seconds, "printed": answer.printed.splitlines()}
    members["returned"] = answer.returned
    if answer.error:
        members["error"] = answer.error
    return members


def _sum_up(told: _Told) -> None:
    if told.json:
        print_json(
            {
                "module": told.spec.name,
                "kind": told.spec.kind.value,
                "loaded": not told.refused,
                "error": told.refused or told.death or told.unread or None,
                "printed-outside-of-calls": "".join(told.printed).splitlines(),
                "calls": told.calls,
                "told": told.count,
                "not-in-view": told.unseen,
                "slow": told.slow,
                "errors": told.failed,
                "bad-lines": [{"line": line.number, "reason": line.reason} for line in told.bad],
            }
        )
        return
    if told.bad_count and not told.count and not told.unseen:
        warn(ONE_A_LINE)
    if not told.quiet and not told.refused:
        parts = [f"{told.count} points told in {told.seconds:.3f} s"]
        parts += [f"{told.failed} errors"] if told.failed else []
        parts += [f"{told.slow} slow calls"] if told.slow else []
        parts += (
            [f"{told.unseen} not shown to it (sessions = {told.spec.view.sessions.value!r})"] if told.unseen else []
        )
        parts += [f"{told.bad_count} lines are no data points"] if told.bad_count else []
        console(stderr=True).print(", ".join(parts))
