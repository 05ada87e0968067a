"""`tlswitness lab`: every outcome, on this machine alone."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tlswitness import lab
from tlswitness.cli import logs
from tlswitness.cli.common import complain, console, json_option, print_json
from tlswitness.cli.status import Status
from tlswitness.config import LogConfig
from tlswitness.lab import Cell, Internet, Ports, Result, Shown, seed

HELP = """\
A small Internet on loopback: a CA, a DNS, MXs and policy hosts, in this process. Real messages go over real TCP,
STARTTLS, DNS and HTTPS through every outcome that RFC 8460 knows, and each is held against the decision table.

\b
Examples:
  tlswitness lab                          all scenarios
  tlswitness lab --scenario C3            all of row C3: a server without STARTTLS
  tlswitness lab --scenario 'A*/cache'    all of the policy fetch, with a cached policy
  tlswitness lab --list                   what there is, without running it
  tlswitness lab --seed                   the log of the hook's manual page, made anew
  tlswitness lab --serve                  keep it up, for an MTA of your own

\b
With --json there is one array, and an object in it for each scenario:
  scenario, event, policy, rfc, domain   which it is; rfc is a number and a section
  expected                               what the table says: mail, and points in its words
  not-shown                              null, or why it cannot be shown: then all below is null
  mail                                   tls, clear: delivered so; or deferred, failed
  text                                   what a sender would be told
  points                                 the data points
  as-expected, differences               true and [], or what is otherwise than the table says
  seconds                                how long it took
--list has the first seven of them, --seed the two data points. --serve has one object: resolver and
policy-host (address, port), ca, domains (scenario, domain, event, policy, mx (name, address, port)).

\b
Exit status:
  0   every scenario ended as its cell of the table says
  1   at least one did not
  69  the lab cannot listen, as when a port is taken
"""
DEFAULT_PORTS = f"{lab.HIGH.dns},{lab.HIGH.smtp},{lab.HIGH.https}"
NARROW = 80
"""Columns of what is not a terminal."""


@click.command("lab", help=HELP, short_help="Every outcome, on this machine alone.")
@click.option(
    "--scenario",
    "names",
    multiple=True,
    metavar="NAME",
    help="A cell (C3/enforce), a row (C3) or a pattern ('A*/cache'). May be given more than once.",
)
@click.option("--list", "only_list", is_flag=True, help="List the scenarios and why some cells cannot be shown.")
@click.option("--seed", "only_seed", is_flag=True, help="Print the log lines of the hook's manual page, made anew.")
@click.option("--serve", "keep", is_flag=True, help="Keep the servers up until interrupted; print where they are.")
@click.option(
    "--ports",
    callback=lambda _ctx, _param, value: value and _ports(value),
    metavar="DNS,SMTP,HTTPS",
    help=f"With --serve: where to listen; {DEFAULT_PORTS} unless given. 53,25,443 needs privilege.",
)
@json_option
def command(
    names: Sequence[str], *, only_list: bool, only_seed: bool, keep: bool, ports: Ports | None, as_json: bool
) -> int:
    if only_list + only_seed + keep > 1:
        raise click.UsageError("--list, --seed and --serve are three things to do: choose one")
    if ports is not None and not keep:
        raise click.UsageError("--ports goes with --serve")
    if only_seed and names:
        raise click.UsageError("--seed has scenarios of its own: --scenario does not go with it")
    try:
        cells = lab.choose(names)
    except LookupError as error:
        complain(str(error))
        return Status.USAGE
    if keep and not lab.servable(cells):
        complain("none of this can be served: it needs an earlier delivery, a fault of the sender's, or is not shown")
        return Status.USAGE
    if only_list:
        return _list(cells, as_json=as_json)
    try:
        # The faults of others are what this is about, and resolvers that fail us.
        with logs.shown(LogConfig(), least=logging.ERROR, without=["dns.resolver"]):
            if only_seed:
                return asyncio.run(_seed(as_json=as_json))
            if keep:
                return asyncio.run(_serve(cells, ports or lab.HIGH, as_json=as_json))
            return asyncio.run(_run(cells, as_json=as_json))
    except OSError as error:
        complain(error.strerror or str(error))
        return Status.UNAVAILABLE


def _ports(text: str) -> Ports:
    """Three ports, separated by commas."""
    try:
        dns, smtp, https = map(int, text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not three numbers separated by commas") from None
    if not all(0 < port < 1 << 16 for port in (dns, smtp, https)):
        raise click.BadParameter(f"{text!r}: a port is a number from 1 to 65535")
    return Ports(dns, smtp, https)


def _list(cells: Sequence[Cell], *, as_json: bool) -> int:
    if as_json:
        print_json([lab.as_json(cell) for cell in cells])
    else:
        out = console()
        _print(out, lab.listing(cells, _width(out)))
    return Status.OK


async def _run(cells: Sequence[Cell], *, as_json: bool) -> int:
    started = time.monotonic()
    results: list[Result] = []
    with _progress() as progress:
        task = progress.add_task("starting", total=len(cells))
        async with Internet(time.time) as internet:
            async for result in lab.shown(internet, cells):
                results.append(result)
                progress.update(task, advance=1, description=result.cell.id)
    if as_json:
        print_json([lab.result_as_json(result) for result in results])
    else:
        out = console()
        _print(out, lab.story(results, _width(out)))
        _print(out, lab.summary(results, _width(out), time.monotonic() - started))
    good = all(result.as_expected for result in results if isinstance(result, Shown))
    return Status.OK if good else Status.NO


async def _seed(*, as_json: bool) -> int:
    async with Internet(time.time) as internet:
        points = [(example, await seed.replay(internet, example)) for example in seed.EXAMPLES]
    if as_json:
        print_json([json.loads(point) for _, point in points])
    else:
        for example, point in points:
            click.echo(seed.log_line(example, point))
    return Status.OK


async def _serve(cells: Sequence[Cell], ports: Ports, *, as_json: bool) -> int:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with lab.serve(cells, ports) as served:
        if as_json:
            print_json(served.as_json())
        else:
            for line in lab.directions(served):
                click.echo(line)
        await over.wait()
    return Status.OK


def _progress() -> Progress:
    err = console(stderr=True)
    parts = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*parts, console=err, transient=True, disable=not err.is_terminal)


def _width(out: Console) -> int:
    return out.width if out.is_terminal else NARROW


def _print(out: Console, lines: Iterable[Text]) -> None:
    for line in lines:
        out.print(line)
