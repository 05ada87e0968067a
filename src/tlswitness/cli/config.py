"""`tlswitness config`: is the configuration right, and what does it amount to?"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import click

from tlswitness.cli.common import complain, config_path, json_option, load, print_json, warn
from tlswitness.cli.plain import plain
from tlswitness.cli.status import Status
from tlswitness.config import ConfigError, DomainConfig, Loaded, Problem, load_config
from tlswitness.config.model import scope_key
from tlswitness.config.show import domain_toml, scope_json, to_json, to_toml

SHOW_HELP = """\
Print the configuration as it is understood.

The output is a configuration file of the same meaning; with --defaults it is one to start from, with every option
that is not set as a comment. With --json every option is there, set or not.

\b
Examples:
  tlswitness config show --defaults > tlswitness.toml
  tlswitness config show --domain example.com
"""


@click.group("config", short_help="The configuration: check, show.")
def command() -> None:
    """The configuration.

    One TOML file with options for all mail, and `[domain."example.com"]` tables with those that differ for a domain.
    Every option has a default, so that there need not be a file. docs/configuration.md has them all.
    """


@command.command()
@click.option("--no-load", is_flag=True, help="Do not load the hook modules.")
@json_option
@click.pass_context
def check(ctx: click.Context, *, no_load: bool, as_json: bool) -> int:
    """Say all that is wrong with the configuration file.

    Options that do not exist, values that are not allowed, options that contradict each other, files that are not
    there: each with its place, its value and what is allowed. Scopes of domains that have expired are warned of. Each
    hook module is loaded once, in a process that is thrown away, which runs its code as the daemon's start would.

    Exit status: 0 if nothing is wrong, 78 if something is.
    """
    try:
        loaded = load_config(config_path(ctx))
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "problems": [asdict(problem) for problem in error.problems], "warnings": []})
        else:
            for problem in error.problems:
                complain(str(problem))
        return Status.CONFIG
    problems = [] if no_load else _not_loaded(loaded)
    status = Status.CONFIG if problems else Status.OK
    if as_json:
        file, found = str(loaded.path) if loaded.path else None, [asdict(problem) for problem in problems]
        print_json({"ok": not problems, "file": file, "problems": found, "warnings": loaded.warnings})
        return status
    for warning in loaded.warnings:
        warn(warning)
    for problem in problems:
        complain(plain(problem))
    if problems:
        return status
    scopes = len(loaded.config.domains)
    domains = f", {scopes} domain{'s' * (scopes != 1)} with options of their own" if scopes else ""
    click.echo(f"{loaded.path}: right{domains}" if loaded.path else "there is no file: every option has its default")
    return Status.OK


def _not_loaded(loaded: Loaded) -> list[Problem]:
    """The hook modules that do not load."""
    if not loaded.config.hook:
        return []
    from tlswitness.service.loading import what_does_not_load  # help need not wait for it

    failed = asyncio.run(what_does_not_load(loaded.config))
    file = str(loaded.path) if loaded.path else ""
    return [Problem("hook", f"{each.name!r} does not load: {each.reason}", file=file) for each in failed]


@command.command(help=SHOW_HELP)
@click.option("--domain", metavar="DOMAIN", help="What holds for mail to this domain.")
@click.option("--defaults", is_flag=True, help="Every option with its help, not only what is set.")
@json_option
@click.pass_context
def show(ctx: click.Context, *, domain: str | None, defaults: bool, as_json: bool) -> int:
    """Print the configuration."""
    loaded = load(ctx)
    config = loaded.config
    if domain is not None and not scope_key(domain):
        raise click.BadParameter(f"{domain!r} is not a domain", ctx, param_hint="--domain")
    if as_json:
        print_json(to_json(config) if domain is None else scope_json(config.for_domain(domain), DomainConfig))
        return Status.OK
    text = to_toml(config, defaults=defaults) if domain is None else domain_toml(config, domain, defaults=defaults)
    click.echo(text or "# nothing is set: every option has its default (--defaults shows them)", nl=not text)
    return Status.OK
