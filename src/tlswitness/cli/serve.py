"""`tlswitness serve`: the daemon."""

from __future__ import annotations

import click

from tlswitness.cli.common import config_option, load

HELP = """\
Run the daemon: each hook module of the configuration in a process of its own, which is told all data points of the
journal, also those that programs and `tlswitness send` write there.

It stays in the foreground and logs to the standard error. One daemon runs on a state directory.

\b
Signals:
  SIGHUP            load the configuration anew: modules that have changed are started anew, the others go on, and
                    all keep their places in the journal; a wrong configuration changes nothing
  SIGTERM, SIGINT   let the modules be told what the journal holds (option `serve.drain`), then end; a second one
                    ends at once

`tlswitness status` says how it is doing. Under systemd, use Type=notify.

\b
Exit status:
  0   told to end                          75  another daemon runs here
  73  the state directory cannot be made   77  it belongs to somebody else
  74  it cannot be used                    78  the configuration is wrong
  128 + the signal's number: told twice
"""


@click.command("serve", help=HELP, short_help="The daemon: tells hook modules, keeps the journal.")
@config_option
@click.pass_context
def command(ctx: click.Context) -> int:
    from tlswitness.cli.serve_run import run_serve  # help need not wait for it

    return run_serve(load(ctx))
