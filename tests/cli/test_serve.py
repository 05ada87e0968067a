"""`tlswitness serve` as it is started, in a process of its own, with modules in theirs."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.journal.support import entries

from tlswitness import decode, lab
from tlswitness.cli import main
from tlswitness.cli.status import Status
from tlswitness.config import load_config
from tlswitness.delivery.outcome import Delivered
from tlswitness.engine import Engine
from tlswitness.engine.translate import journal_settings
from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.journal import Fsync, JournalSettings, WriteFailed, Writer, new_chain
from tlswitness.lab.directions import configuration
from tlswitness.lab.fakes import until
from tlswitness.service.ask import NoDaemon, ask

MESSAGE = b"From: me@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"
MODULE = """
import os, time
def core_smtp_tls_reporting(point):
    line = f"{{time.time()}} {{point.epoch}} {{point.policy.policy_domain}}\\n".encode()
    out = os.open({told!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, line)
    os.close(out)
"""


class Machine:
    """A configuration, and daemons that are started with it."""

    def __init__(self, directory):
        self.directory = directory
        self.file = directory / "tlswitness.toml"
        self.socket = directory / "state" / "status.sock"
        self.logs = 0
        self.configure("told")

    def configure(self, *modules, more="", **options):
        """Modules by name, and what else stands in the file."""
        text = f'state_dir = "{self.directory / "state"}"\n{more}[serve]\nmetrics = ""\n'
        text += "".join(f"{key} = {value}\n" for key, value in options.items())
        for name in modules:
            file = self.directory / f"{name}.py"
            if not file.exists():
                file.write_text(MODULE.format(told=str(self.directory / f"{name}.txt")))
            text += f'[[hook]]\npython = "{file}"\n'
        self.file.write_text(text)

    @property
    def config(self):
        return load_config(self.file).config

    def told(self, name="told"):
        """When the module was called, and what it was told."""
        file = self.directory / f"{name}.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(float(when), f"{epoch} {domain}") for when, epoch, domain in map(str.split, lines)]

    def write(self, numbers):
        writer = Writer(journal_settings(self.config), new_chain("test"))
        writer.append(entries(numbers))
        writer.close()

    def start(self, **env):
        log = (self.directory / f"log{self.logs}").open("wb")
        with log:
            self.logs += 1
            return subprocess.Popen(
                [sys.executable, "-m", "tlswitness", "serve", "--config", str(self.file)],
                stdout=log,
                stderr=log,
                env=os.environ | env,
            )

    def log(self):
        return (self.directory / f"log{self.logs - 1}").read_text()

    @contextmanager
    def running(self):
        process = self.start()
        try:
            self.until(lambda: self.all_run() or process.poll() is not None)
            yield process
        finally:
            process.kill()
            process.wait()

    def status(self):
        return ask(self.socket)

    def all_run(self):
        status = self.status()
        return not isinstance(status, NoDaemon) and all(module.now.state is State.RUNNING for module in status.modules)

    def until(self, holds, seconds=30.0):
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.delenv("TLSWITNESS_CONFIG", raising=False)
    return Machine(tmp_path)


async def test_a_delivery_is_told_to_the_module(machine, stage):
    """From `deliver()` in this process, through the journal, to the call in the module's process."""
    staged = await stage("S6-6/sts")
    config = replace(staged.config, journal=machine.config.journal)
    made = []
    with machine.running() as process:
        hooks = [lambda _: made.append(time.time())]
        async with Engine(config, hooks=hooks, surroundings=staged.surroundings) as engine:
            for _ in range(20):
                before = len(machine.told())
                outcome = await engine.deliver(staged.message, staged.envelope)
                assert isinstance(outcome.recipients[0], Delivered), outcome
                await until(lambda already=before: len(machine.told()) > already)
        assert machine.told()[0][1].endswith(staged.site.domain)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    took = sorted(called - point for point, (called, _) in zip(made, machine.told(), strict=True))
    print(f"point to call: median {took[10] * 1e3:.1f} ms, worst {took[-1] * 1e3:.1f} ms")  # noqa: T201 - `pytest -rP`
    assert took[10] < 1.0, took


def test_reloads(machine):
    with machine.running() as process:
        pid = machine.status().modules[0].now.pid
        machine.configure("told", "more", drain=1)
        process.send_signal(signal.SIGHUP)
        machine.until(lambda: len(machine.status().modules) == 2 and machine.all_run())
        machine.write(range(3))
        machine.until(lambda: len(machine.told()) == len(machine.told("more")) == 3)
        assert machine.status().modules[0].now.pid == pid, "it had not changed"

        machine.file.write_text(machine.file.read_text() + "[[hook]]\npython = 7\n")
        process.send_signal(signal.SIGHUP)
        machine.until(lambda: machine.status().failed_reloads == 1)
        assert "hook[3].python" in machine.log()
        assert any("hook[3].python" in trouble for trouble in machine.status().troubles())

        broken = machine.directory / "told.py"
        good = broken.read_text()
        broken.write_text("1/0")
        machine.configure("told", "more")
        process.send_signal(signal.SIGHUP)
        machine.until(lambda: machine.status().reloads == 3)
        assert any("ZeroDivisionError" in trouble for trouble in machine.status().troubles())
        machine.write(range(3, 6))
        machine.until(lambda: len(machine.told()) == len(machine.told("more")) == 6)
        assert machine.status().modules[0].now.pid == pid, "its old version goes on"

        broken.write_text(good.replace("point.epoch", "-point.epoch"))
        process.send_signal(signal.SIGHUP)
        machine.until(lambda: machine.status().reloads == 4 and machine.all_run())
        machine.write(range(6, 9))
        machine.until(lambda: len(machine.told()) == 9)
        assert sum(said.startswith("-") for _, said in machine.told()) == 3, "its place was kept"
        assert list(machine.status().troubles()) == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_sigterm_drains(machine):
    with machine.running() as process:
        machine.write(range(20_000))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, machine.log()
    assert len(machine.told()) == 20_000


def test_killed_and_started_again(machine):
    with machine.running() as process:
        machine.write(range(3000))
        machine.until(machine.told)
        process.kill()
        process.wait()
        # Its modules end with it, and its socket is left behind.
        assert machine.socket.exists()
        assert isinstance(machine.status(), NoDaemon)
    with machine.running():
        machine.until(lambda: len({said for _, said in machine.told()}) == 3000)
        assert len(machine.told()) <= 3001, "the call that ran may be made again, no other"


def test_a_second_daemon_is_refused(machine):
    with machine.running() as first:
        second = machine.start()
        assert second.wait(20) == Status.TEMPFAIL
        assert f"in use by another tlswitness, process {first.pid}" in machine.log()
        assert machine.all_run(), "the first one does not mind"


def test_a_second_signal_ends_at_once_and_the_modules_with_it(machine):
    file = machine.directory / "told.py"
    file.write_text("import time\ndef core_smtp_tls_reporting(point): time.sleep(60)\n")
    machine.configure("told", drain=60)
    with machine.running() as process:
        machine.write(range(1))
        machine.until(lambda: machine.status().modules[0].now.busy)
        module = machine.status().modules[0].now.pid
        process.send_signal(signal.SIGTERM)
        machine.until(lambda: "the modules are told what the journal holds" in machine.log())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
        machine.until(lambda: not alive(module))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.geteuid() != 0, reason="needs: root, to mount a disk read-only")
@pytest.mark.parametrize(("mount", "status"), [("ro", Status.CANNOT_CREATE), ("size=4k,nr_inodes=2", Status.IO)])
def test_a_directory_that_cannot_be_used(machine, mount, status):
    state = machine.directory / "state"
    state.mkdir()
    command = (
        f"mount -t tmpfs -o {mount} tmpfs {state} && exec {sys.executable} -m tlswitness serve --config {machine.file}"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == status, done.stderr
    assert str(state) in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_wrong_with_the_configuration(machine, capsys):
    machine.file.write_text("nonsense = 1\n")
    assert main(["serve", "--config", str(machine.file)]) == Status.CONFIG
    assert main(["--config", str(machine.file), "serve"]) == Status.CONFIG
    assert "nonsense" in capsys.readouterr().err


def test_the_log_is_for_programs_where_they_want_it(machine):
    machine.configure("told", more='[log]\nformat = "json"\n')
    with machine.running() as process:
        machine.configure("told")  # words, from the reload on
        process.send_signal(signal.SIGHUP)
        machine.until(lambda: machine.status().reloads)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    first, *_, last = machine.log().splitlines()
    assert json.loads(first)["fields"]["pid"] == process.pid
    assert last.endswith("service.daemon: ended")


async def test_beside_the_lab(machine, tmp_path):
    """With the configuration that `lab --serve` prints: `send` delivers, and the hook of `serve` has the point."""
    ports = free_ports()
    async with lab.serve(lab.choose(["C3/none", "D1/none"]), ports) as served:
        machine.file.write_text(configuration(served) + '[serve]\nmetrics = ""\n')
        machine.socket = machine.config.serve.status_socket
        process = machine.start()
        try:
            await until(lambda: process.poll() is not None or machine.all_run())
            send = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tlswitness", "--config", str(machine.file)),
                *("send", "--from", "me@example.org", "you@d1-none.test"),
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            _, err = await send.communicate(MESSAGE)
            assert send.returncode == Status.OK, err
            points = served.internet.directory / "points.jsonl"
            await until(lambda: points.exists() and points.read_text())
            assert decode(points.read_text().splitlines()[0]).policy.policy_domain == "d1-none.test"
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) == 0, machine.log()


def free_ports():
    """Three that nobody has, and that no outgoing connection will take."""
    found = []
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("", port)):
            found.append(port)
    return lab.Ports(*found[:3])


def test_the_seeds_script_writes_the_seeds_lines(machine):
    """Unmodified, through journal and daemon; the built-in writes the same."""
    data = Path(__file__).parents[1] / "data"
    wanted = (data / "momentum_paniclog.txt").read_text()
    text = (data / "momentum_smtp_tls_reporting.txt").read_text()
    last = 'msys.registerModule("tlsrpt", mod);'
    script = machine.directory / "seed.lua"
    script.write_text(text[text.index('require("msys.core");') : text.index(last) + len(last)] + "\n")
    ours = machine.directory / "ours"
    machine.file.write_text(
        f'state_dir = "{machine.directory / "state"}"\n[serve]\nmetrics = ""\n'
        f'[[hook]]\nlua = "{script}"\n[[hook]]\npaniclog = "{ours}"\n'
    )
    points = machine.directory / "points.jsonl"
    lines = [line.partition("report:")[2].strip() for line in wanted.splitlines() if "report:" in line]
    points.write_text("\n".join(lines) + "\n")
    with machine.running() as process:
        assert main(["--config", str(machine.file), "journal", "import", str(points)]) == Status.OK
        theirs = machine.directory / "state" / "hooks" / "seed" / "paniclog"
        machine.until(lambda: all(file.exists() and len(file.read_text()) >= len(wanted) for file in (theirs, ours)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert theirs.read_text() == wanted
    assert ours.read_text() == wanted


@pytest.mark.skipif(os.geteuid() != 0, reason="needs: root, to mount a small disk")
def test_a_full_disk_holds_modules_up_and_loses_nothing(machine):
    """Points of which the writer was told that they are kept, and what modules print, write and count."""
    state, told = machine.directory / "state", machine.directory / "told.txt"
    state.mkdir()
    machine.configure("told", more=f'[[hook]]\nname = "points"\njsonl = "{state}/points.jsonl"\n')
    serve = f"{sys.executable} -m tlswitness serve --config {machine.file}"
    command = f"mount -t tmpfs -o size=1m tmpfs {state} && exec {serve}"
    log = machine.directory / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(["unshare", "-m", "sh", "-c", command], stdout=out, stderr=out)
    seen = Path(f"/proc/{process.pid}/root{state}")
    kept = []
    try:
        machine.until(lambda: "ready" in log.read_text())
        writer = Writer(JournalSettings(directory=seen / "journal", fsync=Fsync.NEVER), new_chain("test"))
        for number in range(3000):
            if number == 1000:
                machine.until(lambda: told.exists() and len(told.read_text().splitlines()) == len(kept))
                fill(seen / "fill")
            if number == 2000:
                assert len(kept) < 1500, "the disk was full"
                process.send_signal(signal.SIGHUP)  # a reload changes nothing, and must not end it
                (seen / "fill").unlink()
            with suppress(WriteFailed):
                writer.append(entries([number]))
                kept.append(entries([number])[0][0])
        writer.close()
        machine.until(lambda: len(told.read_text().splitlines()) >= len(kept))
        points = seen / "points.jsonl"
        machine.until(lambda: points.exists() and len(points.read_text().splitlines()) >= len(kept))
        lines = points.read_text().splitlines()
        assert [decode(line).epoch for line in lines] == kept
        assert [int(line.split()[1]) for line in told.read_text().splitlines()] == kept
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def fill(file):
    """Take all the room that there is."""
    octets = os.open(file, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(octets, bytes(1000))
    os.close(octets)
