"""`tlswitness status`: what runs, lags, fails."""

from __future__ import annotations

import click

from tlswitness.cli.common import config_option, json_option, load

HELP = """\
Ask the daemon how it is doing: what runs, what lags, what fails.

\b
Exit status:
  0   all is well
  1   something is wrong: it says what
  69  no daemon runs here, or it does not answer
  77  it is not yours to ask
"""


@click.command("status", help=HELP, short_help="How the daemon is doing: what runs, lags, fails.")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> int:
    from tlswitness.cli.health_run import run_status  # help need not wait for it

    return run_status(load(ctx), json=as_json)
