"""`tlswitness check`: what would a delivery to this domain do, and report?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import click

from tlswitness.cli import logs
from tlswitness.cli.common import configuration, json_option
from tlswitness.names import BadName, parse_domain, parse_host

HELP = """\
What would a delivery to DOMAIN do, and report?

Looks up the TLSRPT record, MTA-STS and DANE, connects to every MX, starts TLS and judges the certificate as a delivery
would, and says QUIT where a delivery would say MAIL. Problems come first, each with what to do about it: what keeps
mail from being delivered, or would be reported as a failure, is a problem; what protects less than it could, or will
not last, is a warning. Of each MX it is also said whether mail that requires TLS (REQUIRETLS) could go there.

No message is sent, no data point is made known, and no policy is stored. What the store holds from earlier deliveries
counts, for it would count in a delivery.

\b
Examples:
  tlswitness check example.com
  tlswitness check --no-connect example.com example.org
  tlswitness check --mx new.example.com example.com     before it goes into DNS
  tlswitness check --json example.com | jq '.[].findings'

\b
Exit status:
  0   mail would be delivered, and nothing is wrong
  1   there are problems
  68  there is no such domain
  75  a lookup failed: the answer may be another one later
Of several domains the first of 1, 68 and 75 that one of them has.
"""


@click.command("check", help=HELP, short_help="What a delivery to a domain would do and report.")
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@click.option("--mx", metavar="HOST", help="Try this host alone, whether or not it is an MX of the domain.")
@click.option("--no-connect", is_flag=True, help="Ask DNS and the policy host only; connect to no MX.")
@json_option
@click.pass_context
def command(ctx: click.Context, domains: Sequence[str], *, mx: str | None, no_connect: bool, as_json: bool) -> int:
    for name, parsed in [(name, parse_domain(name)) for name in domains]:
        if isinstance(parsed, BadName):
            raise click.BadParameter(f"{name!r}: {parsed.reason}", ctx, param_hint="DOMAIN")
    if mx is not None and isinstance(bad := parse_host(mx), BadName):
        raise click.BadParameter(f"{mx!r}: {bad.reason}", ctx, param_hint="--mx")
    config = configuration(ctx)
    with logs.shown(config.log, least=logging.ERROR):  # what matters of it is in the findings
        from tlswitness.cli.check_run import run_check  # help need not wait for it

        return asyncio.run(run_check(config, domains, mx=mx, connect=not no_connect, json=as_json))
