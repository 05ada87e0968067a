"""A real `tlswitness serve` beside those who deliver, with five modules that behave, or five that do not.

Separate because it is a process with processes of its own, and code of others that is meant to do harm.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tlswitness.hooks.contract import HOOK
from tlswitness.hooks.supervisor import ModuleSnapshot, State
from tlswitness.service.ask import NoDaemon, ask

POINT = 1000
"""On which the module in C dies, until it is put to the dead letters."""
PATIENCE = 60.0
"""Seconds for the daemon to start or to end."""

_C = """
#include <fcntl.h>
#include <unistd.h>
struct json_object;
static int kept = -1;
int tlswitness_module_init(void **closure, const char *config)
{{
    kept = open(config, O_RDWR | O_CREAT, 0600);
    return kept < 0;
}}
int {hook}(void *closure, struct json_object *json)
{{
    long calls = 0;
    if (pread(kept, &calls, sizeof calls, 0) < 0) return 1;
    calls++;
    if (pwrite(kept, &calls, sizeof calls, 0) < 0) return 1;
    if (calls >= {point} && calls < {point} + 3) *(volatile int *)0 = 1;
    return 0;
}}
"""
"""Counts its calls in a file: the three processes that are told the point all die of it."""
_PYTHON = f"def {HOOK}(point):\n    "
_LUA = f'require("msys.core")\nlocal mod = {{}}\nfunction mod:{HOOK}(js) %s end\nmsys.registerModule("lua", mod)\n'

Modules = Mapping[str, tuple[str, str]]
"""By name: what the file's name ends in, and its text."""

HARMLESS: Modules = {
    "c": (".c", f"struct json_object; int {HOOK}(void *closure, struct json_object *json) {{ return 0; }}"),
    "lua": (".lua", _LUA % ""),
    "python-1": (".py", _PYTHON + "pass\n"),
    "python-2": (".py", _PYTHON + "pass\n"),
    "python-3": (".py", _PYTHON + "pass\n"),
}
HARMFUL: Modules = {
    "null": (".c", _C.format(hook=HOOK, point=POINT)),
    "endless": (".lua", _LUA % "while true do end"),
    "sleeping": (".py", "import time\n" + _PYTHON + "time.sleep(10)\n"),
    "hog": (".py", "hoard = []\n" + _PYTHON + "while True: hoard.append(bytearray(1 << 20))\n"),
    "exiting": (".py", "import sys\n" + _PYTHON + "sys.exit(3)\n"),
}


class Daemon:
    """One that runs."""

    def __init__(self, state: Path) -> None:
        self._socket = state / "status.sock"

    def modules(self) -> tuple[ModuleSnapshot, ...]:
        """How each is; none while it does not answer."""
        answer = ask(self._socket)
        return () if isinstance(answer, NoDaemon) else tuple(module.now for module in answer.modules)

    def all_run(self) -> bool:
        found = self.modules()
        return bool(found) and all(module.state is State.RUNNING for module in found)


def made(modules: Modules, directory: Path, options: str = "") -> str:
    """The tables of the configuration for `modules`, whose files are written to `directory`."""
    tables = []
    for name, (ending, text) in modules.items():
        file = directory / (name + ending)
        file.write_text(text)
        kind, more = {".py": "python", ".lua": "lua", ".c": "c"}[ending], ""
        if kind == "c":
            source, file = file, file.with_suffix(".so")
            subprocess.run(["cc", "-O2", "-w", "-shared", "-fPIC", "-o", file, source], check=True)
            more = f'config = "{directory / name}.count"\n'
        tables.append(f'[[hook]]\nname = "{name}"\n{kind} = "{file}"\n{more}{options}')
    return "".join(tables)


@contextmanager
def serving(state: Path, modules: Modules, options: str = "") -> Iterator[Daemon]:
    """On the journal of `state`; its modules begin at the points to come, and have the defaults but for `options`."""
    directory = state.parent / f"{state.name}-serve"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(state / "hooks", ignore_errors=True)
    directory.mkdir()
    file = directory / "tlswitness.toml"
    file.write_text(f'state_dir = "{state}"\n[serve]\nmetrics = ""\ndrain = 0\n{made(modules, directory, options)}')
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tlswitness", "serve", "--config", file],
            stdout=log,
            stderr=log,
            start_new_session=True,  # as a service has one
        )
    try:
        daemon = Daemon(state)
        until(lambda: daemon.all_run() or process.poll() is not None, "the daemon has not started")
        if process.poll() is not None:
            raise RuntimeError((directory / "log").read_text())
        yield daemon
    finally:
        for _ in range(2):  # once more: now
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(true: Callable[[], bool], what: str) -> None:
    """Raises TimeoutError where it does not come."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)
