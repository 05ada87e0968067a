"""Points told to an empty hook in C by its host, beside the plain call of the same function with an object kept."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bench_datapoint import POINT
from bench.measure import Comparison, Contender, Pace, Sample, race, rate
from tlswitness.datapoint import SEED_VIEW, DataPointError, Finding, decode
from tlswitness.hooks import HookLoadFailed
from tlswitness.hooks.contract import HOOK
from tlswitness.hooks.host.callee import Callee
from tlswitness.hooks.host.native import load
from tlswitness.hooks.host.native.jsonc import open_jsonc
from tlswitness.hooks.spec import Kind, ModuleSpec

SOURCE = f"struct json_object; int {HOOK}(void *closure, struct json_object *json) {{ return closure == json; }}"
WANTED = 200_000
AT_ONCE = 1000


def bench(pace: Pace) -> Iterator[Comparison]:
    compiler = shutil.which("cc")
    if compiler is None:
        yield Comparison("points told to a hook in C", "/s", (), notes=("needs: cc, a C compiler",))
        return
    with tempfile.TemporaryDirectory() as work:
        source, target = Path(work, "empty.c"), Path(work, "empty.so")
        source.write_text(SOURCE)
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", target, source], check=True)
        yield race(
            "points told to a hook in C",
            "/s",
            [
                Contender("the host", lambda: _in_a_thread(lambda: _host(target, pace))),
                Contender("a plain call", lambda: _plain(target, pace)),
            ],
            [("the host", "a plain call", None)],
            pace.rounds,
            notes=[f"wanted of the host: {WANTED:,}/s; it writes the point, json-c reads it and frees it"],
        )


def _host(target: Path, pace: Pace) -> Sample:
    """A point of another second each time."""
    spec = ModuleSpec(name="empty", kind=Kind.C, target=str(target), view=SEED_VIEW)
    callee = load(spec, lambda _: None)
    if isinstance(callee, HookLoadFailed):
        raise RuntimeError(str(callee))  # noqa: TRY004 - it is an outcome, no wrong argument
    finding = _finding()
    try:
        return rate(lambda: _told(callee, finding), pace.seconds / 2, of=AT_ONCE)
    finally:
        callee.close()


def _told(callee: Callee, finding: Finding) -> None:
    call = callee.call
    for epoch in range(1746712864, 1746712864 + AT_ONCE):
        call(epoch, finding)


def _plain(target: Path, pace: Pace) -> Sample:
    jsonc = open_jsonc()
    if isinstance(jsonc, str):
        raise RuntimeError(jsonc)  # noqa: TRY004 - as above
    hook = getattr(ctypes.CDLL(str(target)), HOOK)
    hook.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    kept = jsonc.parse(_finding().compact(1746712864).encode())

    def calls() -> None:
        for _ in range(AT_ONCE):
            hook(None, kept)

    try:
        return rate(calls, pace.seconds / 2, of=AT_ONCE)
    finally:
        jsonc.put(kept)
        jsonc.close()


def _finding() -> Finding:
    point = decode(POINT)
    assert not isinstance(point, DataPointError)
    return Finding(point)


def _in_a_thread(run: Callable[[], Sample]) -> Sample:
    found: list[Sample] = []
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    return found[0]
