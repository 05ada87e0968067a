import json

import pytest
from tests.service.support import module, status

from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.service.status import MAX_LAG, MIN_FREE, Held, Reload, decode, encode

WELL = status(
    module(),
    module("later", state=State.RETRYING, lag=MAX_LAG),
    journal={"free": MIN_FREE, "oldest": 5.0},
    reload=Reload(at=1.0, applied=True, changes=("told started",)),
    held=(Held(name="gone", until=9.0),),
)


def test_it_travels_on_one_line():
    octets = encode(WELL)
    assert b"\n" not in octets
    assert decode(octets) == WELL


def test_who_is_newer_or_older_is_understood():
    members = json.loads(encode(WELL))
    members["to-come"] = 1
    members["journal"]["to-come"] = 1
    del members["held"], members["journal"]["torn"]
    assert decode(json.dumps(members).encode()).modules == WELL.modules


@pytest.mark.parametrize("octets", [b"", b"[]", b"{}", b'{"version": 1}', b"\xff"])
def test_what_is_none(octets):
    with pytest.raises(ValueError):
        decode(octets)


def test_all_is_well():
    assert list(WELL.troubles()) == []


@pytest.mark.parametrize(
    ("sick", "words"),
    [
        (status(module(state=State.FAILED, refused="no such file")), "hook told does not load: no such file"),
        (
            status(module(refused="no such file")),
            "hook told: its new version does not load, the old one goes on: no such file",
        ),
        (
            status(module(state=State.BACKING_OFF, last_death="died of SIGSEGV")),
            "hook told is being started again: died of SIGSEGV",
        ),
        (status(module(lag=61.0, behind=700)), "hook told is 61 s behind, 700 octets of the journal"),
        (status(module(missed=9)), "hook told was never told 9 octets of the journal: they were removed"),
        (status(journal={"failing": "disk full"}), "the journal: disk full"),
        (status(journal={"dropped": 3}), "3 data points were lost: the journal could not take them"),
        (
            status(journal={"damaged": 2}),
            "the journal has damaged lines (2); `tlswitness journal verify` tells where",
        ),
        (status(journal={"free": 3 << 20}), "only 3 MiB are free on the disk of the journal"),
        (status(reload=Reload(at=1.0, applied=False, problems=("line 3: no",))), "the last reload: line 3: no"),
        (
            status(reload=Reload(at=1.0, applied=True, needs_restart=("state_dir", "socket"))),
            "changed, but only a restart makes it so: state_dir, socket",
        ),
        (status(faults=("no metrics",)), "no metrics"),
    ],
)
def test_what_is_wrong_is_said(sick, words):
    assert list(sick.troubles()) == [words]
    assert list(decode(encode(sick)).troubles()) == [words]
