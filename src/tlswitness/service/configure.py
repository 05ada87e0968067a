"""From the configuration to what the daemon is to do.

Separate from the daemon, which knows no options, so that a reload is nothing but a second call.
"""

from __future__ import annotations

from tlswitness.config import NOWHERE, Config, Loaded
from tlswitness.engine.translate import journal_settings
from tlswitness.service.settings import ServiceSettings
from tlswitness.service.translate import hooks_directory, module_specs


def service_settings(loaded: Loaded) -> ServiceSettings:
    """What a daemon with this configuration does."""
    config = loaded.config
    return ServiceSettings(
        state_dir=config.state_dir,
        journal=journal_settings(config),
        hooks=hooks_directory(config),
        modules=module_specs(config),
        socket=config.serve.status_socket,
        metrics=None if config.serve.metrics == NOWHERE else config.serve.metrics,
        drain=config.serve.drain,
        file=None if loaded.path is None else loaded.path.absolute(),
        warnings=(*loaded.warnings, *_unheard(config)),
    )


def _unheard(config: Config) -> list[str]:
    if config.journal.enabled or not config.hook:
        return []
    return ["`journal.enabled` is false: programs keep no journal, and the hooks hear nothing of them"]
