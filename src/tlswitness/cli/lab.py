"""`tlswitness lab`: every outcome, on this machine alone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tlswitness import lab
from tlswitness.cli.common import complain, console, json_option, print_json
from tlswitness.cli.status import Status
from tlswitness.lab import Cell, Internet, Shown, choose, serve, shown, summary, table_of

HELP = """\
A small Internet on loopback: a CA, a DNS, MXs and policy hosts, in this process. Real messages go over real TCP,
STARTTLS, DNS and HTTPS through every outcome that RFC 8460 knows, and each is held against the decision table.

\b
Examples:
  tlswitness lab                          all scenarios
  tlswitness lab --scenario C3            all of row C3: a server without STARTTLS
  tlswitness lab --scenario 'A*/cache'    all of the policy fetch, with a cached policy
  tlswitness lab --list                   what there is, without running it
  tlswitness lab --serve                  keep it up, for an MTA of your own

\b
Exit status:
  0   every scenario ended as its cell of the table says
  1   at least one did not
"""


@click.command("lab", help=HELP, short_help="Every outcome, on this machine alone.")
@click.option(
    "--scenario",
    "names",
    multiple=True,
    metavar="NAME",
    help="A cell (C3/enforce), a row (C3) or a pattern ('A*/cache'). May be given more than once.",
)
@click.option("--list", "only_list", is_flag=True, help="List the scenarios and why some cells cannot be shown.")
@click.option("--serve", "keep", is_flag=True, help="Keep the servers up until interrupted; print where they are.")
@json_option
def command(names: Sequence[str], *, only_list: bool, keep: bool, as_json: bool) -> int:
    try:
        cells = choose(names)
    except LookupError as error:
        complain(str(error))
        return Status.USAGE
    if only_list:
        return _list(cells, as_json=as_json)
    if keep:
        return asyncio.run(_serve(cells, as_json=as_json))
    logging.getLogger("tlswitness").setLevel(logging.CRITICAL)  # faults are what this is about
    return asyncio.run(_run(cells, as_json=as_json))


def _list(cells: Sequence[Cell], *, as_json: bool) -> int:
    if as_json:
        keys = ("id", "event", "policy", "rfc", "domain", "not_shown")
        print_json([{key.replace("_", "-"): getattr(cell, key) for key in keys} for cell in cells])
        return Status.OK
    out = console()
    for cell in cells:
        out.print(
            f"{cell.id:22} {cell.event}; {cell.policy}" + (f" (not shown: {cell.not_shown})" if cell.not_shown else "")
        )
    return Status.OK


async def _run(cells: Sequence[Cell], *, as_json: bool) -> int:
    showable = [cell for cell in cells if cell.not_shown is None]
    results: list[Shown] = []
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )
    progress.disable = not progress.console.is_terminal
    async with Internet(time.time) as internet:
        with progress:
            task = progress.add_task("starting", total=len(showable))
            async for one in shown(internet, showable):
                results.append(one)
                progress.update(task, advance=1, description=one.cell.id)
    if as_json:
        print_json([lab.as_json(one) for one in results])
    else:
        out = console()
        out.print(table_of(results))
        summary(results, [cell for cell in cells if cell.not_shown is not None], out)
    return Status.OK if all(one.as_expected for one in results) else Status.NO


async def _serve(cells: Sequence[Cell], *, as_json: bool) -> int:
    async with serve(cells) as served:
        if as_json:
            print_json(served.as_json())
        else:
            console().print(served.words())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Status.OK
    return Status.OK
