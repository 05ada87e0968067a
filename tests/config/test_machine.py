import resource
from pathlib import Path

import pytest

from tlswitness.config import machine
from tlswitness.config.place import EhloName


@pytest.mark.parametrize(
    ("environ", "uid", "expected"),
    [
        ({"HOME": "/home/x", "XDG_STATE_HOME": "/s"}, 0, "/var/lib/tlswitness"),
        ({"HOME": "/home/x", "XDG_STATE_HOME": "/s"}, 1000, "/s/tlswitness"),
        ({"HOME": "/home/x", "XDG_STATE_HOME": "relative"}, 1000, "/home/x/.local/state/tlswitness"),
        ({"HOME": "/home/x"}, 1000, "/home/x/.local/state/tlswitness"),
        ({}, 1000, "/var/lib/tlswitness"),
    ],
)
def test_state_dir(environ, uid, expected):
    assert machine.state_dir(environ, uid) == Path(expected)


def test_config_file(tmp_path):
    system = tmp_path / "tlswitness.toml"
    assert machine.config_file({}, system) is None
    system.touch()
    assert machine.config_file({}, system) == system
    assert machine.config_file({"TLSWITNESS_CONFIG": "/other"}, system) == Path("/other")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("mail.example.com",), "mail.example.com"),
        (("mail", "mail.example.com"), "mail.example.com"),
        (("mail", "localhost.localdomain"), None),
        (("a..b", "mail.local"), None),
        (("192.0.2.1",), None),
    ],
)
@pytest.mark.rfc(5321, "4.1.4")
def test_ehlo_name(monkeypatch, names, expected):
    monkeypatch.setattr(machine, "_names_of_machine", lambda: names)
    name = machine.ehlo_name.__wrapped__()
    assert name == expected if expected else name.startswith("[")
    assert EhloName().read(name) == name


@pytest.mark.parametrize(
    ("files", "destinations", "connections"),
    [
        (1024, 102, 256),
        (64, 6, 16),
        (3, 1, 1),
        (1 << 20, machine.MAX_DESTINATIONS, machine.MAX_CONNECTIONS),
        (resource.RLIM_INFINITY, machine.MAX_DESTINATIONS, machine.MAX_CONNECTIONS),
    ],
)
def test_what_the_limit_of_files_allows(monkeypatch, files, destinations, connections):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert (machine.destinations_at_once(), machine.connections_at_once()) == (destinations, connections)
