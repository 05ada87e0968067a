"""What `tlswitness journal` prints, and what it leaves."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys

import pytest
from tests.journal.support import drained, entries

from tlswitness.cli import main
from tlswitness.cli.status import Status
from tlswitness.journal import JournalSettings, Writer, segments


@pytest.fixture
def directory(config_file):
    return config_file.parent / "state" / "journal"


@pytest.fixture
def run(config_file, capsys):
    def run(*args):
        status = main(["--config", str(config_file), "journal", *map(str, args)])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def write(directory, numbers, chain="a", **place):
    writer = Writer(JournalSettings(directory=directory), chain)
    writer.append(entries(numbers), **place)
    writer.close()


def lines(numbers):
    return "".join(f"{finding.compact(epoch)}\n" for epoch, finding in entries(numbers))


def damage(directory):
    (name, *_) = segments(directory)
    file = directory / name.file
    file.write_bytes(file.read_bytes().replace(b"\n1746712867 ", b"\n1746712866 "))


def test_tail(run, directory):
    write(directory, range(0, 30, 2))
    write(directory, range(1, 30, 2), chain="b")
    assert run("tail") == (Status.OK, lines(range(20, 30)), "")
    assert run("tail", "-n", "2") == (Status.OK, lines([28, 29]), "")
    assert run("tail", "-n", "0") == (Status.OK, "", "")


def test_tail_follows(config_file, directory):
    write(directory, range(3))
    command = [sys.executable, "-m", "tlswitness", "--config", str(config_file), "journal", "tail", "-n", "1", "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == lines([2])
        write(directory, [3])
        assert process.stdout.readline() == lines([3])
        write(directory, [4], chain="b")
        assert process.stdout.readline() == lines([4])
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == Status.INTERRUPTED


def test_stat(run, directory):
    assert "nothing" in run("stat")[1]
    write(directory, range(25), source="log", position="7")
    damage(directory)
    status, out, _ = run("stat", "--count")
    assert status == Status.OK
    assert "source log: up to 7" in out
    assert "closed" in out
    found = json.loads(run("stat", "--count", "--json")[1])
    assert found["directory"] == str(directory)
    assert found["sources"] == {"log": "7"}
    (chain,) = found["chains"]
    (segment,) = chain["segments"]
    assert (chain["chain"], segment["points"], segment["outcomes"], segment["damaged"]) == ("a", 24, 10, 2)
    assert "points" not in json.loads(run("stat", "--json")[1])["chains"][0]["segments"][0]


def test_verify(run, directory):
    write(directory, range(25))
    assert run("verify") == (Status.OK, "25 points in 1 segment are whole\n", "")
    damage(directory)
    status, out, err = run("verify")
    assert status == Status.NO
    assert "24 points" in out
    assert "its checksum is wrong" in err
    status, out, _ = run("verify", "--json")
    assert status == Status.NO
    assert json.loads(out)["segments"][0]["damages"][0]["reason"] == "its checksum is wrong"


def test_verify_tells_what_is_torn(run, directory):
    write(directory, range(5))
    (name,) = segments(directory)
    with (directory / name.file).open("r+b") as file:
        file.seek(-15, os.SEEK_END)
        file.truncate()
    status, out, _ = run("verify")
    assert status == Status.OK
    assert "not a whole line" in out


def test_export(run, directory, tmp_path):
    write(directory, range(100))
    assert run("export") == (Status.OK, lines(range(100)), "")
    begin = entries([0])[0][0]
    assert run("export", "--since", begin + 10, "--until", begin + 20)[1] == lines(range(10, 20))
    assert run("export", "-o", tmp_path / "a.gz") == (Status.OK, "", "")
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == lines(range(100))
    assert run("export", "-o", tmp_path / "a") == (Status.OK, "", "")
    assert (tmp_path / "a").read_text() == lines(range(100))
    assert run("export", "-o", tmp_path / "none" / "a")[0] == Status.IO
    damage(directory)
    status, out, err = run("export")
    assert status == Status.NO
    assert out == lines([*range(3), *range(4, 100)])
    assert "1 damaged lines are left out" in err


@pytest.mark.parametrize("name", ["points.jsonl", "points.jsonl.gz"])
def test_what_is_exported_is_imported_once(run, directory, tmp_path, name):
    write(directory, range(100))
    run("export", "-o", tmp_path / name)
    for segment in segments(directory):
        (directory / segment.file).unlink()
    status, out, err = run("import", tmp_path / name)
    assert (status, err) == (Status.OK, "")
    assert "100 points imported" in out
    assert "0 points imported" in run("import", tmp_path / name)[1]
    assert drained(directory) == entries(range(100))
    imported = json.loads(run("import", "--json", tmp_path / name)[1])["files"]
    assert imported == [
        {"file": str(tmp_path / name), "points": 0, "before": len(lines(range(100))), "bad": 0, "bad-lines": []}
    ]


def test_what_is_no_point_is_named(run, directory, tmp_path):
    (tmp_path / "a").write_text(lines([1]) + "nonsense\n" * 150)
    (tmp_path / "b").write_bytes(b"\x1f\x8bx")
    status, out, err = run("import", tmp_path / "a", tmp_path / "b")
    assert status == Status.DATA
    assert "1 points imported" in out
    assert "line 2: " in err
    assert "and 50 more lines" in err
    assert "cannot be read" in err
    assert drained(directory) == entries([1])


def test_a_journal_that_cannot_be_written(run, directory, tmp_path):
    (tmp_path / "a").write_text(lines([1]))
    directory.parent.mkdir()
    directory.write_text("in the way")
    status, _, err = run("import", tmp_path / "a")
    assert status == Status.IO
    assert str(directory) in err
