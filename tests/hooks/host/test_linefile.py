import os
import resource
import signal
import stat
import subprocess
import sys

import pytest

from tlswitness.hooks.host.linefile import LineFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log" / "file"


@pytest.fixture
def small_files():
    """No file may grow beyond 10 octets: a write that would is short, and the next one is an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_the_directory_is_made_and_the_file_is_the_users_own(path):
    lines = LineFile(path)
    lines.append(b"")
    assert not path.exists()
    lines.append(b"a\n")
    lines.append(b"b\nc\n")
    lines.sync()
    lines.close()
    lines.append(b"d\n")
    lines.close()
    assert path.read_bytes() == b"a\nb\nc\nd\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_existing_file_keeps_its_mode_also_when_it_is_moved_aside(path):
    path.parent.mkdir()
    path.touch()
    path.chmod(0o640)
    lines = LineFile(path, most=4)
    for line in (b"aa\n", b"bb\n", b"cc\n"):
        lines.append(line)
    assert path.read_bytes() == b"cc\n"
    assert path.with_name("file.1").read_bytes() == b"bb\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in path.parent.iterdir()) == ["file", "file.1"]
    lines.close()


def test_a_file_that_is_full_already_is_moved_aside_before_the_first_line(path):
    path.parent.mkdir()
    path.write_bytes(b"0123456789\n")
    lines = LineFile(path, most=8)
    lines.append(b"a\n")
    lines.close()
    assert path.read_bytes() == b"a\n"
    assert path.with_name("file.1").read_bytes() == b"0123456789\n"


@pytest.mark.parametrize("gone", ["moved", "deleted", "replaced"])
def test_a_file_that_was_moved_away_is_noticed_within_a_second(path, clock, gone):
    lines = LineFile(path, clock=clock)
    lines.append(b"a\n")
    if gone == "deleted":
        path.unlink()
    else:
        path.rename(path.with_name("old"))
    if gone == "replaced":
        path.write_bytes(b"new\n")
    clock.pass_by(0.9)
    lines.append(b"b\n")
    clock.pass_by(0.2)
    lines.append(b"c\n")
    assert path.read_bytes() == (b"new\nc\n" if gone == "replaced" else b"c\n")
    if gone != "deleted":
        assert path.with_name("old").read_bytes() == b"a\nb\n"
    lines.close()


def test_of_two_writers_one_moves_the_file_aside(path, clock):
    one, two = LineFile(path, most=10, clock=clock), LineFile(path, most=10, clock=clock)
    one.append(b"1111\n")
    two.append(b"2222\n")
    two.append(b"3333\n")  # it is full for this writer, who moves it
    one.append(b"4444\n")  # the other has seen half of it, and goes on with the one it has
    one.append(b"5555\n")  # now it looks, and finds that it has been moved
    assert path.with_name("file.1").read_bytes() == b"1111\n2222\n4444\n"
    assert path.read_bytes() == b"3333\n5555\n"
    one.close()
    two.close()


PROGRAM = """
import sys
from pathlib import Path
from tlswitness.hooks.host import linefile
linefile.LOOK = 0.0  # at each line: else a writer knows for a second of its own lines alone
lines = linefile.LineFile(Path(sys.argv[1]), most=int(sys.argv[2]))
for number in range(int(sys.argv[4])):
    lines.append(f"{sys.argv[3]} {number:06d} {'x' * 80}\\n".encode() * 3)
"""


def test_several_processes_lose_and_tear_nothing(path):
    """Their file is moved aside once, at a size that lies beyond what the second one holds."""
    writers = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), str(300_000), str(number), "500"])
        for number in range(3)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    old = path.with_name("file.1")
    lines = (old.read_bytes() + path.read_bytes()).splitlines()
    for number in range(3):
        mine = [line for line in lines if line.startswith(b"%d " % number)]
        assert len(mine) == 1500
        assert {len(line) for line in mine} == {89}
    assert len(lines) == 4500
    assert old.stat().st_size <= 300_000 + 3 * 270


@pytest.mark.parametrize(("found", "then"), [(b"", b"a\n"), (b"x\n", b"x\na\n"), (b"x\ny", b"x\ny\na\n")])
def test_a_torn_line_is_ended(path, found, then):
    path.parent.mkdir()
    path.write_bytes(found)
    lines = LineFile(path)
    lines.append(b"a\n")
    lines.close()
    assert path.read_bytes() == then


@pytest.mark.parametrize("others", [b"", b"O\n"])
def test_what_is_not_written_whole_is_taken_back_or_ended(path, small_files, others, monkeypatch):
    lines = LineFile(path)
    lines.append(b"abc\n")
    if others:  # somebody writes behind our torn line before we can take it back
        write = os.write

        def short(fd, data):
            if len(data) > 6:
                done = write(fd, data[:4])
                with path.open("ab") as other:
                    other.write(others)
                return done
            return write(fd, data)

        monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="too large"):
        lines.append(b"0123456789\n")
    monkeypatch.undo()
    assert path.read_bytes() == (b"abc\n0123O\n" if others else b"abc\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    lines.append(b"d\n")
    assert path.read_bytes().endswith(b"\nd\n")
    lines.close()


def test_no_file_can_be_made(path, tmp_path):
    (tmp_path / "log").touch()
    with pytest.raises(OSError, match=r"exists|directory"):
        LineFile(path).append(b"a\n")


def test_a_pipe_without_a_reader_does_not_hold_anybody_up(path):
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(OSError, match="No such device"):
        LineFile(path).append(b"a\n")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lines = LineFile(path, most=1)
    lines.append(b"abc\n")
    lines.append(b"def\n")
    lines.sync()
    assert os.read(reader, 100) == b"abc\ndef\n"
    lines.close()
    os.close(reader)
