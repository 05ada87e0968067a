import errno

import pytest

from tlswitness.hooks.host.paniclog import MAX_HELD, MAX_TEXT, Paniclog, paniclog_lines


class Written:
    """Takes writes, or fails as a full disk does."""

    def __init__(self):
        self.writes = []
        self.full = False
        self.closed = False

    def append(self, octets):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.writes.append(octets)

    def close(self):
        self.closed = True


@pytest.fixture
def written():
    return Written()


def test_the_time_is_the_points_inside_a_call_and_the_clocks_outside(written, clock):
    log = Paniclog(written, clock=clock)
    log.print("loaded")
    log.epoch = 1746712864
    log("tls report:   { }")
    log.print("TLSRPT: x")
    assert written.writes == [b"1000:scriptlet: loaded\n"]
    log.epoch = None
    log.flush()
    log.flush()
    assert written.writes[1:] == [b"1746712864:scriptlet: tls report:   { }\n1746712864:scriptlet: TLSRPT: x\n"]


def test_microseconds_are_16_digits(written, clock):
    log = Paniclog(written, microseconds=True, clock=clock)
    clock.now = 1746712864.25
    log.print("a")
    log.epoch = 1746712864
    log.print("b")
    log.epoch = 0
    log.print("c")
    log.close()
    assert b"".join(written.writes).splitlines() == [
        b"1746712864250000:scriptlet: a",
        b"1746712864000000:scriptlet: b",
        b"0000000000000000:scriptlet: c",
    ]
    assert written.closed


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["7:scriptlet: "]),
        ("a\tb é \N{PILE OF POO}", ["7:scriptlet: a\tb é \N{PILE OF POO}"]),
        ("a\nb", ["7:scriptlet: a", "7:scriptlet: b"]),
        ("a\r\n\nb\n", ["7:scriptlet: a", "7:scriptlet: ", "7:scriptlet: b"]),
        ("\x1b[2Ja\x00\r\x7f\x9bz", [r"7:scriptlet: \u001b[2Ja\u0000\u000d\u007f\u009bz"]),
        ("\ud800", [r"7:scriptlet: \ud800"]),
        ("x" * (MAX_TEXT + 1), ["7:scriptlet: " + "x" * MAX_TEXT]),
    ],
)
def test_a_line_stays_a_line(text, lines):
    assert paniclog_lines(text, "7").decode() == "".join(line + "\n" for line in lines)


def test_a_call_that_prints_much_holds_little(written):
    log = Paniclog(written)
    log.epoch = 1
    for _ in range(100):
        log.print("x" * 1000)
    assert 1 <= len(written.writes) < 4
    assert len(written.writes[0]) <= MAX_HELD + 1100


def test_a_full_disk_loses_lines_and_nothing_else(written):
    said = []
    log = Paniclog(written, complain=said.append)
    written.full = True
    log.print("a\nb")
    log.print("c")
    assert log.dropped == 3
    assert len(said) == 1
    assert "No space left" in said[0]
    written.full = False
    log.print("d")
    assert "lines lost: 3" in said[1]
    assert written.writes[0].endswith(b": d\n")
    log.print("e")
    assert len(said) == 2
    assert log.dropped == 3


def test_without_a_listener_the_loss_is_told_on_stderr(written, capfd):
    written.full = True
    Paniclog(written).print("a")
    assert "No space left" in capfd.readouterr().err


def test_to_a_file(tmp_path):
    log = Paniclog.to(tmp_path / "hooks" / "x" / "paniclog", microseconds=True, most=10)
    log.epoch = 1
    log.print("a")
    log.flush()
    log.print("b")
    log.close()
    assert (tmp_path / "hooks/x/paniclog").read_text() == "0000000001000000:scriptlet: b\n"
    assert (tmp_path / "hooks/x/paniclog.1").read_text() == "0000000001000000:scriptlet: a\n"
