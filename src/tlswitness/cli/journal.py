"""`tlswitness journal`: the record of all data points."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import click

from tlswitness.cli import logs
from tlswitness.cli.common import configuration, json_option
from tlswitness.cli.when import MOMENT

TAIL_HELP = """\
Print the last data points, one JSON object a line.

Those of several writers are put into the order of their epochs.

\b
Examples:
  tlswitness journal tail
  tlswitness journal tail -f | jq 'select(.type == 0)'

Exit status: 0, also where there are none.
"""

EXPORT_HELP = """\
Print all data points, one JSON object a line, in the order in which each writer wrote them.

\b
Examples:
  tlswitness journal export --since 2026-01-31 --until 2026-02-01 > day.jsonl
  tlswitness journal export --since 12h | jq -r '."result-type" // "success"' | sort | uniq -c
  tlswitness journal export -o points.jsonl.gz

Points count by their epoch: from --since on, before --until.

Exit status: 0, also where there are none; 1 if something was damaged and so left out.
"""


@click.group("journal", short_help="The record of all data points: tail, stat, verify, export, import.")
def command() -> None:
    """The record of all data points.

    Everything that a delivery finds out about a TLS session is appended here, once, before anybody is told of it. Hook
    modules read it at their own pace. `tail` and `export` write whole data points, one JSON object a line, for `jq` and
    `grep`; `import` takes such lines.
    """


@command.command(help=TAIL_HELP, short_help="Print the last data points.")
@click.option(
    "-n", "--lines", type=click.IntRange(0, 1_000_000), default=10, show_default=True, help="How many points."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until interrupted.")
@click.pass_context
def tail(ctx: click.Context, lines: int, *, follow: bool) -> int:
    from tlswitness.cli.journal_run import run_tail  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.WARNING):
        return run_tail(config, lines, follow=follow)


@command.command(short_help="Show what there is: writers, segments, sizes, ages.")
@click.option("--count", is_flag=True, help="Read all of it, and count points, distinct outcomes and damages.")
@json_option
@click.pass_context
def stat(ctx: click.Context, *, count: bool, as_json: bool) -> int:
    """Show the chains of the journal, one for each writer: their segments, sizes and ages, and the sources' positions.

    Exit status: 0, also where there is nothing.
    """
    from tlswitness.cli.journal_run import run_stat  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.WARNING):
        return run_stat(config, count=count, json=as_json)


@command.command(short_help="Hold each line against its checksum.")
@json_option
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> int:
    """Read all of the journal and hold each line against its checksum; changes nothing.

    Octets at the end of a segment that its writer did not finish are no damage: they are cut off when the daemon
    starts. A damaged line costs the points that hang on it, and nothing else.

    Exit status: 0 if all is whole, 1 if something is damaged.
    """
    from tlswitness.cli.journal_run import run_verify  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.WARNING):
        return run_verify(config, json=as_json)


@command.command(help=EXPORT_HELP, short_help="Print all data points, or those of a span of time.")
@click.option("--since", type=MOMENT, help="Only points from then on: a time (UTC) or how long ago, such as `2d`.")
@click.option("--until", type=MOMENT, help="Only points before then.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A file in place of the standard output; gzipped if it ends in `.gz`.",
)
@click.pass_context
def export(ctx: click.Context, since: float | None, until: float | None, output: Path | None) -> int:
    from tlswitness.cli.journal_run import run_export  # help need not wait for it

    config = configuration(ctx)
    if since is not None and until is not None and until <= since:
        raise click.BadParameter("it is not after --since", ctx, param_hint="'--until'")
    with logs.shown(config.log, least=logging.WARNING):
        return run_export(config, since, until, output)


@command.command("import", short_help="Append the data points of files.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE..."
)
@json_option
@click.pass_context
def import_(ctx: click.Context, files: Sequence[Path], *, as_json: bool) -> int:
    """Append the data points of each FILE: one JSON object a line, plain or gzipped.

    Each line is taken once, however often the import is begun or interrupted: a file is known by its content, and one
    that has grown is gone on with where it ended. What is no data point is named, and left out.

    Exit status: 0 if all lines were data points, 65 if some were not or a file could not be read to its end, 64 if
    there is no such file.
    """
    from tlswitness.cli.journal_run import run_import  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.WARNING):
        return run_import(config, files, json=as_json)
