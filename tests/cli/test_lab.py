import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tlswitness import lab
from tlswitness.cli import main
from tlswitness.cli.status import Status
from tlswitness.lab import choose

PANICLOG = Path(__file__).parents[1] / "data" / "momentum_paniclog.txt"


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """The lab's files where they can be seen to be gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def run(capsys, *args: str) -> tuple[int, str, str]:
    status = main(["lab", *args])
    return status, *capsys.readouterr()


def test_a_story(capsys, quiet):
    status, out, err = run(capsys, "--scenario", "C3/none", "--scenario", "c13*")
    assert (status, err) == (Status.OK, "")
    lines = out.splitlines()
    assert "C3  EHLO offers no STARTTLS  RFC 8460 section 4.3.1" in lines
    assert lines[-1] == "Every scenario ended as its cell of the decision table says."
    assert max(map(len, lines)) <= 80
    assert list(quiet.iterdir()) == []


def test_json(capsys):
    status, out, err = run(capsys, "--scenario", "D4/enforce", "--scenario", "D9/none", "--json")
    assert (status, err) == (Status.OK, "")
    mismatch, missing = json.loads(out)
    assert (mismatch["scenario"], mismatch["as-expected"]) == ("D4/enforce", True)
    assert mismatch["points"][0]["result-type"] == "certificate-host-mismatch"
    assert missing["not-shown"]


def test_json_members_are_documented(capsys):
    _, out, _ = run(capsys, "--scenario", "D9/none", "--json")
    _, help_text, _ = run(capsys, "--help")
    (one,) = json.loads(out)
    assert all(member in help_text for member in one)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_difference_is_a_no(capsys, monkeypatch, form):
    (cell,) = choose(["D1/none"])
    monkeypatch.setattr(lab, "choose", lambda _: (replace(cell, points=()),))
    status, out, _ = run(capsys, *form)
    assert status == Status.NO
    assert "a data point too many: no-policy-found success" in out


def test_list(capsys):
    status, out, _ = run(capsys, "--list")
    assert status == Status.OK
    assert "  D9/dane     DANE-EE (3 1 1)" in out.splitlines()
    status, out, _ = run(capsys, "--list", "--json", "--scenario", "C15")
    assert [one["scenario"] for one in json.loads(out)] == [cell.id for cell in choose(["C15"])]


def test_seed(capsys):
    status, out, _ = run(capsys, "--seed")
    assert status == Status.OK
    assert out.splitlines() == [line for line in PANICLOG.read_text("utf-8").splitlines() if "{" in line]
    _, out, _ = run(capsys, "--seed", "--json")
    assert [point["type"] for point in json.loads(out)] == [1, 0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--scenario", "C3/enforced"], "did you mean C3/enforce"),
        (["--list", "--serve"], "choose one"),
        (["--seed", "--scenario", "C3"], "does not go with it"),
        (["--ports", "1,2,3"], "--ports goes with --serve"),
        (["--serve", "--ports", "1,2"], "'1,2' is not three numbers"),
        (["--serve", "--ports", "1,2,70000"], "a port is a number from 1 to 65535"),
        (["--serve", "--scenario", "A1/cache"], "none of this can be served"),
    ],
)
def test_wrong_usage(capsys, args, words):
    status, _, err = run(capsys, *args)
    assert status == Status.USAGE
    assert words in err


@pytest.fixture
def ports():
    """Three that nobody has, and that no outgoing connection will take, as the option wants them."""
    found = []
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("", port)):
            found.append(str(port))
    return ",".join(found[:3])


def test_a_port_that_is_taken(capsys, ports, quiet):
    dns = int(ports.partition(",")[0])
    with socket.create_server(("127.0.0.1", dns)):
        status, _, err = run(capsys, "--serve", "--ports", ports)
    assert status == Status.UNAVAILABLE
    assert f"cannot listen for DNS on 127.0.0.1 port {dns}: Address already in use" in err
    assert list(quiet.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form", ["words", "json"])
async def test_served_until_interrupted(ports, quiet, number, form):
    args = ["lab", "--serve", "--ports", ports, "--scenario", "C3/none", *(["--json"] if form == "json" else [])]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tlswitness", *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        told = b""
        last = b"\n}" if form == "json" else b"forward-addr"
        while last not in told:
            told += await child.stdout.readuntil(b"\n")
        smtp = int(ports.split(",")[1])
        reader, writer = await asyncio.open_connection("127.15.0.3", smtp)
        assert (await reader.readline()).startswith(b"220 mx.c3-none.test")
    finally:
        child.send_signal(number)
        rest, err = await child.communicate()
    writer.close()
    assert (child.returncode, err) == (Status.OK, b"")
    assert list(quiet.iterdir()) == []
    if form == "json":
        assert json.loads(told + rest)["domains"][0]["mx"][0]["address"] == "127.15.0.3"


def test_an_interrupted_run_leaves_nothing(quiet):
    child = subprocess.Popen(
        [sys.executable, "-m", "tlswitness", "lab", "--scenario", "C10"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(quiet.glob("*/ca.pem")):
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err.strip()) == (Status.INTERRUPTED, "", "interrupted")
    assert list(quiet.iterdir()) == []
