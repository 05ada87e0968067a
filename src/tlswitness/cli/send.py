"""`tlswitness send`: one delivery now, as mail programs ask for one."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Sequence
from typing import BinaryIO

import click

from tlswitness.cli import logs
from tlswitness.cli.common import complain, configuration, json_option
from tlswitness.cli.status import Status

MAX_MESSAGE = 100 * 1024 * 1024
"""Octets read: no server takes more, and a pipe that never ends must not fill the memory."""
MAX_RECIPIENTS = 10_000

_HEADER_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
"""RFC 5322 section 2.2."""

HELP = """\
Deliver one message now.

The message, header and body, is read from the standard input and goes to every RCPT under the policies of each one's
domain: MTA-STS, DANE, and the configuration. Hooks are told of each TLS session. Nothing is queued: what is deferred
is yours to send again.

Nothing is added to the message and nothing is taken out: no Date, no Message-ID, no Received, and Bcc stays. Line ends
may be LF or CRLF.

With --require-tls the message goes over authenticated TLS alone, and only to servers that promise the same for its
further way (REQUIRETLS); where none ever will it fails, with 5.7.30 or, for want of TLS itself, 5.7.10. A header field
`TLS-Required: No` asks for the contrary: the mail is to arrive, and no policy of the recipient's domain holds it up,
though your own `tls`, `tls_verify` and `dane_required` do (RFC 8689). A bounce (--from '') with --require-tls goes
without that promise where no server gives it.

\b
Examples:
  tlswitness send --from me@example.org you@example.com < message.eml
  tlswitness send -f me@example.org -v you@example.com < message.eml     with attempts and data points
  tlswitness send --from '' --json you@example.com < bounce.eml
  tlswitness send --from me@example.org --require-tls you@example.com < secret.eml

\b
Exit status:
  0   all recipients are delivered to      67  a recipient is unknown
  64  wrong usage                          68  a recipient's domain takes no mail
  65  the message is none                  69  a recipient, or the message, was refused
  75  at least one recipient is deferred   78  the configuration is wrong
Of several refusals that differ the status is 69. The lines for each recipient tell them apart; --json does it for
programs.
"""


@click.command("send", help=HELP, short_help="Deliver one message now, sendmail-style.")
@click.argument("recipients", nargs=-1, required=True, metavar="RCPT...")
@click.option("--from", "-f", "sender", required=True, metavar="ADDR", help="The envelope sender; '' is the null one.")
@click.option("--require-tls", is_flag=True, help="Only over authenticated TLS, all the way (REQUIRETLS).")
@click.option("-i", "dots", is_flag=True, help="Accepted as sendmail does: a line with a dot alone is text anyway.")
@click.option("-o", "option", multiple=True, hidden=True, help="Accepted for programs that say -oi.")
@click.option("--verbose", "-v", is_flag=True, help="Show attempts and data points on the standard error.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    recipients: Sequence[str],
    *,
    sender: str,
    require_tls: bool,
    dots: bool,  # noqa: ARG001 - for sendmail's sake
    option: Sequence[str],  # noqa: ARG001
    verbose: bool,
    as_json: bool,
) -> int:
    from tlswitness.cli.send_run import Job, address_fault, run_send  # help need not wait for it

    sender = "" if sender == "<>" else sender
    fault = address_fault(sender)
    if fault is not None:
        raise click.BadParameter(f"{sender!r}: {fault}", ctx, param_hint="--from")
    if len(recipients) > MAX_RECIPIENTS:
        raise click.BadParameter(f"more than {MAX_RECIPIENTS}", ctx, param_hint="RCPT")
    config = configuration(ctx)
    if sys.stdin is None:  # the caller closed it
        complain("the standard input is closed: the message is read from it")
        return Status.NO_INPUT
    if sys.stdin.isatty():
        click.echo("reading the message from the terminal; Ctrl-D ends it", err=True)
    message = read_message(sys.stdin.buffer)
    if isinstance(message, str):
        complain(message)
        return Status.DATA
    job = Job(sender, tuple(recipients), message, require_tls=require_tls)
    with logs.shown(config.log, least=logging.DEBUG if verbose else logging.WARNING):
        return asyncio.run(run_send(config, job, verbose=verbose, json=as_json))


def read_message(stream: BinaryIO) -> bytes | str:
    """The message on a stream; else what is wrong with it, in words."""
    message = stream.read(MAX_MESSAGE + 1)
    if len(message) > MAX_MESSAGE:
        return f"the message is larger than {MAX_MESSAGE} octets"
    if not message:
        return "there is no message on the standard input"
    if not _HEADER_FIELD.match(message):
        return "the message does not begin with a header field, such as `From: me@example.org`"
    return message
