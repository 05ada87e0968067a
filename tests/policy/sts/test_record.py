"""The `_mta-sts` TXT record."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.policy.sts.record import MAX_RECORD, BadRecord, NoRecord, StsRecord, parse_record

NONE = NoRecord()
SEVERAL = BadRecord(Failure(Cause.STS_TXT_MULTIPLE))
ID_32 = "a1" * 16


def bad(token: str) -> BadRecord:
    return BadRecord(Failure(Cause.STS_TXT_INVALID, token))


@pytest.mark.rfc(8461, "3.1")
@pytest.mark.parametrize(
    ("text", "record_id"),
    [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        ("v=STSv1;id=1", "1"),
        ("v=STSv1;id=1;", "1"),
        ("v=STSv1 ; id=1", "1"),
        ("v=STSv1\t;\tid=1 \t; ", "1"),
        (f"v=STSv1; id={ID_32}", ID_32),
        ("v=STSv1; foo=bar; id=1", "1"),
        ("v=STSv1; id=1; a.b_c-d=<!~>:", "1"),
        ("v=STSv1; ID=x; id=1", "1"),
        ("v=STSv1; v=STSv1; id=1", "1"),
        (f"v=STSv1; {'n' * 32}=1; id=1", "1"),
    ],
)
def test_valid_records(text, record_id):
    assert parse_record([text]) == StsRecord(record_id)


@pytest.mark.rfc(8461, "3.2")
def test_of_several_ids_the_first_counts():
    assert parse_record(["v=STSv1; id=a; id=b"]) == StsRecord("a")
    assert parse_record(["v=STSv1; id=a; id=b-c"]) == StsRecord("a")
    assert parse_record(["v=STSv1; id=b-c; id=a"]) == bad("bad id")


@pytest.mark.rfc(8461, "3.1")
@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("v=STSv1", "no id"),
        ("v=STSv1;", "no id"),
        ("v=STSv1; ; ", "empty field"),
        ("v=STSv1; foo=bar", "no id"),
        ("v=STSv1; ID=1", "no id"),
        ("v=STSv1; id=", "bad id"),
        ("v=STSv1; id=;", "bad id"),
        (f"v=STSv1; id={ID_32}x", "bad id"),
        ("v=STSv1; id=2026-01-01", "bad id"),
        ("v=STSv1; id=1 2", "bad id"),
        ("v=STSv1; id= 1", "bad id"),
        ("v=STSv1; id=\ufffd", "bad id"),
        ("v=STSv1; id=١", "bad id"),
        ("v=STSv1; id =1", "bad field"),
        ("v=STSv1; id", "bad field"),
        ("v=STSv1; id=1; foo", "bad field"),
        ("v=STSv1; id=1; foo=", "bad field"),
        ("v=STSv1; id=1; foo=a=b", "bad field"),
        ("v=STSv1; id=1; foo=a b", "bad field"),
        ("v=STSv1; id=1; -foo=a", "bad field"),
        (f"v=STSv1; id=1; {'n' * 33}=1", "bad field"),
        ("v=STSv1; id=1;;", "empty field"),
        ("v=STSv1;; id=1", "empty field"),
        ("v=STSv1; id=1 ", "blank at the end"),
        ("v=STSv1; id=1\n", "bad id"),
        ("v=STSv1, id=1", "bad version"),
        ("v=STSv1 id=1", "bad version"),
        ("v=STSv1\\; id=1", "bad version"),
        ("V=STSv1; id=1", "bad version"),
        ("v=stsv1; id=1", "bad version"),
        (" v=STSv1; id=1", "bad version"),
        (f"v=STSv1; id=1; a={'b' * MAX_RECORD}", "too long"),
    ],
)
def test_invalid_records(text, token):
    assert parse_record([text]) == bad(token)
    assert parse_record([text, "v=spf1 -all"]) == bad(token)


@pytest.mark.rfc(8461, "3.1")
@pytest.mark.parametrize(
    ("texts", "answer"),
    [
        ([], NONE),
        ([""], NONE),
        (["v=spf1 -all"], NONE),
        (["v=STSv2; id=1"], NONE),
        (["v=STSv10; id=1"], NONE),
        (["v=STSv2; id=1", "v=spf1 -all"], NONE),
        (["id=1; v=STSv1"], NONE),
        (["v=STSv1; id=1", "v=spf1 -all"], StsRecord("1")),
        (["v=spf1 -all", "v=STSv1 ; id=1"], StsRecord("1")),
        (["v=STSv1; id=1", "v=STSv2; id=2"], StsRecord("1")),
        (["v=STSv1; id=1", "v=STSv1 id=2"], StsRecord("1")),
        (["v=STSv1; id=1", "v=STSv1; id=2"], SEVERAL),
        (["v=STSv1; id=1", "v=STSv1; id=1"], SEVERAL),
        (["v=STSv1; id=1", "v=STSv1 ; id=2"], SEVERAL),
        (["v=STSv1; id=1", "v=STSv1;id=malformed!"], SEVERAL),
        (["v=STSv1;", "v=STSv1;"], SEVERAL),
        (["v=stsv1; id=1", "v=spf1 -all"], bad("bad version")),
    ],
)
def test_which_record_counts(texts, answer):
    assert parse_record(texts) == answer
    assert parse_record(texts[::-1]) == answer


def test_many_megabytes_cost_little():
    started = time.process_time()
    for text in ("v=STSv1;" + ";" * 5_000_000, "v=STSv1" + " " * 5_000_000, " " * 5_000_000, "=" * 5_000_000):
        parse_record([text])
    assert time.process_time() - started < 1


RECORDS = st.builds(
    lambda blank, before, record_id, after, end: (
        record_id,
        f"{blank};{blank}".join(["v=STSv1", *before, f"id={record_id}", *after]) + end,
    ),
    st.text(" \t", max_size=2),
    st.lists(st.sampled_from(["a=b", "Id=x", "v=2", "x.y-z_=!"]), max_size=2),
    st.from_regex(r"\A[A-Za-z0-9]{1,32}\Z"),
    st.lists(st.sampled_from(["a=b", "id=later", "id=&"]), max_size=2),
    st.sampled_from(["", ";", " ; "]),
)


@given(RECORDS)
def test_what_fits_the_grammar_is_a_record(record):
    record_id, text = record
    assert parse_record([text]) == StsRecord(record_id)


@given(st.lists(st.one_of(st.text(), st.text("v=STSv1; id\t\ufffd", max_size=30).map("v=STSv1;".__add__)), max_size=3))
def test_any_texts_have_an_answer(texts):
    match parse_record(texts):
        case StsRecord(id=record_id):
            assert record_id.isalnum()
            assert record_id.isascii()
        case BadRecord(failure=failure):
            assert failure.cause in {Cause.STS_TXT_MULTIPLE, Cause.STS_TXT_INVALID}
            assert "unknown" not in failure.reason
        case answer:
            assert answer == NONE
