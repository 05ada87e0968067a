"""Scripts in a file of their own, loaded, with what they printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlswitness.datapoint import SEED_VIEW, DataPoint, Finding, decode
from tlswitness.hooks import HookLoadFailed
from tlswitness.hooks.host.lua import load
from tlswitness.hooks.host.lua.callee import LuaCallee
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec

DATA = Path(__file__).parents[3] / "data"
EPOCH = 1746719856
FAILURE = (
    '{"epoch":0,"type":0,"policy":{"policy-type":"sts","policy-domain":"mismatch.cert.com","policy-string":'
    '["version: STSv1","mode: enforce","mx: test.bird.com","max_age: 86400"]},'
    '"result-type":"certificate-host-mismatch","sending-mta-ip":"127.0.0.1","receiving-ip":"127.0.0.1"}'
)


class Script:
    """A loaded script."""

    def __init__(self, callee: LuaCallee, printed: list[str]) -> None:
        self.callee = callee
        self.printed = printed

    def __call__(self, text: str = FAILURE, epoch: int = EPOCH) -> Any:
        return self.callee.call(epoch, finding_of(text))


def finding_of(text: str) -> Finding:
    point = decode(text)
    assert isinstance(point, DataPoint), point
    return Finding(point)


@pytest.fixture
def finding() -> Finding:
    return finding_of(FAILURE)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., ModuleSpec]:
    """The configuration of a script with the given code."""

    def make(code: str | bytes, *, memory: int = 64, allow: tuple[str, ...] = ()) -> ModuleSpec:
        path = tmp_path / "tlsrpt.lua"
        path.write_bytes(code if isinstance(code, bytes) else code.encode())
        limits = ModuleLimits(memory=memory)
        return ModuleSpec(name="t", kind=Kind.LUA, target=str(path), view=SEED_VIEW, limits=limits, allow=allow)

    return make


@pytest.fixture
def failing(spec: Callable[..., ModuleSpec]) -> Callable[..., str]:
    """Why a script does not load."""

    def make(code: str | bytes, **options: Any) -> str:
        limits = {name: options.pop(name) for name in ("max_instructions", "max_seconds") if name in options}
        failed = load(spec(code, **options), lambda text: None, **limits)
        assert isinstance(failed, HookLoadFailed)
        return failed.reason

    return make


@pytest.fixture
def whole(spec: Callable[..., ModuleSpec]) -> Callable[..., Script]:
    """A whole script, loaded."""

    def make(code: str | bytes, **options: Any) -> Script:
        limits = {name: options.pop(name) for name in ("max_instructions", "max_seconds") if name in options}
        printed: list[str] = []
        printer = options.pop("printer", printed.append)
        callee = load(spec(code, **options), printer, **limits)
        assert isinstance(callee, LuaCallee), callee
        return Script(callee, printed)

    return make


@pytest.fixture
def hook(whole: Callable[..., Script]) -> Callable[..., Script]:
    """A script whose hook has the given body; `js` is the point."""

    def make(body: str, before: str = "", **options: Any) -> Script:
        code = f"{before}\nlocal mod = {{}}\nfunction mod:core_smtp_tls_reporting(js)\n{body}\nend\n"
        return whole(f'{code}msys.registerModule("t", mod)', **options)

    return make
