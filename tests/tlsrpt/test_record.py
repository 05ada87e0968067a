"""The TLSRPT record: what counts, what is passed over, and why."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.tlsrpt import (
    HttpsRua,
    Ignored,
    InvalidRecord,
    MailRua,
    NoRecord,
    SeveralRecords,
    TlsrptRecord,
    parse_records,
)
from tlswitness.tlsrpt.record import MAX_IGNORED, MAX_RECORD, MAX_RUA, MAX_SHOWN

V = "v=TLSRPTv1;"
GOOD = f"{V}rua=mailto:a@b"
FOREIGN = "it does not begin with `v=TLSRPTv1;`"
NO_SEMICOLON = "there is no semicolon behind `v=TLSRPTv1`"
CAPITALS = "the version is `v=TLSRPTv1`, in exactly these capitals"
BACKSLASH = "there is a backslash before the semicolon: it belongs into a zone file, not into the record"
NO_URI = "no URI of its `rua` can be used"


def goals(text: str) -> list[str]:
    record = parse_records([text])
    assert isinstance(record, TlsrptRecord), record
    assert record.text == text
    return [rua.address if isinstance(rua, MailRua) else rua.uri for rua in record.rua]


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=TLSRPTv1;rua=mailto:reports@example.com", ["reports@example.com"]),
        ("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", ["https://reporting.example.com/v1/tlsrpt"]),
        (f"{V}rua=mailto:a@b;", ["a@b"]),
        (f"{V} \t rua=mailto:a@b \t; ", ["a@b"]),
        (f"{V}rua=mailto:a@b,https://c.example/d", ["a@b", "https://c.example/d"]),
        (f"{V}rua=mailto:a@b \t, \tmailto:c@d", ["a@b", "c@d"]),
        (f"{V}rua=mailto:a%2Cb@x,https://y.example/?a=1%3Bb", ['"a,b"@x', "https://y.example/?a=1%3Bb"]),
        (f"{V}rua=MAILTO:a@b,HTTPS://c.example", ["a@b", "HTTPS://c.example"]),
        (f"{V}foo=bar;rua=mailto:a@b;x.y_z-1=<>:~", ["a@b"]),
        (f"{V}rua=mailto:a@b;v=TLSRPTv2", ["a@b"]),
        (f"{V}rua=mailto:a@b,mailto:a@b,MAILTO:a@B", ["a@b"]),
        (f"{V}rua=mailto:a%21b@c", ["a!b@c"]),
    ],
)
def test_records_without_fault(text, expected):
    assert goals(text) == expected
    record = parse_records([text])
    assert (record.ignored, record.remarks) == ((), ())


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("text", "expected", "remark"),
    [
        ("v=TLSRPTv1 ;rua=mailto:a@b", ["a@b"], "a blank stands before the first semicolon: some senders do not take"),
        (f"{V}rua=mailto:a@b ", ["a@b"], "blanks stand at the end"),
        (f"{V}rua= mailto:a@b", ["a@b"], "a blank stands behind `rua=`"),
        (f"{V}rua=mailto:a@b;rua=mailto:c@d,mailto:a@b", ["a@b", "c@d"], "there is more than one `rua` field"),
        (f"{V}rua=mailto:a@b?subject=x", ["a@b"], "of mailto:a@b?subject=x only the address is used"),
        (f"{V}rua=mailto:a@x.", ["a@x"], "the domain of mailto:a@x. ends in a dot"),
        (f"{V}rua=mailto:%C3%BC@x", ["ü@x"], "the address of mailto:%C3%BC@x needs servers with SMTPUTF8"),
    ],
)
def test_what_is_odd_but_can_be_used(text, expected, remark):
    assert goals(text) == expected
    record = parse_records([text])
    assert record.ignored == ()
    assert [each[: len(remark)] for each in record.remarks] == [remark]


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("text", "ignored", "reason"),
    [
        (f"{V}rua=mailto:a@b,tls@c", "tls@c", "it has no scheme: `mailto:` is missing"),
        (f"{V}rua=mailto:0,mailto:a@b", "mailto:0", "it has no mail address"),
        (f"{V}rua=mailto:x@y!10m,mailto:a@b", "mailto:x@y!10m", "it has a `!`, which must be written as %21"),
        (f"{V}rua=http://x.example,mailto:a@b", "http://x.example", "its scheme is neither mailto nor https"),
        (f"{V}rua=mailto:a@b,", "", "it is empty"),
        (f"{V}rua=mailto:a@b;rua=", "", "it is empty"),
        (f"{V}rua=mailto:a@b;;", "", "it is an empty field"),
        (f"{V}rua=mailto:a@b;foo", "foo", "it is not of the form name=value"),
        (f"{V}rua=mailto:a@b;foo=", "foo=", "it is not of the form name=value"),
        (f"{V}rua=mailto:a@b;foo=a=b", "foo=a=b", "it is not of the form name=value"),
        (f"{V}rua=mailto:a@b;foo=a b", "foo=a b", "it is not of the form name=value"),
        (f"{V}rua=mailto:a@b;{'n' * 33}=a", f"{'n' * 33}=a", "it is not of the form name=value"),
        (f"{V}rua=mailto:a@b;\x1bf\ufffdo", "?f?o", "it is not of the form name=value"),
        (f"{V}rua=mailto:a@b;RUA=mailto:c@d", "RUA=mailto:c@d", "the field is `rua=`, in small letters"),
    ],
)  # fmt: skip
def test_one_fault_leaves_the_rest_in_use(text, ignored, reason):
    record = parse_records([text])
    assert [rua.address for rua in record.rua] == ["a@b"]
    assert [(each.text, each.reason[: len(reason)]) for each in record.ignored] == [(ignored, reason)]
    assert str(record.ignored[0]).startswith(repr(ignored))


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("v=TLSRPTv1", "it has no `rua`"),
        (V, "it has no `rua`"),
        (f"{V}foo=bar", "it has no `rua`"),
        (f"{V}RUA=mailto:a@b", "it has no `rua`"),
        (f"{V}rua =mailto:a@b", "it has no `rua`"),
        (f"{V}rua=", NO_URI),
        (f"{V}rua=tls@example.com", NO_URI),
        (f"{V}rua=mailto:0", NO_URI),
        (f"{V}rua=http://x.example", NO_URI),
        (f"{V}rua=mailto:a@b mailto:c@d", NO_URI),
        ("v=TLSRPTv1\\; rua=mailto:a@b", BACKSLASH),
        ("v=TSLRPTv1; rua=mailto:a@b", FOREIGN),
        ("v=TLSRPTv2; rua=mailto:a@b", FOREIGN),
        ("v=TLSRPTv10; rua=mailto:a@b", NO_SEMICOLON),
        ("v=TLSRPTv1 rua=mailto:a@b", NO_SEMICOLON),
        ("v=TLSRPTv1, rua=mailto:a@b", NO_SEMICOLON),
        ("v=tlsrptv1; rua=mailto:a@b", CAPITALS),
        ("V=TLSRPTv1; rua=mailto:a@b", CAPITALS),
        (" v=TLSRPTv1; rua=mailto:a@b", "something stands before `v=TLSRPTv1`"),
        ('"v=TLSRPTv1; rua=mailto:a@b"', "something stands before `v=TLSRPTv1`"),
        ("rua=mailto:a@b; v=TLSRPTv1", FOREIGN),
        ("TLSRPTv1; rua=mailto:a@b", FOREIGN),
    ],
)  # fmt: skip
def test_what_was_meant_but_cannot_be_used(text, reason):
    record = parse_records([text])
    assert (record.text, record.reason) == (text, reason)
    assert isinstance(record, InvalidRecord)
    assert isinstance(parse_records([text, "v=spf1 -all"]), InvalidRecord)


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize("text", ["", "v=spf1 -all", "v=DMARC1; rua=mailto:a@b", "hello", "v=STSv1; id=1"])
def test_foreign_records(text):
    assert parse_records([text]) == NoRecord((Ignored(text, FOREIGN),))


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([], NoRecord),
        ([GOOD, "v=spf1 -all"], TlsrptRecord),
        ([GOOD, "v=TLSRPTv2; rua=mailto:c@d"], TlsrptRecord),
        ([GOOD, "v=tlsrptv1; rua=mailto:c@d"], TlsrptRecord),
        ([GOOD, "v=TLSRPTv1"], TlsrptRecord),
        ([GOOD, "v=TLSRPTv1 ; rua=ftp://x"], TlsrptRecord),
        (["v=TLSRPTv1 ;rua=mailto:a@b", "v=spf1 -all"], TlsrptRecord),
        ([GOOD, GOOD], SeveralRecords),
        ([GOOD, f"{V}rua=mailto:c@d"], SeveralRecords),
        ([GOOD, "v=TLSRPTv1 ;rua=mailto:c@d"], SeveralRecords),
        ([GOOD, f"{V}rua=nonsense"], SeveralRecords),
        ([V, V], SeveralRecords),
    ],
)
def test_which_of_several_counts(texts, kind):
    for order in (texts, texts[::-1]):
        record = parse_records(order)
        assert isinstance(record, kind)
        if isinstance(record, TlsrptRecord):
            assert [rua.address for rua in record.rua] == ["a@b"]
            assert [each.text for each in record.ignored] == [text for text in order if text != record.text]
        if isinstance(record, SeveralRecords):
            assert record.texts == tuple(order)


def test_limits():
    many = ",".join(f"mailto:{number}@b" for number in range(MAX_RUA + 2))
    record = parse_records([f"{V}rua={many},mailto:0@b"])
    assert len(record.rua) == MAX_RUA
    assert [each.reason for each in record.ignored] == [f"it is beyond the first {MAX_RUA}"] * 2
    record = parse_records([f"{GOOD}{';x' * 1000}"])
    assert len(record.ignored) == MAX_IGNORED
    long = f"{GOOD};x={'y' * (MAX_RECORD - len(GOOD) - 3)}"
    assert isinstance(parse_records([long]), TlsrptRecord)
    assert parse_records([f"{long}y"]) == InvalidRecord(long, f"it is longer than {MAX_RECORD} characters")
    assert parse_records(["x" * 1000]) == NoRecord((Ignored("x" * MAX_SHOWN, FOREIGN),))


def test_megabytes_cost_little():
    started = time.process_time()
    for piece in (";", ",", " ", "v=", "rua=", "=", '"', "\\", "x", "\ufffd"):
        for begin in ("", "v=TLSRPTv1", V, f"{V}rua="):
            parse_records([begin + piece * 2_000_000])
    parse_records(["v=spf1"] * 100_000)
    assert time.process_time() - started < 3


URIS = st.sampled_from(
    ["mailto:a@b", "mailto:c%21d@e.example", "https://f.example/g?h=i", "https://[2001:db8::1]/", "mailto:%22j k%22@l"]
).map(lambda uri: uri.replace(" ", "%20"))
EXTENSIONS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+\Z").filter(
    lambda field: not field.lower().startswith("rua=")
)


@given(st.lists(URIS, min_size=1, max_size=4), st.lists(EXTENSIONS, max_size=3), st.text(" \t", max_size=2), st.data())
def test_what_fits_the_grammar_is_a_record(uris, extensions, blank, data):
    fields = data.draw(st.permutations([f"rua={f'{blank},{blank}'.join(uris)}", *extensions]))
    text = f"{blank};{blank}".join(["v=TLSRPTv1", *fields]) + data.draw(st.sampled_from(["", ";", " ; "]))
    record = parse_records([text])
    assert isinstance(record, TlsrptRecord), record
    assert [rua.uri for rua in record.rua] == list(dict.fromkeys(uris))
    assert (record.text, record.ignored) == (text, ())


WORDS = ["v=TLSRPTv1", V, "rua=", "mailto:", "https://", "a@b.example", "c.example", "%2C", "%0A", "x=y"]
PIECES = [*WORDS, *"; ,!\\\0\ufffd\ud800é"]
TEXTS = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@given(st.lists(TEXTS, max_size=3))
def test_any_texts_have_an_answer_that_can_be_shown(texts):
    match parse_records(texts):
        case TlsrptRecord() as record:
            assert 0 < len(record.rua) <= MAX_RUA
            assert all(isinstance(rua, MailRua | HttpsRua) for rua in record.rua)
            said = [record.text, *record.remarks, *map(str, record.ignored)]
        case InvalidRecord() as invalid:
            said = [invalid.text, invalid.reason, *map(str, invalid.ignored)]
        case SeveralRecords() as several:
            assert len(several.texts) > 1
            said = [*several.texts]
        case NoRecord() as none:
            said = [*map(str, none.ignored)]
    assert all(line.isprintable() and line.isascii() for line in said)
