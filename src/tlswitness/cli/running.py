"""An engine, or the store of policies alone, for the length of a command; what is in the way ends the command.

Separate because many commands need it, and because of one rule: a command that runs as another user than the service,
root above all, would leave files in the state directory that the service cannot read.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from click.exceptions import Exit

from tlswitness.cli.common import complain
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.engine import Engine, Surroundings
from tlswitness.hooks import HookFunction
from tlswitness.policy.sts import PolicyStore


@asynccontextmanager
async def running(
    config: Config,
    *,
    hooks: Iterable[HookFunction] = (),
    journal: bool = True,
    surroundings: Surroundings | None = None,
) -> AsyncIterator[Engine]:
    """An engine; without `journal` one that writes none. Where it cannot start the reason is said, and `Exit` is raised
    with the status.
    """
    may_use_state(config)
    if not journal:
        config = replace(config, journal=replace(config.journal, enabled=False))
    async with AsyncExitStack() as stack:
        try:
            engine = await stack.enter_async_context(Engine(config, hooks=hooks, surroundings=surroundings))
        except (OSError, ValueError) as error:
            complain(f"cannot start: {error}")
            raise Exit(Status.OS) from None
        yield engine


def open_store(config: Config) -> PolicyStore:
    """The store of MTA-STS policies; `Exit` as `running`."""
    may_use_state(config)
    try:
        return PolicyStore(config.mta_sts_policy_store)
    except OSError as error:
        complain(f"cannot use the policy store: {error}")
        raise Exit(Status.IO) from None


def may_use_state(config: Config) -> None:
    """Raises `Exit`, with the reason said, where what is stored belongs to somebody else, or nothing can be stored."""
    for directory in dict.fromkeys((config.state_dir, config.mta_sts_policy_store, config.journal.directory)):
        owner = _owner(directory)
        if owner is not None and owner != os.geteuid():
            name = _user(owner)
            complain(f"{directory} belongs to the user {name}: run this as that user, as with `sudo -u {name} ...`")
            raise Exit(Status.NO_PERMISSION)
    try:
        config.mta_sts_policy_store.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        complain(
            f"{config.mta_sts_policy_store}: {error.strerror}; `state_dir` in the configuration names another place"
        )
        raise Exit(Status.CANNOT_CREATE) from None


def _owner(directory: Path) -> int | None:
    try:
        return directory.stat().st_uid
    except OSError:
        return None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
