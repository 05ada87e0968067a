"""Modules in C for tests: sources, a compiler, and the host in a process of its own.

Separate because a module in C takes over its process: descriptor 1, and when it crashes, all of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tlswitness.hooks.host.native.headers import include_dir
from tlswitness.hooks.host.native.jsonc import SONAME
from tools import debian

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hooks/core/smtp_tls_reporting.h"
extern const char *json_object_to_json_string_ext(struct json_object *, int);
extern struct json_object *json_object_object_get(const struct json_object *, const char *);
extern long json_object_get_int64(const struct json_object *);
#define EPOCH(json) json_object_get_int64(json_object_object_get(json, TLSRPT_JSON_EPOCH))
"""
"""What every source of a test begins with; json-c's own headers are not needed."""


def hook(body: str) -> str:
    """The source of a module whose function does this; `closure` and `json` are at hand."""
    return (
        f"int core_smtp_tls_reporting(void *closure, struct json_object *json) {{ (void)closure; (void)json; {body} }}"
    )


ECHO = hook('printf("%s\\n", json_object_to_json_string_ext(json, 1)); return 0;')
"""Prints each point as json-c writes it (JSON_C_TO_STRING_SPACED)."""
EMPTY = hook("return 0;")
SEGFAULT = hook("if (EPOCH(json) % 1000 == 0) *(volatile int *)0 = 1; return 0;")
"""These four do it on each point whose epoch ends in 000."""
ABORT = hook("if (EPOCH(json) % 1000 == 0) abort(); return 0;")
EXIT = hook("if (EPOCH(json) % 1000 == 0) exit(3); return 0;")
ENDLESS = hook("if (EPOCH(json) % 1000 == 0) for (;;) pause(); return 0;")
CORRUPT = hook(
    "if (EPOCH(json) % 1000 == 0) { char *p = malloc(24); memset(p - 64, 255, 4096); free(p); abort(); } return 0;"
)
"""Writes over the heap; what comes of it is not always the same, but the process does not live."""
HOGGING = hook("for (;;) { char *p = malloc(1 << 20); if (!p) abort(); memset(p, 1, 1 << 20); }")
"""Allocates without end."""


def compiler(name: str = "cc") -> str:
    """The path of a compiler; skips where there is none."""
    return shutil.which(name) or pytest.skip(f"needs: {name}, a C compiler")


def jsonc_flags() -> list[str]:
    """How to link with json-c's runtime library; skips where this machine has none that can be loaded."""
    try:
        ctypes.CDLL(SONAME)
    except OSError:
        pytest.skip("needs: libjson-c (Debian's package is libjson-c5)")
    return [f"-l:{SONAME}"]


def jsonc_include() -> list[str]:
    """Where json-c's headers are: the machine's, else the tests' own."""
    if Path("/usr/include/json-c/json.h").exists():
        return []
    unpacked = debian.tree() / "usr" / "include"
    if not (unpacked / "json-c" / "json.h").exists():
        pytest.skip("needs: libjson-c-dev (`python -m tools.debian` fetches it, and installs nothing)")
    return [f"-I{unpacked}"]


def build(source: str, path: Path, *flags: str, link: bool = True, head: str = HEAD) -> Path:
    """The shared object at `path` made of `source`. AssertionError with the compiler's words if it does not compile."""
    libraries = jsonc_flags() if link else []
    text = path.with_suffix(".c")
    text.write_text(head + source)
    command = [compiler(), "-O1", "-w", "-fPIC", "-shared", f"-I{include_dir()}", "-o", str(path), str(text)]
    done = subprocess.run([*command, *libraries, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


class Host:
    """The native host in a process of its own, with one module."""

    def __init__(self, target: str | Path, config: str = "", cwd: Path = ROOT, environ: dict[str, str] | None = None):
        order = json.dumps({"target": str(target), "config": config, "root": str(ROOT)})
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("native_child.py")), order],
            cwd=cwd,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.hello = self._answer()

    @property
    def failed(self) -> str:
        """Why the module was not loaded."""
        return str(self.hello["failed"])

    def call(self, epoch: int, text: str) -> Any:
        """The answer and what was printed; `text` is the finding's. None if the process has died."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"epoch": epoch, "text": text}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> Any:
        """What was printed at the end; `after` is what the process's own descriptor 1 got then."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def lines(answers: Sequence[Any]) -> list[str]:
    """All that was printed."""
    return [line for answer in answers for line in answer["printed"]]
