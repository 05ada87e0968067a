"""Names are values or refused with a reason; a value never makes the TLS library raise."""

import ssl
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tlswitness.names import BadName, HostName, parse_domain, parse_host
from tlswitness.names.host import MAX_LABEL, MAX_NAME, MAX_SHOWN

LONGEST = ".".join(["a" * 61] + ["b" * 63] * 3)
CONTEXT = ssl.create_default_context()
ASCII_NAMES = st.text("aZ09-_.*[]:%\\ \n\0x", max_size=80)
UNICODE_NAMES = st.text(
    st.one_of(st.characters(), st.sampled_from("aé.-_xn。．｡\u00ad\u200d\u00df\u03c2\u05d0\u0660\u212a\ud800\udfff")),
    max_size=40,
)
XN_NAMES = st.text("abz09-", max_size=20).map(lambda rest: f"xn--{rest}.example")
NAMES = st.one_of(ASCII_NAMES, UNICODE_NAMES, XN_NAMES, st.from_regex(r"[a-z0-9_-]{1,12}(\.[a-z0-9_-]{1,12}){0,3}\.?"))


@pytest.mark.parametrize(
    ("given_text", "text", "key"),
    [
        ("mx.example.com", "mx.example.com", "mx.example.com"),
        ("MAIL.Example.COM.", "MAIL.Example.COM", "mail.example.com"),
        ("localhost", "localhost", "localhost"),
        ("_mta-sts.example.com", "_mta-sts.example.com", "_mta-sts.example.com"),
        ("a_b.example", "a_b.example", "a_b.example"),
        ("r3---sn-x.example", "r3---sn-x.example", "r3---sn-x.example"),
        ("1.2.3.example", "1.2.3.example", "1.2.3.example"),
        ("0x7f.example", "0x7f.example", "0x7f.example"),
        ("a" * MAX_LABEL, "a" * MAX_LABEL, "a" * MAX_LABEL),
        (LONGEST, LONGEST, LONGEST),
        (f"{LONGEST}.", LONGEST, LONGEST),
    ],
)
def test_host_names(given_text, text, key):
    host = parse_host(given_text)
    assert isinstance(host, HostName)
    assert (host.text, host.key, str(host)) == (text, key, text)


@pytest.mark.rfc(8460, "4.4")
@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example.", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),  # decomposed, as some keyboards type it
        ("faß.example", "xn--fa-hia.example"),  # IDNA 2003 made `fass` of it
        ("βόλος.example", "xn--nxasmm1c.example"),  # final sigma, lost in IDNA 2003
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("é．example｡", "xn--9ca.example"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("_smtp._tls.bücher.example", "_smtp._tls.xn--bcher-kva.example"),
        ("xn--bcher-kva.éa.example", "xn--bcher-kva.xn--a-9fa.example"),
        ("\u212aube.example", "kube.example"),  # the Kelvin sign, as a person's input
    ],
)
def test_u_labels_become_a_labels(given_text, text):
    assert parse_host(given_text) == HostName(text, text)
    assert parse_host(given_text).text == text
    assert parse_domain(given_text) == text


@pytest.mark.parametrize("name", ["xn--zzzzzz.example", "xn--a.example", "XN--BCHER-KVA.example", "xn--0.example"])
def test_dns_may_hold_a_labels_that_decode_to_nothing(name):
    assert parse_host(name) == HostName(name, name.lower())


def test_equal_whatever_the_case():
    assert parse_host("MX.Example") == parse_host("mx.example")
    assert len({parse_host("MX.Example"), parse_host("mx.example")}) == 1
    assert parse_domain("MX.Example") == "mx.example"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (".", "it is empty"),
        ("a..b", "it has an empty label"),
        (".example", "it has an empty label"),
        ("example..", "it has an empty label"),
        ("a" * 64 + ".example", "it has a label longer than 63 octets"),
        ("a" + LONGEST, "it is longer than 253 octets"),
        ("[192.0.2.1]", "it is an address literal"),
        ("[IPv6:2001:db8::1]", "it is an address literal"),
        ("192.0.2.1", "it looks like an IP address"),
        ("192.0.2.1.", "it looks like an IP address"),
        ("１９２.０.２.１", "it looks like an IP address"),
        ("2130706433", "it looks like an IP address"),
        ("0x7f000001", "it looks like an IP address"),
        ("127.0X1", "it looks like an IP address"),
        ("mx.0x", "it looks like an IP address"),
        ("2001:db8::1", "the label '2001:db8::1' has other than letters, digits and inner hyphens"),
        ("-a.example", "the label '-a' has other than letters, digits and inner hyphens"),
        ("a-.example", "the label 'a-' has other than letters, digits and inner hyphens"),
        ("*.example", "the label '*' has other than letters, digits and inner hyphens"),
        ("a b.example", "the label 'a b' has other than letters, digits and inner hyphens"),
        ("a.example\n", r"the label 'example\n' has other than letters, digits and inner hyphens"),
        ("a\0.example", r"the label 'a\x00' has other than letters, digits and inner hyphens"),
        ("a%00.example", "the label 'a%00' has other than letters, digits and inner hyphens"),
        (r"a\046b.example", r"the label 'a\\046b' has other than letters, digits and inner hyphens"),
        ("。", "it is empty"),
        ("é..example", "it has an empty label"),
        ("a*.é", "the label 'a*' has other than letters, digits and inner hyphens"),
        ("é" * 255, "it is longer than 253 characters"),
    ],
)
def test_bad_names_have_a_reason(text, reason):
    bad = parse_host(text)
    assert isinstance(bad, BadName)
    assert bad.text == text
    assert bad.reason == reason
    assert parse_domain(text) == bad
    assert str(bad).startswith(repr(text)[:20])


@pytest.mark.parametrize(
    "text",
    ["\udc80.example", "é\ud800", "a\u200db.é", "\u0301.example", "é" * 60, "xn--é.example", "אa.example", "é\0"],
)
def test_what_has_no_a_label_form(text):
    bad = parse_host(text)
    assert isinstance(bad, BadName)
    assert bad.reason.startswith("no A-label form: ")
    str(bad).encode()


@pytest.mark.parametrize("char", ["a", ".", "a.", "é", "é.", "\u0301", "\udc80", "\0", "xn--", "\u00ad", "[", "1"])
def test_megabytes_are_refused_at_once_and_not_kept(char):
    text = char * (10_000_000 // len(char))
    started = time.process_time()
    bad = parse_host(text)
    assert time.process_time() - started < 1
    assert isinstance(bad, BadName)
    assert len(bad.text) == MAX_SHOWN + 1
    assert bad.text.endswith("…")
    assert len(bad.reason) < 500


@given(NAMES)
@example("1.1.1.1")
@example("a" * 63)
@example(LONGEST)
def test_any_text_is_a_name_or_refused_and_any_name_suits_the_tls_library(text):
    parsed = parse_host(text)
    match parsed:
        case BadName():
            assert parsed.reason
            assert parse_domain(text) == parsed
        case HostName():
            assert 0 < len(parsed.text) <= MAX_NAME
            assert parsed.text.isascii()
            assert parsed.key == parsed.text.lower()
            again = parse_host(parsed.text)
            assert isinstance(again, HostName)
            assert again.text == parsed.text
            assert parse_domain(text) == parsed.key
            for form in (parsed.text, parsed.key, parsed.text.encode()):
                session = CONTEXT.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=form)
                with pytest.raises(ssl.SSLWantReadError):
                    session.do_handshake()


@given(st.lists(st.from_regex(r"\A[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z"), min_size=1, max_size=3))
def test_letters_digits_and_inner_hyphens_are_always_a_name(labels):
    name = ".".join([*labels, "Example"])
    assert parse_host(name).text == name
