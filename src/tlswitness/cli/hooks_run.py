"""What `tlswitness hooks list` and `replay` do when their words are understood.

Separate from the commands for the same reasons as `check_run`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from tlswitness.cli.bar import bar
from tlswitness.cli.common import TABLE_WIDTH, complain, console, dashed, json_members, print_json
from tlswitness.cli.hooks_modules import configured, known
from tlswitness.cli.plain import plain
from tlswitness.cli.running import may_use_state
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.backoff import Backoff
from tlswitness.hooks.host.loop import RETRY_FIRST, RETRY_MOST
from tlswitness.hooks.host.shown import Shown
from tlswitness.hooks.host.surroundings import LOCK
from tlswitness.hooks.progress import FILE, BadProgress, Progress
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.hooks.standing import Standing
from tlswitness.hooks.trial import Died, Trial
from tlswitness.journal.names import sizes
from tlswitness.journal.reader import Reader
from tlswitness.journal.survey import stored
from tlswitness.service.ask import NoDaemon, ask
from tlswitness.service.status import ModuleStatus, troubles_of
from tlswitness.service.translate import hooks_directory, module_specs

AT_ONCE = 200
"""Points told between two answers."""
NO_PROCESS = "no process"


def run_list(config: Config, *, json: bool = False) -> int:
    """`hooks list`."""
    may_use_state(config)
    there = sizes(config.journal.directory)
    answer = ask(config.serve.status_socket)
    told = {} if isinstance(answer, NoDaemon) else {each.now.name: each for each in answer.modules}
    absent = isinstance(answer, NoDaemon) and not answer.running
    rows = [_row(config, spec, there, told.get(spec.name), absent=absent) for spec in module_specs(config)]
    if json:
        print_json({"daemon": not isinstance(answer, NoDaemon), "modules": dashed(rows)})
    elif rows:
        console(width=TABLE_WIDTH).print(_table(rows))
        for row in rows:
            _tell_story(row)
    else:
        click.echo("no module is configured: a [[hook]] table names one")
    return Status.OK


def _row(
    config: Config, spec: ModuleSpec, there: dict[str, int], told: ModuleStatus | None, *, absent: bool
) -> dict[str, Any]:
    """One module: its state as the daemon has `told` it, where one answers, and its numbers from its files."""
    row = _from_files(config, spec, there)
    if told is not None:
        now = told.now
        row |= {"state": str(now.state), "lag": told.lag, "busy": now.busy, "troubles": list(troubles_of(told))}
        row |= {"last_death": now.last_death, "last_error": now.last_error}
    elif absent and row["state"] == NO_PROCESS:
        row["state"] = "no daemon"
    return row


def _tell_story(row: dict[str, Any]) -> None:
    """What fits into no column: what is wrong, and how it came to that."""
    troubles = row.get("troubles", ())
    for trouble in troubles:
        complain(plain(trouble))
    for name, words in (("last_death", "last death"), ("last_error", "last error")):
        story = row.get(name)
        if story and not any(story in trouble for trouble in troubles):
            click.echo(plain(f"{row['name']}: {words}: {story}"))


def _from_files(config: Config, spec: ModuleSpec, there: dict[str, int]) -> dict[str, Any]:
    standing: Standing | None = None
    home = hooks_directory(config) / spec.name
    state = "running" if _runs(home) else NO_PROCESS
    try:
        with Progress.open(home / FILE) as progress:
            standing = progress.standing
    except FileNotFoundError:
        state = "new"
    except (BadProgress, OSError) as error:
        state = f"its progress cannot be read: {error}"
    members: dict[str, Any] = {"name": spec.name, "kind": spec.kind.value, "state": state}
    if standing is None:
        return members | {"behind": None}
    return members | {"behind": standing.behind(there), **asdict(standing.counts)}


def _runs(home: Path) -> bool:
    """Whether a process of the module lives: it has locked a file."""
    try:
        fd = os.open(home / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    names = ("name", "kind", "state", "behind", "calls", "slow", "errors", "deaths", "dead_letters")
    for name in names:
        heading = {"behind": "octets\nbehind", "dead_letters": "dead\nletters"}.get(name, name)
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(plain("-" if row.get(name) is None else row[name]) for name in names))
    return table


@dataclass(slots=True)
class Replayed:
    """What has come of a replay."""

    module: str
    told: int = 0
    errors: int = 0
    slow: int = 0
    retries: int = 0
    not_in_view: int = 0
    damaged: int = 0
    error: str = ""
    """The last one, or why it ended before its end."""
    ended: bool = True


def run_replay(
    config: Config,
    module: str,
    since: float,
    until: float | None,
    *,
    json: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """`hooks replay`."""
    spec = configured(config, module)
    if spec is None:
        complain(plain(f"{module}: no such hook; {known(config)}"))
        return Status.USAGE
    may_use_state(config)
    done = Replayed(spec.name)
    try:
        with Trial(spec, show=False) as trial:
            if trial.loaded.error:
                done.ended, done.error = False, f"it does not load: {trial.loaded.error}"
            else:
                _replay(config, spec, trial, done, (since, until if until is not None else time.time()), sleep)
                end = trial.end()
                done.errors += end.errors
                done.error = end.error or done.error
    except Died as died:
        done.ended, done.error = False, f"its process {died}"
    _tell_end(done, json=json)
    return Status.OK if done.ended and not done.errors else Status.NO


def _replay(
    config: Config,
    spec: ModuleSpec,
    trial: Trial,
    done: Replayed,
    span: tuple[float, float],
    sleep: Callable[[float], None],
) -> None:
    directory = config.journal.directory
    if not directory.is_dir():
        return
    found = stored(directory)
    shown = Shown(spec.view)
    # What is written from now on is the daemon's to tell.
    ends = {each.name.id: each.octets for each in found}
    left = set(ends)
    with bar(sum(ends.values()), f"telling {spec.name}") as advance, Reader(directory, {}) as reader:
        while chunks := reader.read():
            for chunk in chunks:
                rows = [row for row in chunk.sessions if row[3] <= ends.get(chunk.segment, 0)]
                inside = [(epoch, finding) for epoch, finding, _, _ in rows if span[0] <= epoch < span[1]]
                seen = [(epoch, view) for epoch, finding in inside if (view := shown.of(finding)) is not None]
                done.not_in_view += len(inside) - len(seen)
                for at in range(0, len(seen), AT_ONCE):
                    _tell(trial, seen[at : at + AT_ONCE], done, sleep)
                advance(sum(row[3] - row[2] for row in rows))
                if chunk.finished or chunk.end >= ends.get(chunk.segment, 0):
                    left.discard(chunk.segment)
            if not left:
                break
        done.damaged = reader.damaged


def _tell(trial: Trial, points: Sequence[tuple[int, Finding]], done: Replayed, sleep: Callable[[float], None]) -> None:
    """Tell all, again and again where the module asks for it. Raises Died."""
    backoff = Backoff(RETRY_FIRST, RETRY_MOST)
    while points:
        answer = trial.tell(points)
        points = points[answer.told :]
        done.told += answer.told
        done.errors += answer.errors
        done.slow += answer.slow
        done.error = answer.error or done.error
        if answer.retry is not None:
            done.retries += 1
            if answer.told:
                backoff.reset()
            sleep(backoff.next() if answer.retry < 0 else min(answer.retry, RETRY_MOST))


def _tell_end(done: Replayed, *, json: bool) -> None:
    if json:
        print_json(json_members(done))
        return
    click.echo(
        f"{done.told} points told to {done.module}, {done.errors} errors, {done.slow} slow calls, "
        f"{done.retries} told again, {done.not_in_view} not shown to it"
    )
    if done.error:
        complain(plain(f"{done.module}: {done.error}"))
    if done.damaged:
        complain(f"{done.damaged} damaged lines of the journal are left out")
