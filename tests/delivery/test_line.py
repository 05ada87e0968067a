"""The log line of an attempt."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.line import LOGGER, Line, policy_words, tls_words
from tlswitness.delivery.outcome import CLEAR_TEXT, TlsFacts
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.policy.dane import DaneRecords
from tlswitness.policy.plan import DaneDemand, LocalRules, Plan, StsDemand, Tag
from tlswitness.policy.sts.model import Mode, StsPolicy

LINE = Line("example.com", "mx.example.com[192.0.2.1]:25", "TLSv1.3 X", "sts-enforce", "ok", "2.0.0", 0.25, "250 ok")


def test_a_line_has_all_its_fields():
    assert str(LINE) == (
        'domain=example.com relay=mx.example.com[192.0.2.1]:25 tls="TLSv1.3 X" policy=sts-enforce verdict=ok '
        'dsn=2.0.0 seconds=0.250 text="250 ok"'
    )


def test_a_record_holds_them_for_a_json_log(caplog):
    with caplog.at_level(logging.INFO, "tlswitness.delivery"):
        LINE.log()
    (record,) = caplog.records
    assert record.attempt == LINE.members()
    assert record.attempt["seconds"] == 0.25
    assert record.getMessage() == str(LINE)


def test_a_log_that_nobody_wants_costs_nothing(monkeypatch):
    LOGGER.setLevel(logging.WARNING)
    try:
        monkeypatch.setattr(Line, "members", lambda self: pytest.fail("nobody asked"))
        LINE.log()
    finally:
        LOGGER.setLevel(logging.NOTSET)


@given(st.text(max_size=60))
def test_a_peers_text_begins_neither_a_field_nor_a_line(text):
    line = str(Line("d", "r", "none", "none", "ok", "2.0.0", 0.0, text))
    head, _, shown = line.partition("seconds=0.000")
    assert head == "domain=d relay=r tls=none policy=none verdict=ok dsn=2.0.0 "
    assert len(line.splitlines()) == 1
    if shown and '"' in shown:
        assert shown.startswith(' text="')
        assert shown.endswith('"')
        assert shown.count('"') == 2
    elif shown:
        assert "=" not in shown.removeprefix(" text=")
        assert len(shown.split()) == 1


@pytest.mark.parametrize(
    ("tls", "words"),
    [(CLEAR_TEXT, "clear"), (TlsFacts("TLSv1.2"), "TLSv1.2"), (TlsFacts("TLSv1.3", "X"), "TLSv1.3 X")],
)
def test_tls_in_words(tls, words):
    assert tls_words(tls) == words
    assert tls_words(tls, "none") == words.replace("clear", "none")


def test_policies_in_words():
    mx = HostName("mx.example.com", "mx.example.com")
    domain = Domain("example.com")
    sts = StsDemand(domain, StsPolicy(Mode.TESTING, 60, (MxPattern(mx),), ()), False)
    dane = DaneDemand(DaneRecords(mx, (), (), ()))
    said = [
        policy_words(Plan(domain, mx, (), 25, LocalRules(), *both))
        for both in [(None, None), (sts, None), (None, dane), (sts, dane)]
    ]
    assert said == ["none", "sts-testing", "tlsa", "tlsa+sts-testing"]


@pytest.mark.parametrize(
    ("tag", "words"), [(Tag.NORMAL, "none"), (Tag.REQUIRE, "require-tls"), (Tag.OPTIONAL, "tls-optional")]
)
def test_what_the_message_asks_for_in_words(tag, words):
    host = HostName("mx.example.com", "mx.example.com")
    assert policy_words(Plan(Domain("example.com"), host, (), 25, LocalRules(), None, None, tag=tag)) == words
