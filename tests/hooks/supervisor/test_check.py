"""Does it load?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.hooks.support import Hook, alive, until

from tlswitness.hooks.supervisor import check as module
from tlswitness.hooks.supervisor.check import why_not


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def core_smtp_tls_reporting(point): ...", ""),
        ("1/0", "ZeroDivisionError: division by zero at"),
        (
            "os.write(2, b'so long\\n'); os._exit(7)",
            "its process ended by itself with exit status 7; its last words: so",
        ),
        ("import ctypes; ctypes.string_at(0)", "its process died of SIGSEGV; its last words: Fatal Python error"),
        ("def core_smtp_tls_reporting(point): ...\ndef deinit(): os._exit(3)", "exit status 3"),
    ],
)
async def test_words(tmp_path: Path, code: str, words: str) -> None:
    spec = Hook(tmp_path).write(code).spec()
    found = await why_not(spec, journal=tmp_path, home=tmp_path)
    assert words in found if words else not found
    assert not (tmp_path / "lock").exists()


async def test_loading_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOAD_DEADLINE", 0.5)
    spec = Hook(tmp_path).write("time.sleep(60)").spec()
    assert await why_not(spec, journal=tmp_path, home=tmp_path) == (
        "its process was killed: loading took more than 0.5 s"
    )


async def test_whoever_stops_asking_leaves_no_process(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    spec = Hook(tmp_path).write(f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)").spec()
    asking = asyncio.create_task(why_not(spec, journal=tmp_path, home=tmp_path))
    await until(lambda: mark.exists() and mark.read_text())
    pid = int(mark.read_text())
    assert alive(pid)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not alive(pid)


async def test_no_process_to_be_had(tmp_path: Path) -> None:
    spec = Hook(tmp_path).write().spec(config="x" * 1_100_000)
    assert "no process can be started: the order" in await why_not(spec, journal=tmp_path, home=tmp_path)
