"""MTA-STS: the TXT record and the policy file."""

from __future__ import annotations

from tlswitness.names import parse_domain
from tlswitness.policy.sts import BadPolicy, StsPolicy, parse_policy
from tlswitness.policy.sts.grammar import MAX_BAD_LINE, MAX_BAD_LINES, MAX_POLICY
from tlswitness.policy.sts.model import MAX_AGE, Mode
from tlswitness.policy.sts.record import BadRecord, NoRecord, StsRecord, parse_record
from tools.soak.target import Target, kind

DOMAIN = parse_domain("example.com")


def attempt_body(data: bytes) -> object:
    policy = parse_policy(data)
    if isinstance(policy, BadPolicy):
        assert len(policy.lines) <= MAX_BAD_LINES
        assert all(
            (len(line) <= MAX_BAD_LINE and line.isprintable()) or "\t" in line for line in map(_shown, policy.lines)
        )
        return "bad", "".join(char for char in policy.reason if not char.isdigit())
    assert isinstance(policy, StsPolicy)
    assert len(data) <= MAX_POLICY
    assert 0 <= policy.max_age <= MAX_AGE
    assert policy.mx or policy.mode is Mode.NONE
    assert isinstance(DOMAIN, str)
    policy.facts(DOMAIN)
    assert policy == parse_policy(data)
    return policy.mode, len(policy.mx), min(len(policy.lines), 8), policy.max_age == MAX_AGE


def _shown(line: str) -> str:
    """Without what the grammar allows and a terminal bears: format characters, private use, the like."""
    return "".join(char for char in line if not char >= "\u00a0" or char in "\u2028\u2029")


def attempt_record(data: bytes) -> object:
    texts = [part.decode("ascii", "replace") for part in data.split(b"\n")]
    answer = parse_record(texts)
    match answer:
        case StsRecord(id=record_id):
            assert 1 <= len(record_id) <= 32
            assert record_id.isascii()
            assert record_id.isalnum()
            return "record", len(record_id), min(len(texts), 4)
        case BadRecord(failure=failure):
            return "bad", failure.cause, failure.code
        case NoRecord():
            return "none", len(texts) > 1
    raise AssertionError(kind(answer))


RECORD = Target(
    "sts-record",
    (
        b"v=STSv1; id=20160831085700Z;",
        b"v=STSv1 ;id=1;a=b; c-d=e ;",
        b"v=STSv1;id=1\nv=STSv1;id=2",
        b"v=spf1 -all\nv=STSv1; id=a",
    ),
    attempt_record,
    (b"v=STSv1", b"v=STSv1;", b" ;", b"id=", b";;", b"\t", b"\n", b"v=STSv2;", b"=" * 33),
)
BODY = Target(
    "sts-policy",
    (
        b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n",
        b"version: STSv1\nmode: none\nmax_age: 86400\n",
        b"mode: testing\nmax_age: 99999999\nmx: a_b.example\nx-note: Gr\xc3\xbc\xc3\x9fe\nversion: STSv1\n\n\n",
    ),
    attempt_body,
    (
        b"mx: ",
        b"\r\n",
        b"\n\n",
        b"\r",
        b"\x00",
        b"\xef\xbb\xbf",
        b"mode: ",
        b"max_age: 0",
        b"*.",
        b" \t",
        b"\xe2\x80\xa8",
        b"max_age:",
    ),
)
