"""The command `tlswitness`: its help, its options, and the table of its verbs."""

from __future__ import annotations

import difflib
import importlib
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from tlswitness import __version__
from tlswitness.cli.status import Status

VERBS: dict[str, tuple[str, str]] = {
    "lab": (
        "tlswitness.cli.lab",
        "A small Internet on loopback: every outcome, and what is reported of it.",
    ),
    "check": ("tlswitness.cli.check", "One domain: its policies, its MXs, what a delivery would do and report."),
    "send": ("tlswitness.cli.send", "Deliver one message now, sendmail-style."),
    "serve": ("tlswitness.cli.serve", "The daemon: tells hook modules, keeps the journal."),
    "status": ("tlswitness.cli.health", "How the daemon is doing: what runs, lags, fails."),
    "policy": ("tlswitness.cli.policy", "MTA-STS policies: list, show, refresh, purge."),
    "journal": ("tlswitness.cli.journal", "The record of all data points: tail, stat, verify, export, import."),
    "hooks": ("tlswitness.cli.hooks", "Modules that are told of data points: list, test, replay, include-dir."),
    "config": ("tlswitness.cli.config", "The configuration: check, show."),
}
"""Each verb: the module that has it as `command`, and its line of help. The order is that of the help."""

HELP = """\
An outbound SMTP TLS engine: MTA-STS and DANE enforced, and every TLS session one data point.

\b
Examples:
  tlswitness lab                          watch every outcome happen, on this machine alone
  tlswitness check example.com            what would a delivery do, and report?
  tlswitness send --from a@example.org b@example.com < message.eml
  tlswitness config check                 is the configuration right?

\b
Files and environment:
  /etc/tlswitness.toml                    the configuration, if it is there
  TLSWITNESS_CONFIG                       another file in its place
  NO_COLOR                                set: no colours

\b
Exit status:
  0   it went well                        70  a fault of tlswitness itself
  1   the answer is "no": a scenario,     75  try again later
      a domain or a file is not right     78  the configuration is wrong
  64  wrong usage                         130 interrupted
  65  wrong input                         Others are those of sysexits.h.
"""


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        close = difflib.get_close_matches(args[0], VERBS, n=1)
        if close and args[0] not in VERBS:
            ctx.fail(f"there is no command {args[0]!r}; did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(
    "tlswitness",
    cls=Verbs,
    help=HELP,
    epilog="`tlswitness COMMAND --help` tells more of each.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--config", "file", type=click.Path(path_type=Path), metavar="FILE", help="The configuration file.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def tlswitness(ctx: click.Context, file: Path | None) -> None:
    ctx.obj = file


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status is one of sysexits.h where the command gives none."""
    try:
        result = tlswitness.main(args=args, prog_name="tlswitness", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return Status.USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return Status.INTERRUPTED
    except OSError as error:
        named = error.filename is not None and error.strerror
        click.echo(f"error: {error.filename}: {error.strerror}" if named else f"error: {error}", err=True)
        return Status.IO
    except Exception:  # noqa: BLE001 - whatever it is, mail programs are told by a status that they know
        traceback.print_exc()
        return Status.SOFTWARE
    return result if isinstance(result, int) else Status.OK
