"""`tlswitness policy`: the MTA-STS policies that are cached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import click

from tlswitness.cli import logs
from tlswitness.cli.common import configuration, json_option
from tlswitness.names import BadName, Domain, parse_domain


@click.group("policy", short_help="MTA-STS policies: list, show, refresh, purge.")
def command() -> None:
    """The MTA-STS policies that deliveries have fetched.

    A policy is kept until its max_age is over, counted from the fetch, whatever becomes of the domain's DNS in the
    meantime: that is what it protects with. The running engine refreshes it daily, and sees what these commands change
    within a minute.
    """


@command.command("list", short_help="List what is cached.")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> int:
    """List what is cached, and what was set aside because it could not be read.

    Exit status: 0, also where nothing is cached.
    """
    from tlswitness.cli.policy_run import run_list  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.ERROR):
        return run_list(config, json=as_json)


@command.command()
@click.argument("domain")
@json_option
@click.pass_context
def show(ctx: click.Context, domain: str, *, as_json: bool) -> int:
    """Show the cached policy of DOMAIN, as it was served.

    Exit status: 0 if there is one, 1 if there is none.
    """
    from tlswitness.cli.policy_run import run_show  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.ERROR):
        return run_show(config, _domain(ctx, domain), json=as_json)


@command.command(short_help="Fetch the policy of each DOMAIN now.")
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@json_option
@click.pass_context
def refresh(ctx: click.Context, domains: Sequence[str], *, as_json: bool) -> int:
    """Fetch the policy of each DOMAIN now, whatever is cached and whatever the TXT record says.

    What cannot be fetched leaves the cached policy as it is.

    Exit status: 0 if all were fetched, 1 if one was not.
    """
    from tlswitness.cli.policy_run import run_refresh  # help need not wait for it

    config = configuration(ctx)
    parsed = [_domain(ctx, domain) for domain in domains]
    with logs.shown(config.log, least=logging.WARNING):
        return asyncio.run(run_refresh(config, parsed, json=as_json))


@command.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@json_option
@click.pass_context
def purge(ctx: click.Context, *, dry_run: bool, as_json: bool) -> int:
    """Delete the policies that have expired, and what was set aside. Policies that hold are kept.

    Exit status: 0, also where there is nothing to delete.
    """
    from tlswitness.cli.policy_run import run_purge  # help need not wait for it

    config = configuration(ctx)
    with logs.shown(config.log, least=logging.ERROR):
        return run_purge(config, dry_run=dry_run, json=as_json)


def _domain(ctx: click.Context, name: str) -> Domain:
    match parse_domain(name):
        case BadName(reason=reason):
            raise click.BadParameter(f"{name!r}: {reason}", ctx, param_hint="DOMAIN")
        case domain:
            return domain
