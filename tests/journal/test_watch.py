"""Waking when a directory changes."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tlswitness.journal import watch as module
from tlswitness.journal.watch import Change, Watch


@pytest.fixture(params=[True, False], ids=["inotify", "polling"])
def watched(request, tmp_path, monkeypatch):
    if not request.param:
        monkeypatch.setattr(module, "_inotify", lambda _: -1)
    watch = Watch(tmp_path)
    yield watch
    watch.close()
    watch.close()


def test_a_write_wakes(watched, tmp_path):
    file = (tmp_path / "a").open("wb", buffering=0)
    watched.wait(0)
    timer = threading.Timer(0.05, file.write, [b"x"])
    timer.start()
    began = time.monotonic()
    assert Change.SIZES in watched.wait(30)
    assert time.monotonic() - began < 20
    timer.join()
    file.close()


def test_a_new_name_is_told_apart(watched, tmp_path):
    (tmp_path / "a.new").touch()
    (tmp_path / "a.new").rename(tmp_path / "a")
    assert Change.NAMES in watched.wait(30)


def test_another_descriptor_wakes_too(watched):
    out, into = os.pipe()
    os.write(into, b"x")
    assert watched.wait(30, [out]) == Change.NOTHING
    os.close(out)
    os.close(into)


def test_now_and_then_one_looks_all_the_same(watched, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    assert watched.wait(30) == Change.ANYTHING
    assert watched.wait(0.001) == Change.NOTHING


def test_a_directory_that_is_not_there_is_polled(tmp_path):
    watch = Watch(tmp_path / "gone")
    assert watch.wait(30) == Change.ANYTHING
    watch.close()
