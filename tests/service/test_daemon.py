"""The daemon in this process, its modules in theirs."""

import asyncio
import signal
import socket
import time
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.journal.support import FINDINGS, drained, entries
from tests.service.conftest import Place

from tlswitness.config import ConfigError, Endpoint, Problem
from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.journal import DirectoryBusy, Writer
from tlswitness.journal.importer import import_file
from tlswitness.lab.fakes import until
from tlswitness.service import look
from tlswitness.service.ask import NoDaemon, ask
from tlswitness.service.daemon import Daemon
from tlswitness.service.notify import Notifier
from tlswitness.service.socket import SocketLive, StatusSocket


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch):
    monkeypatch.setattr(look, "FRESH", 0.0)


def never():
    raise AssertionError("nobody asked for a reload")


class Life:
    """One daemon that runs."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.task = asyncio.create_task(daemon.run())

    async def ready(self, path):
        await until(lambda: self.task.done() or path.exists())
        return self

    async def status(self):
        return await self.daemon._look()

    async def all_run(self):
        async def running():
            status = await self.status()
            return [module.now.state for module in status.modules]

        while set(await running()) != {State.RUNNING}:
            assert not self.task.done()
            await asyncio.sleep(0.05)

    async def end(self, number=signal.SIGTERM):
        self.daemon._told_to_end(number)
        return await self.task


@asynccontextmanager
async def living(settings, load=never, **more):
    life = Life(Daemon(settings, load, **more))
    try:
        yield await life.ready(settings.socket)
    finally:
        if not life.task.done():
            life.daemon._told_to_end(signal.SIGTERM)
        await asyncio.gather(life.task, return_exceptions=True)


async def test_modules_are_told_what_anybody_writes(place):
    async with living(replace(place.settings, modules=(place.module(),))) as life:
        await life.all_run()
        place.write(range(3))
        life.daemon.sink.submit(FINDINGS[9].at(7))
        await until(lambda: len(place.lines()) == 4)
        assert max(place.lines()) == "7 d9.example"
        assert await life.end() == 0
    assert not place.settings.socket.exists()


async def test_the_status_is_told_from_outside(place):
    async with living(replace(place.settings, modules=(place.module(),))) as life:
        await life.all_run()
        place.write(range(10))
        await until(lambda: life.daemon._supervisor.snapshots()[0].behind == 0 and len(place.lines()) == 10)
        status = await asyncio.to_thread(ask, place.settings.socket)
        assert not isinstance(status, NoDaemon)
        assert list(status.troubles()) == []
        assert (status.state, status.journal.segments, status.journal.chains) == ("running", 1, 1)
        assert [(module.now.name, module.now.counts.calls, module.now.behind) for module in status.modules] == [
            ("told", 10, 0)
        ]


async def test_what_is_left_is_told_before_the_end(place):
    async with living(replace(place.settings, modules=(place.module(),))) as life:
        await life.all_run()
        place.write(range(5000))
        life.daemon.sink.submit(FINDINGS[0].at(7))
        assert await life.end() == 0
        assert len(place.lines()) == 5001
        assert len(set(place.lines())) == 5001


async def test_without_time_to_drain_a_module_goes_on_at_the_next_start(place, caplog):
    slow = place.module(code="import time\n" + place_code(place).replace("    with", "    time.sleep(0.02)\n    with"))
    settings = replace(place.settings, modules=(slow,), drain=0.0)
    async with living(settings) as life:
        await life.all_run()
        place.write(range(100))
        await until(place.lines)
        assert await life.end() == 0
    before = len(place.lines())
    assert before < 100
    assert "hook told was stopped" in caplog.text
    async with living(settings):
        await until(lambda: len(place.lines()) == 100)
    assert len(set(place.lines())) == 100, "none twice"


def place_code(place):
    place.module()
    return (place.directory / "told.py").read_text()


async def test_a_second_signal_ends_at_once(place, caplog):
    caplog.set_level("INFO")
    stuck = place.module(code="import time\ndef core_smtp_tls_reporting(point): time.sleep(60)\n")
    async with living(replace(place.settings, modules=(stuck,), drain=60.0)) as life:
        await life.all_run()
        place.write(range(2))
        await until(lambda: life.daemon._supervisor.snapshots()[0].busy)
        ending = asyncio.create_task(life.end())
        await until(lambda: "what the journal holds" in caplog.text)
        life.daemon._told_to_end(signal.SIGINT)
        assert await asyncio.wait_for(ending, 5) == 128 + signal.SIGINT
        assert "a second time" in caplog.text
        for runner in life.daemon._supervisor._runners.values():  # in its own process, they would be gone with it
            runner._child.kill()
            await runner._child.wait(10)
            runner._task.cancel()
            await asyncio.gather(runner._task, return_exceptions=True)
            runner._progress.close()


async def test_a_reload_takes_modules_away_and_brings_others(place, caplog):
    caplog.set_level("INFO")
    settings = replace(place.settings, modules=(place.module("a"), place.module("b")))
    new = replace(settings, modules=(place.module("b"), place.module("c")), drain=1.0, socket=place.directory / "x")
    told = []
    async with living(settings, lambda: new, on_reload=lambda: told.append(1)) as life:
        await life.all_run()
        pids = {module.now.name: module.now.pid for module in (await life.status()).modules}
        life.daemon._hangup.set()
        await until(lambda: told)
        await until(lambda: life.daemon._reloader.last)
        await life.all_run()
        status = await life.status()
        assert [module.now.name for module in status.modules] == ["b", "c"]
        assert status.modules[0].now.pid == pids["b"], "it has not changed"
        assert status.reload.changes == ("c started", "a stopped")
        assert status.reload.needs_restart == ("socket",)
        assert life.daemon._reloader.settings.drain == 1.0
        place.write(range(2))
        await until(lambda: len(place.lines("b")) == len(place.lines("c")) == 2)
        assert not place.lines("a")
    assert "changed, but only a restart makes it so: socket" in caplog.text


async def test_a_wrong_configuration_changes_nothing(place, caplog):
    def wrong():
        raise ConfigError([Problem("drain", "is no number", file="f.toml", line=3), Problem("x", "no such option")])

    async with living(replace(place.settings, modules=(place.module(),)), wrong) as life:
        await life.all_run()
        life.daemon._hangup.set()
        await until(lambda: life.daemon._reloader.last)
        status = await life.status()
        assert not status.reload.applied
        assert len(status.reload.problems) == len(list(status.troubles())) == 2
        assert (status.reloads, status.failed_reloads) == (1, 1)
        assert "f.toml:3" in caplog.text
        place.write(range(2))
        await until(lambda: len(place.lines()) == 2)


async def test_a_second_daemon_is_refused(place):
    async with living(place.settings):
        with pytest.raises(DirectoryBusy, match=r"in use by another tlswitness, process \d+"):
            await Daemon(replace(place.settings, socket=place.directory / "other"), never).run()


async def test_a_socket_that_is_another_ones(place):
    other = StatusSocket(place.settings.socket, {})
    await other.start()
    with pytest.raises(SocketLive):
        await Daemon(place.settings, never).run()
    await other.close()


async def test_it_runs_without_what_it_can_do_without(place, caplog):
    """A socket whose path is too long, a port that is taken, a module that does not load."""
    broken = place.module(code="1/0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = replace(
            place.settings,
            modules=(broken,),
            socket=place.directory / ("x" * 200),
            metrics=Endpoint("127.0.0.1", taken.getsockname()[1]),
        )
        life = Life(Daemon(settings, never))
        await until(lambda: life.daemon._supervisor.snapshots() and life.daemon._supervisor.snapshots()[0].refused)
        troubles = "\n".join((await life.status()).troubles())
        assert "`tlswitness status` cannot ask" in troubles
        assert "no metrics: 127.0.0.1" in troubles
        assert "hook told does not load: ZeroDivisionError" in troubles
        assert "no metrics" in caplog.text
        assert await life.end() == 0


async def test_metrics(place):
    settings = replace(place.settings, modules=(place.module(),), metrics=Endpoint("127.0.0.1", 0))
    async with living(settings) as life:
        await until(lambda: life.daemon._metrics_at)

        def fetch():
            with urllib.request.urlopen(f"http://{life.daemon._metrics_at}/metrics", timeout=5) as response:
                return response.read().decode()

        assert 'tlswitness_hook_calls_total{module="told"} 0.0' in await asyncio.to_thread(fetch)


async def test_the_service_manager_is_told(place, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        heard = ""

        def said(words):
            nonlocal heard
            try:
                while True:
                    heard += manager.recv(4096).decode() + "\n"
            except BlockingIOError:
                return words in heard

        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
        async with living(place.settings, lambda: place.settings, notifier=notifier) as life:
            await until(lambda: said("READY=1\nSTATUS=0 modules, all well"))
            for _ in range(3):
                heard = ""
                await until(lambda: said("WATCHDOG=1"))
            heard = ""
            life.daemon._hangup.set()
            await until(lambda: said("RELOADING=1"))
            await until(lambda: said("READY=1"))
            await life.end()
        assert said("STOPPING=1")


async def test_what_a_dead_writer_left_is_closed_and_told(place, caplog):
    place.write(range(3))
    (segment,) = place.settings.journal.directory.glob("*.seg")
    octets = segment.read_bytes()
    segment.write_bytes(octets[: octets.rindex(b"\n", 0, -1) - 3])  # as SIGKILL in the middle of a write leaves it
    async with living(place.settings) as life:
        assert (await life.status()).journal.torn > 0
        assert "its writer died; cut" in caplog.text


async def test_each_life_has_its_own_segment(place):
    for number in range(2):
        async with living(place.settings) as life:
            life.daemon.sink.submit(FINDINGS[0].at(number))
    names = sorted(path.name.split(".")[1:3] for path in place.settings.journal.directory.glob("*.seg"))
    assert names == [["serve", "0000000001"], ["serve", "0000000002"]]


async def test_an_end_does_not_wait_for_a_new_version_that_never_loads(place, caplog):
    settings = replace(place.settings, modules=(place.module(),))
    new = replace(settings, modules=(replace(place.module(), config="new"),))
    async with living(settings, lambda: new) as life:
        await life.all_run()
        place.write(range(2))
        await until(lambda: len(place.lines()) == 2)
        place.module(code=f"open({str(place.directory / 'loading')!r}, 'w').close()\nimport time\ntime.sleep(60)\n")
        life.daemon._hangup.set()
        await until((place.directory / "loading").exists)
        assert await asyncio.wait_for(life.end(), 8) == 0
    assert "its new version does not load" not in caplog.text


@pytest.mark.parametrize("step", [86_400.0, -86_400.0])
async def test_a_clock_that_steps_by_a_day_costs_nothing(place, monkeypatch, step):
    """Below a daemon, its writer's segments and its retention; each life begins under another clock."""
    real, off = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + off[0])
    journal = replace(place.settings.journal, segment_bytes=600, keep_seconds=3 * 3600.0)
    settings = replace(place.settings, journal=journal, modules=(place.module(),))
    writer = Writer(journal, "stepping")
    written = []

    async def told(life, numbers):
        for number in numbers:
            writer.append(entries([number]))
        written.extend(lines_of(numbers))
        await until(lambda: len(place.lines()) >= len(written))
        await asyncio.to_thread(life.daemon._janitor.sweep, journal, ["told"], time.time())
        status = await life.status()
        assert list(status.troubles()) == []
        assert status.modules[0].lag >= 0
        assert status.modules[0].missed == 0

    for life_number in range(3):
        async with living(settings) as life:
            await life.all_run()
            for part in range(3):
                first = life_number * 60 + part * 20
                await told(life, range(first, first + 20))
                off[0] = step - off[0]  # there and back again
    writer.close()
    assert place.lines() == written, "each once, in the order of the writer"


async def test_a_cloned_directory_is_a_journal_of_its_own(place, tmp_path):
    """Copied in the midst of everything: both lives go on, each with its cursors, positions and segments."""
    (tmp_path / "clone").mkdir()
    clone = Place(tmp_path / "clone")
    file = tmp_path / "points.jsonl"
    file.write_text("".join(f"{finding.compact(epoch)}\n" for epoch, finding in entries(range(10), 5)))
    slow = place.module(code="import time\n" + place_code(place).replace("    with", "    time.sleep(0.002)\n    with"))
    async with living(replace(place.settings, modules=(slow,))) as life:
        await life.all_run()
        writer = Writer(place.settings.journal, "living")
        import_file(writer, place.settings.journal.directory, file)
        for number in range(200):
            writer.append(entries([number]))
        await until(lambda: len(place.lines()) > 50)
        copy = await asyncio.create_subprocess_exec("cp", "-a", place.settings.state_dir, clone.settings.state_dir)
        await copy.wait()
        told_before = set(place.lines())
        in_clone = {line_of(epoch, finding) for epoch, finding in drained(clone.settings.journal.directory)}
        before = {path.name for path in clone.settings.journal.directory.glob("*.seg")}
        async with living(replace(clone.settings, modules=(clone.module(),))) as other:
            await other.all_run()
            for each, numbers in ((place, range(300, 350)), (clone, range(400, 450))):
                own = Writer(each.settings.journal, "import_0")
                assert import_file(own, each.settings.journal.directory, file).points == 0, "it has been imported"
                own.close()
                each.write(numbers)
            writer.append(entries(range(200, 250)))
            await until(lambda: len(place.lines()) >= 310 and clone.lines()[-50:] == lines_of(range(400, 450)))
            assert list((await other.status()).troubles()) == []
        writer.close()
    assert sorted(place.lines()) == sorted(lines_of(range(10), 5) + lines_of([*range(250), *range(300, 350)]))
    assert len(set(clone.lines())) == len(clone.lines())
    assert told_before | set(clone.lines()) >= in_clone
    new = [{path.name for path in each.settings.journal.directory.glob("*.seg")} - before for each in (place, clone)]
    assert new[0]
    assert new[1]
    assert not new[0] & new[1]


def line_of(epoch, finding):
    return f"{epoch} {finding.point.policy.policy_domain}"


def lines_of(numbers, *epoch):
    return [line_of(*entry) for entry in entries(numbers, *epoch)]
