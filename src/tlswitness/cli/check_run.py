"""What `tlswitness check` does when its words are understood.

Separate from the command, whose help need not wait for the engine, and which cannot be pointed at a lab: ports 25 and
443 are mapped by the surroundings that a caller gives here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from tlswitness.cli.check_json import as_json
from tlswitness.cli.check_words import words
from tlswitness.cli.common import console, print_json
from tlswitness.cli.running import running
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.engine import Surroundings
from tlswitness.engine.check import Check


async def run_check(
    config: Config,
    domains: Sequence[str],
    *,
    mx: str | None = None,
    connect: bool = True,
    json: bool = False,
    surroundings: Surroundings | None = None,
) -> int:
    """Check each domain, print what comes of it, and return the exit status."""
    checks: list[Check] = []
    out, progress = console(), console(stderr=True)
    async with running(config, journal=False, surroundings=surroundings) as engine:
        for domain in domains:
            with progress.status(f"checking {domain}") if progress.is_terminal else nullcontext():
                check = await engine.check(domain, mx=mx, connect=connect)
            if not json:
                out.print(words(check, width=out.width, first=not checks), end="")
            checks.append(check)
    if json:
        print_json([as_json(check) for check in checks])
    return worst(checks)


def worst(checks: Sequence[Check]) -> Status:
    """The exit status."""
    found = {_status(check) for check in checks}
    return next((status for status in (Status.NO, Status.NO_HOST, Status.TEMPFAIL) if status in found), Status.OK)


def _status(check: Check) -> Status:
    if not check.exists:
        return Status.NO_HOST
    if check.problems:
        return Status.NO
    return Status.TEMPFAIL if check.undecided else Status.OK
