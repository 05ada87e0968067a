"""From the configuration to the specs of its modules.

Separate from the daemon, which knows no options; and from the engine's own, which knows no modules' processes.
"""

from __future__ import annotations

from pathlib import Path

from tlswitness.config import Config, HookConfig
from tlswitness.datapoint import Members, Sessions, View
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec, Start

PRINTED = (Kind.PYTHON, Kind.LUA, Kind.C)
"""Those that print; ours do not."""


def hooks_directory(config: Config) -> Path:
    """What has a directory for each module, where its progress is, its dead letters, and what it printed."""
    return config.state_dir / "hooks"


def module_specs(config: Config) -> tuple[ModuleSpec, ...]:
    """All modules that the configuration names, in its order."""
    return tuple(_spec(hook, hooks_directory(config)) for hook in config.hook)


def _spec(hook: HookConfig, directory: Path) -> ModuleSpec:
    kind = Kind(hook.kind)
    name = hook.name or hook.default_name
    output = str(hook.output or directory / name / "paniclog") if kind in PRINTED else ""
    return ModuleSpec(
        name=name,
        kind=kind,
        target=hook.target,
        view=View(Members(hook.members), Sessions(hook.sessions)),
        start=Start(hook.start),
        limits=ModuleLimits(budget=hook.budget, deadline=hook.deadline, memory=hook.memory, nice=hook.nice),
        config=hook.config,
        allow=tuple(word.value for word in hook.allow),
        output=output,
        microseconds=hook.microseconds,
        batch=hook.batch,
        headers=hook.headers,
    )
