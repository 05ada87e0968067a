import io
import json
import logging
import re

import pytest

from tlswitness.cli import logs
from tlswitness.config import LogConfig, LogFormat, LogLevel
from tlswitness.delivery.line import Line

LINE = Line("example.com", "mx.example.com[192.0.2.1]:25", "TLSv1.3 X", "tlsa", "ok", "2.0.0", 0.5, "said \x1b[1m ok")
LOG = logging.getLogger("tlswitness.somewhere")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def written():
    def written(level: LogLevel, form: LogFormat, *what, **more) -> list[str]:
        stream = io.StringIO()
        with logs.shown(LogConfig(level=level, format=form), stream=stream, **more):
            for each in what:
                each()
        LOG.error("outside")
        return stream.getvalue().splitlines()

    return written


def failed() -> None:
    try:
        raise ValueError("\x1b[31m")  # noqa: TRY301
    except ValueError:
        LOG.exception("it failed\nbadly")


def test_text(written):
    attempt, first, *below = written(LogLevel.INFO, LogFormat.TEXT, LINE.log, failed)
    assert re.fullmatch(rf"{TIME} info delivery: domain=example\.com relay=.*", attempt)
    assert re.fullmatch(rf"{TIME} error somewhere: it failed\?badly", first)
    assert all(line.startswith("    ") for line in below)
    assert below[-1] == "    ValueError: ?[31m"


def test_json(written):
    attempt, error = map(json.loads, written(LogLevel.INFO, LogFormat.JSON, LINE.log, failed))
    assert re.fullmatch(TIME, attempt["time"])
    assert (attempt["level"], attempt["logger"]) == ("info", "tlswitness.delivery")
    assert attempt["attempt"]["relay"] == "mx.example.com[192.0.2.1]:25"
    assert attempt["attempt"]["seconds"] == 0.5
    assert error["message"] == "it failed\nbadly"
    assert error["traceback"].startswith("Traceback")


def test_json_is_one_line_of_ascii(written):
    (line,) = written(LogLevel.INFO, LogFormat.JSON, lambda: LOG.info("a\n\x9b\u2028ü"))
    assert line.isascii()
    assert json.loads(line)["message"] == "a\n\x9b\u2028ü"


def test_levels(written):
    def all_of_them() -> None:
        LOG.debug("1")
        LOG.info("2")
        LOG.warning("3")
        LOG.error("4")

    def seen(level: LogLevel, least: int = logging.DEBUG) -> str:
        return "".join(line[-1] for line in written(level, LogFormat.TEXT, all_of_them, least=least))

    assert [seen(level) for level in LogLevel] == ["1234", "234", "34", "4"]
    assert seen(LogLevel.DEBUG, logging.WARNING) == "34"
    assert seen(LogLevel.ERROR, logging.WARNING) == "4"


def test_some_may_be_left_out(written):
    def all_of_them() -> None:
        logging.getLogger("tlswitness.dns.resolver").error("1")
        LOG.error("2")

    (line,) = written(LogLevel.INFO, LogFormat.TEXT, all_of_them, without=["dns.resolver"])
    assert line.endswith("2")


def test_all_is_as_before():
    logger = logging.getLogger(logs.ROOT)
    before = (logger.handlers[:], logger.level)
    with pytest.raises(RuntimeError), logs.shown(LogConfig()):
        raise RuntimeError
    assert (logger.handlers[:], logger.level) == before


def test_fields_are_for_programs(written):
    def say() -> None:
        LOG.info("it is so", extra={"fields": {"module": "told"}})

    (words,) = written(LogLevel.INFO, LogFormat.TEXT, say)
    assert words.endswith("it is so")
    (line,) = written(LogLevel.INFO, LogFormat.JSON, say)
    assert json.loads(line)["fields"] == {"module": "told"}


def test_systemd_notes_the_time_itself(tmp_path, monkeypatch):
    with (tmp_path / "journal").open("w+") as stream:
        status = (tmp_path / "journal").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        with logs.shown(LogConfig(level=LogLevel.DEBUG), stream=stream):
            LOG.debug("1")
            LOG.info("2")
            LOG.warning("3")
            failed()
        stream.seek(0)
        lines = stream.read().splitlines()
    assert lines[:4] == ["<7>somewhere: 1", "<6>somewhere: 2", "<4>somewhere: 3", "<3>somewhere: it failed?badly"]
    assert all(line.startswith("<3>    ") for line in lines[4:])
    assert lines[-1] == "<3>    ValueError: ?[31m"


@pytest.mark.parametrize("said", [None, "", "8:1", "nonsense"])
def test_another_stream_has_the_time(tmp_path, said):
    environ = {} if said is None else {"JOURNAL_STREAM": said}
    with (tmp_path / "file").open("w") as stream:
        assert not logs.goes_to_journal(stream, environ)
    assert not logs.goes_to_journal(stream, environ), "it is closed"
    assert not logs.goes_to_journal(io.StringIO(), environ)
