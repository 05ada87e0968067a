"""`tlswitness hooks`: the modules that are told of data points."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from tlswitness.cli import logs
from tlswitness.cli.common import configuration, json_option
from tlswitness.cli.when import MOMENT
from tlswitness.hooks.spec import Kind

TEST_HELP = """\
Tell a module the data points of a file, and show what it does.

MODULE is the name of a configured hook, or a module itself: a file that ends in .py, .lua or .so, the import path of a
Python module (with --kind python), or a URL. It runs in a process of its own, under the limits and the view of its
configuration, or those of its kind, as the daemon would run it. The journal, the module's cursor and its own files are
not touched: what it prints, or what `paniclog` and `jsonl` would write, goes to the standard output, byte for byte. A
webhook really sends.

The file has one data point a line, as `tlswitness journal tail` prints them; it may be gzipped, and `-` is the standard
input. Return values and times go to the standard error; with --json everything is one object on the standard output.

\b
Examples:
  tlswitness hooks test tlsrpt.lua --file points.jsonl
  tlswitness journal tail -n 100 | tlswitness hooks test notify --file - --quiet

\b
Exit status:
  0   the module was told all points
  1   it does not load, raised an error, asked to be told again, or died
  64  there is no such module
  65  a line of the file is no data point; the others were told
  66  the file cannot be read
  78  the configuration is wrong
"""

REPLAY_HELP = """\
Tell a module again what the journal has of a span of time.

MODULE is the name of a configured hook. It runs in a process of its own beside the daemon's, and prints and writes
where it always does; its cursor does not move. Points count by their epoch: from --since on, before --until.

A module that asks to be told again is told again, after the time that it asks for; one whose process dies ends the
replay.

\b
Examples:
  tlswitness hooks replay notify --since 2d
  tlswitness hooks replay notify --since 2026-01-31T12:00:00Z --until 2026-01-31T13:00:00Z

\b
Exit status:
  0   the module was told all points
  1   it does not load, raised errors, or died
  64  there is no such module
  78  the configuration is wrong
"""


INCLUDE_DIR_HELP = """\
Print the directory of the header files for modules in C.

\b
Example:
  cc -shared -fPIC -I"$(tlswitness hooks include-dir)" $(pkg-config --cflags json-c) \\
      -o hook.so hook.c $(pkg-config --libs json-c)

Exit status: 0.
"""


@click.group("hooks", short_help="Modules that are told of data points: list, test, replay, include-dir.")
def command() -> None:
    """The modules that are told of data points.

    A `[[hook]]` table of the configuration names one: a module in Python, Lua or C, or one of those that are built in.
    `tlswitness serve` runs each in a process of its own, which reads the journal at its own pace.
    """


@command.command("list", short_help="List the configured modules: state, lag, calls, errors, deaths.")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> int:
    """List the configured modules: how far each is, and what it has done.

    The state is what the daemon says of it; where none answers, whether a process of it runs. The numbers are those of
    the modules' own files, which are true at each moment, whether a daemon runs or not.

    What is wrong with a module is said below the list, and by `tlswitness status`.

    Exit status: 0, also where there is none.
    """
    from tlswitness.cli.hooks_run import run_list  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.ERROR):
        return run_list(config, json=as_json)


@command.command(help=TEST_HELP, short_help="Tell a module the data points of a file.")
@click.argument("module")
@click.option(
    "--file", "-f", "file", required=True, type=click.Path(allow_dash=True, path_type=Path), help="The data points."
)
@click.option(
    "--kind", type=click.Choice([kind.value for kind in Kind]), help="What MODULE is, where its ending does not tell."
)
@click.option("--quiet", "-q", is_flag=True, help="Show what it prints, and what goes wrong, alone.")
@json_option
@click.pass_context
def test(ctx: click.Context, module: str, *, file: Path, kind: str | None, quiet: bool, as_json: bool) -> int:
    """Tell a module the points of a file."""
    from tlswitness.cli.hooks_test import run_test  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.WARNING):
        return run_test(config, module, file, kind=kind, quiet=quiet, json=as_json)


@command.command(help=REPLAY_HELP, short_help="Tell a module again what the journal has.")
@click.argument("module")
@click.option("--since", type=MOMENT, required=True, help="The first moment: a date, a time, or how long ago (2d, 1h).")
@click.option("--until", type=MOMENT, help="The moment that is too late; now, where nothing is said.")
@json_option
@click.pass_context
def replay(ctx: click.Context, module: str, *, since: float, until: float | None, as_json: bool) -> int:
    """Tell a module again."""
    from tlswitness.cli.hooks_run import run_replay  # help need not wait for it

    config = configuration(ctx)
    if until is not None and until <= since:
        raise click.BadParameter("it is not after --since", ctx, param_hint="'--until'")
    with logs.shown(config.log, least=logging.WARNING):
        return run_replay(config, module, since, until, json=as_json)


@command.command("include-dir", help=INCLUDE_DIR_HELP, short_help="Print where the headers for modules in C are.")
def include_dir_() -> int:
    from tlswitness.hooks.host.native import include_dir  # help need not wait for it

    click.echo(include_dir())
    return 0
