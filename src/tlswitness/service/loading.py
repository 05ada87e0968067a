"""Do the configured modules load? Asked before it matters: by `config check`.

Separate because it runs code of the operator's, each module in a process that is thrown away.
"""

from __future__ import annotations

import asyncio

from tlswitness.config import Config
from tlswitness.hooks import HookLoadFailed
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.hooks.supervisor.check import why_not
from tlswitness.service.translate import hooks_directory, module_specs

AT_ONCE = 4
"""Processes."""


async def what_does_not_load(config: Config) -> tuple[HookLoadFailed, ...]:
    """The modules that do not, and why, in the order of the configuration."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def tried(spec: ModuleSpec) -> HookLoadFailed | None:
        async with turns:
            home = hooks_directory(config) / spec.name
            why = await why_not(spec, journal=config.journal.directory, home=home)
        return HookLoadFailed(spec.name, spec.target, why) if why else None

    found = await asyncio.gather(*map(tried, module_specs(config)))
    return tuple(failed for failed in found if failed is not None)
