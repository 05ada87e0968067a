import os
import secrets
import socket

import pytest

from tlswitness.service.notify import MAX_WORDS, Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's socket, and what NOTIFY_SOCKET says."""
    name = secrets.token_hex(8)
    named = str(tmp_path / "notify") if request.param == "path" else f"@tlswitness-{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(named.replace("@", "\0", 1) if named.startswith("@") else named)
        sock.settimeout(5)
        yield sock, named


def test_what_is_said(manager):
    sock, named = manager
    notifier = Notifier({"NOTIFY_SOCKET": named})
    notifier.ready("2 modules,\nall well")
    assert sock.recv(1000) == b"READY=1\nSTATUS=2 modules, all well"
    notifier.reloading()
    first, second = sock.recv(1000).decode().split("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert int(second.partition("=")[2]) > 0
    notifier.ready()
    assert sock.recv(1000) == b"READY=1"
    notifier.status("x" * 10_000)
    assert sock.recv(1000) == b"STATUS=" + b"x" * MAX_WORDS
    notifier.alive()
    assert sock.recv(1000) == b"WATCHDOG=1"
    notifier.stopping()
    assert sock.recv(1000) == b"STOPPING=1"


@pytest.mark.parametrize("named", ["", "/nowhere/notify", "@tlswitness-nobody", "@", "vsock:2:1", "relative"])
def test_nobody_is_there(named):
    Notifier({"NOTIFY_SOCKET": named}).ready("well")


def test_a_manager_that_does_not_read_stops_nobody(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(5000):
            notifier.alive()


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog(env, seconds):
    assert Notifier({"NOTIFY_SOCKET": "@x"} | env).watchdog == seconds
    assert Notifier(env).watchdog is None, "nobody to be told"
