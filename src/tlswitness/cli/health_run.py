"""What `tlswitness status` does when its words are understood.

Separate from the command for the same reasons as `check_run`.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from typing import Any

import click
from rich import box
from rich.table import Table

from tlswitness.cli.common import TABLE_WIDTH, complain, console, dashed, print_json
from tlswitness.cli.plain import moment, plain, size, span
from tlswitness.cli.status import Status as Exits
from tlswitness.config import Loaded
from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.service.ask import NoDaemon, ask
from tlswitness.service.configure import service_settings
from tlswitness.service.status import JournalStatus, ModuleStatus, Reload, Status, encode


def run_status(loaded: Loaded, *, json: bool = False) -> int:
    """Ask, say, and return the exit status."""
    answer = ask(service_settings(loaded).socket)
    if isinstance(answer, NoDaemon):
        if json:
            print_json({"running": answer.running, "error": answer.reason})
        else:
            complain(plain(answer.reason))
        return Exits.NO_PERMISSION if answer.forbidden else Exits.UNAVAILABLE
    troubles = [plain(trouble) for trouble in answer.troubles()]
    if json:
        print_json(dashed(as_json(answer)))
    else:
        for line in words(answer):
            click.echo(line)
        if answer.modules:
            console(width=TABLE_WIDTH).print(table(answer))
        for line in waits(answer):
            click.echo(line)
        for trouble in troubles:
            complain(trouble)
        if not troubles:
            click.echo("all is well")
    return Exits.NO if troubles else Exits.OK


def as_json(status: Status) -> dict[str, Any]:
    """For programs: all that the daemon tells, and what of it is wrong."""
    members: dict[str, Any] = json_module.loads(encode(status))
    return {"running": True, **members, "troubles": list(status.troubles())}


def words(status: Status) -> Iterator[str]:
    """Line by line, but for the modules and what is wrong."""
    up = span(status.at - status.since)
    yield f"tlswitness {plain(status.version)}, process {status.pid}, {status.state} for {up}"
    yield f"configuration  {plain(status.config) or 'none: every option has its default'}"
    if status.reload is not None:
        yield f"last reload    {_reload(status.reload)}"
    yield f"journal        {_journal(status.journal)}"
    if status.metrics:
        yield f"metrics        http://{status.metrics}/metrics"
    for held in status.held:
        yield f"kept for       {plain(held.name)}, which is configured no more, until {moment(held.until)}"
    if not status.modules:
        yield "no hook module is configured"


def waits(status: Status) -> Iterator[str]:
    """Why modules are waiting to be told again: no trouble as long as it is short."""
    for module in status.modules:
        now = module.now
        if now.state is State.RETRYING and now.last_error:
            yield f"hook {plain(now.name)} is retrying: {plain(now.last_error)}"


def table(status: Status) -> Table:
    """The modules."""
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("module", "kind", "state", "behind", "calls", "slow", "errors", "deaths"):
        shown.add_column(name, overflow="fold")
    for module in status.modules:
        now = module.now
        counts = now.counts
        shown.add_row(
            plain(now.name),
            str(now.kind),
            str(now.state),
            _behind(module),
            *map(str, (counts.calls, counts.slow, counts.errors, counts.deaths)),
        )
    return shown


def _behind(module: ModuleStatus) -> str:
    if not module.now.behind:
        return "-"
    return f"{size(module.now.behind)}, {span(module.lag)}"


def _reload(reload: Reload) -> str:
    if not reload.applied:
        return f"{moment(reload.at)}: refused, the old configuration holds"
    return f"{moment(reload.at)}: {', '.join(map(plain, reload.changes)) or 'no module had changed'}"


def _journal(journal: JournalStatus) -> str:
    told = f"{size(journal.octets)} in {journal.segments} segment{'s' * (journal.segments != 1)}"
    told += f" of {journal.chains} writer{'s' * (journal.chains != 1)}"
    if journal.oldest is not None:
        told += f", from {moment(journal.oldest)}"
    free = "" if journal.free is None else f"; {size(journal.free)} are free"
    return f"{told}, in {plain(journal.directory)}{free}"
