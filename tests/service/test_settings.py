from dataclasses import replace
from pathlib import Path

import pytest

from tlswitness.config import Endpoint
from tlswitness.datapoint import View
from tlswitness.hooks.spec import Kind, ModuleSpec
from tlswitness.journal import Fsync, JournalSettings
from tlswitness.service.settings import ServiceSettings, applied, needs_restart

OLD = ServiceSettings(
    state_dir=Path("/a"),
    journal=JournalSettings(directory=Path("/a/journal")),
    hooks=Path("/a/hooks"),
    socket=Path("/a/sock"),
    metrics=Endpoint("127.0.0.1", 1),
)
MODULE = ModuleSpec(name="told", kind=Kind.PYTHON, target="told.py", view=View())


def test_what_can_change_while_it_runs():
    new = replace(OLD, drain=1.0, modules=(MODULE,), journal=replace(OLD.journal, keep_seconds=5.0, max_bytes=7))
    assert needs_restart(OLD, new) == ()
    assert applied(OLD, new) == new


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state_dir": Path("/b")}, "state_dir"),
        ({"socket": Path("/b")}, "socket"),
        ({"metrics": None}, "metrics"),
        ({"journal": JournalSettings(directory=Path("/b"))}, "journal directory"),
        ({"journal": replace(OLD.journal, fsync=Fsync.ALWAYS)}, "journal fsync"),
    ],
)
def test_what_cannot(change, words):
    new = replace(OLD, drain=1.0, **change)
    assert needs_restart(OLD, new) == (words,)
    assert applied(OLD, new) == replace(OLD, drain=1.0)
