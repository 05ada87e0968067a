import pytest

from tlswitness.datapoint import View
from tlswitness.hooks import HookLoadFailed
from tlswitness.hooks.host.builtin import load
from tlswitness.hooks.spec import Kind, ModuleSpec


def spec(kind, target):
    return ModuleSpec(name="x", kind=kind, target=str(target), view=View(), batch=7)


@pytest.mark.parametrize("kind", [Kind.PANICLOG, Kind.JSONL])
def test_files(tmp_path, kind, seed_points):
    module = load(spec(kind, tmp_path / "d" / "file"), print)
    assert not isinstance(module, HookLoadFailed)
    assert (tmp_path / "d" / "file").exists()
    module.call_batch(seed_points[: module.batch])
    module.close()
    assert (tmp_path / "d" / "file").stat().st_size


@pytest.mark.parametrize("kind", [Kind.PANICLOG, Kind.JSONL])
def test_files_that_cannot_be(tmp_path, kind):
    failed = load(spec(kind, tmp_path), print)
    assert isinstance(failed, HookLoadFailed)
    assert "cannot be written: Is a directory" in str(failed)


def test_a_webhook():
    module = load(spec(Kind.WEBHOOK, "https://[::1]:8/x?y"), print)
    assert not isinstance(module, HookLoadFailed)
    assert module.batch == 7
    module.close()


@pytest.mark.parametrize("target", ["ftp://x/", "https:///x", "x", "https://x:0/", "https://x:abc/", "http://[::1"])
def test_what_is_no_webhook(target):
    assert isinstance(load(spec(Kind.WEBHOOK, target), print), HookLoadFailed)


def test_what_is_not_ours():
    assert "not one of ours" in str(load(spec(Kind.LUA, "x.lua"), print))
