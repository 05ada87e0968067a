"""What `tlswitness serve` does when its words are understood.

Separate from the command for the same reasons as `check_run`.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from tlswitness.cli import logs
from tlswitness.cli.common import complain
from tlswitness.cli.running import may_use_state
from tlswitness.cli.status import Status
from tlswitness.config import Loaded, LogConfig, load_config
from tlswitness.journal import DirectoryBusy
from tlswitness.service.configure import service_settings
from tlswitness.service.daemon import Daemon
from tlswitness.service.settings import ServiceSettings
from tlswitness.service.socket import SocketLive


def run_serve(loaded: Loaded) -> int:
    """Run until it is told to end; the exit status. Raises `Exit` as `running`."""
    may_use_state(loaded.config)
    with ExitStack() as stack:
        source = _Source(loaded, stack)
        try:
            return asyncio.run(_served(source))
        except (DirectoryBusy, SocketLive) as error:
            complain(f"cannot start: {error}")
            return Status.TEMPFAIL
        except OSError as error:
            complain(f"cannot start: {error}")
            return Status.IO


async def _served(source: _Source) -> int:
    daemon = Daemon(service_settings(source.loaded), source.load, on_reload=source.hold)
    return await daemon.run()


class _Source:
    """The configuration, read anew, and the log as it says."""

    def __init__(self, loaded: Loaded, stack: ExitStack) -> None:
        self.loaded = loaded
        self._stack = stack
        self._shown: LogConfig | None = None
        self.hold()

    def load(self) -> ServiceSettings:
        """Raises ConfigError, OSError."""
        self.loaded = load_config(self.loaded.path)
        return service_settings(self.loaded)

    def hold(self) -> None:
        """Log as it was loaded last."""
        config = self.loaded.config.log
        if config != self._shown:
            self._stack.close()
            self._stack.enter_context(logs.shown(config))
            self._shown = config
