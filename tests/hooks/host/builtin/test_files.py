import json
import os

import pytest

from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host.builtin.files import JsonLines, PaniclogLines


def test_the_seeds_lines_to_the_byte(tmp_path, seed_points, paniclog_text):
    module = PaniclogLines(tmp_path / "log" / "paniclog")
    module.call_batch(seed_points)
    module.close()
    assert (tmp_path / "log/paniclog").read_text() == paniclog_text


def test_microseconds(tmp_path, seed_points, paniclog_text):
    module = PaniclogLines(tmp_path / "paniclog", microseconds=True)
    module.call_batch(seed_points)
    module.close()
    assert (tmp_path / "paniclog").read_text() == paniclog_text.replace(":scriptlet:", "000000:scriptlet:")


def test_a_full_paniclog_is_moved_aside(tmp_path, seed_points):
    module = PaniclogLines(tmp_path / "paniclog", most=100)
    module.call_batch(seed_points[:1])
    module.call_batch(seed_points[1:])
    module.close()
    assert (tmp_path / "paniclog.1").read_text().startswith("1746712864:")
    assert (tmp_path / "paniclog").read_text().startswith("1746719856:")


def test_json_lines(tmp_path, seed_points):
    path = tmp_path / "points.jsonl"
    path.write_text('{"epoch":1,"ty')  # a crash in the middle of a line
    module = JsonLines(path)
    module.open()
    module.call_batch(seed_points)
    module.call_batch(seed_points[:1])
    module.close()
    torn, *lines = path.read_text().splitlines()
    assert torn == '{"epoch":1,"ty'
    assert [json.loads(line)["epoch"] for line in lines] == [1746712864, 1746719856, 1746712864]
    assert lines[0] == seed_points[0][1].compact(1746712864)


@pytest.mark.parametrize("module", [JsonLines, PaniclogLines])
@pytest.mark.parametrize("fails", ["write", "fdatasync"])
def test_a_batch_that_is_not_on_the_disk_is_asked_for_again(tmp_path, seed_points, module, fails, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    writer = module(tmp_path / "file")
    with monkeypatch.context() as patch:
        patch.setattr(os, fails, full)
        with pytest.raises(Retry, match="No space left"):
            writer.call_batch(seed_points)
    writer.call_batch(seed_points)
    writer.close()
    lines = (tmp_path / "file").read_text().splitlines()
    once = 2 if module is JsonLines else 4
    assert len(lines) == (once if fails == "write" else 2 * once)
