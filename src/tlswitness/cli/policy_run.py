"""What `tlswitness policy` does when its words are understood.

Separate from the commands for the same reasons as `check_run`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import click
from rich import box
from rich.table import Table

from tlswitness.cli.common import complain, console, print_json
from tlswitness.cli.plain import iso, moment, plain, span
from tlswitness.cli.running import open_store, running
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.engine import Surroundings
from tlswitness.names import Domain
from tlswitness.policy.sts import Entry, Garbage, NotRefreshed, Refreshed, RefreshOutcome

Clock = Callable[[], float]


def run_list(config: Config, *, json: bool = False, clock: Clock = time.time) -> int:
    """`policy list`; `clock` tells seconds since 1970."""
    store = open_store(config)
    now, entries, garbage = clock(), store.entries(), store.garbage()
    if json:
        policies = [_as_json(entry, now) for entry in entries]
        print_json({"policies": policies, "garbage": [_garbage_json(each) for each in garbage]})
        return Status.OK
    if entries:
        console().print(_table(entries, now))
    else:
        click.echo(f"no MTA-STS policy is cached in {config.mta_sts_policy_store}")
    for each in garbage:
        click.echo(f"set aside: {plain(each.name)} ({each.size} octets): {plain(each.reason)}")
    return Status.OK


def run_show(config: Config, domain: Domain, *, json: bool = False, clock: Clock = time.time) -> int:
    """`policy show`."""
    entry, now = open_store(config).get(domain), clock()
    if entry is None:
        complain(f"no MTA-STS policy of {domain} is cached")
        return Status.NO
    if json:
        print_json(_as_json(entry, now))
        return Status.OK
    click.echo(f"domain     {entry.domain}")
    click.echo(f"id         {entry.id}")
    click.echo(f"fetched    {moment(entry.fetched_at)}")
    click.echo(f"expires    {moment(entry.expires_at)} ({_left(entry, now)})")
    click.echo(f"last used  {moment(entry.last_used)}")
    for number, line in enumerate(entry.policy.lines):
        click.echo(f"{'policy' if number == 0 else '':10} {plain(line)}")
    return Status.OK


async def run_refresh(
    config: Config, domains: Sequence[Domain], *, json: bool = False, surroundings: Surroundings | None = None
) -> int:
    """`policy refresh`; tests give `surroundings` in which ports are mapped."""
    outcomes: list[tuple[Domain, RefreshOutcome]] = []
    progress = console(stderr=True)
    clock = surroundings.clock if surroundings is not None else time.time
    async with running(config, journal=False, surroundings=surroundings) as engine:
        for domain in domains:
            with progress.status(f"fetching the policy of {domain}") if progress.is_terminal else nullcontext():
                outcome = await engine.policies.refresh(domain)
            outcomes.append((domain, outcome))
            if not json:
                fetched = isinstance(outcome, Refreshed)
                click.echo(f"{domain}: {plain(_refreshed(outcome, clock()))}", err=not fetched)
    if json:
        print_json([_refresh_json(domain, outcome, clock()) for domain, outcome in outcomes])
    return Status.OK if all(isinstance(outcome, Refreshed) for _, outcome in outcomes) else Status.NO


def run_purge(config: Config, *, dry_run: bool = False, json: bool = False, clock: Clock = time.time) -> int:
    """`policy purge`."""
    now = clock()
    purged = open_store(config).purge(now, dry_run=dry_run)
    if json:
        expired = [_as_json(entry, now) for entry in purged.expired]
        garbage = [_garbage_json(each) for each in purged.garbage]
        print_json({"dry-run": dry_run, "expired": expired, "garbage": garbage})
        return Status.OK
    verb = "would be deleted" if dry_run else "deleted"
    for entry in purged.expired:
        click.echo(f"{verb}: {entry.domain}, expired on {moment(entry.expires_at)}")
    for each in purged.garbage:
        click.echo(f"{verb}: {plain(each.name)}, set aside: {plain(each.reason)}")
    if not purged.expired and not purged.garbage:
        click.echo("nothing has expired, and nothing was set aside")
    return Status.OK


def _table(entries: Sequence[Entry], now: float) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("domain", "mode", "mx", "fetched", "expires", "last used"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        table.add_row(
            entry.domain,
            str(entry.policy.mode),
            plain(", ".join(str(pattern) for pattern in entry.policy.mx)),
            moment(entry.fetched_at),
            _left(entry, now),
            moment(entry.last_used),
        )
    return table


def _left(entry: Entry, now: float) -> str:
    return f"{span(now - entry.expires_at)} ago" if entry.expired(now) else f"in {span(entry.expires_at - now)}"


def _refreshed(outcome: RefreshOutcome, now: float) -> str:
    match outcome:
        case Refreshed(entry=entry, changed=changed):
            return (
                f"{'a new policy' if changed else 'unchanged'}, mode {entry.policy.mode}, expires {_left(entry, now)}"
            )
        case NotRefreshed(failure=failure, kept=kept):
            why = failure.words if failure is not None else "another fetch was under way, or too many"
            holds = f"; the cached policy (mode {kept.policy.mode}) expires {_left(kept, now)}" if kept else ""
            return f"not fetched: {why}{holds}"


def _as_json(entry: Entry, now: float) -> dict[str, Any]:
    policy = entry.policy
    return {
        "domain": entry.domain,
        "id": entry.id,
        "mode": str(policy.mode),
        "mx": [str(pattern) for pattern in policy.mx],
        "max-age": policy.max_age,
        "fetched": iso(entry.fetched_at),
        "expires": iso(entry.expires_at),
        "expired": entry.expired(now),
        "last-used": iso(entry.last_used),
        "policy-string": list(policy.lines),
    }


def _garbage_json(garbage: Garbage) -> dict[str, Any]:
    return {"name": garbage.name, "reason": garbage.reason, "size": garbage.size}


def _refresh_json(domain: Domain, outcome: RefreshOutcome, now: float) -> dict[str, Any]:
    match outcome:
        case Refreshed(entry=entry, changed=changed):
            return {"domain": domain, "fetched": True, "changed": changed, "policy": _as_json(entry, now)}
        case NotRefreshed(failure=failure, kept=kept, lines=lines):
            members: dict[str, Any] = {"domain": domain, "fetched": False}
            if failure is not None:
                members |= {"result-type": str(failure.result_type), "reason": failure.words}
            if lines:
                members["policy-string"] = list(lines)
            if kept is not None:
                members["policy"] = _as_json(kept, now)
            return members
