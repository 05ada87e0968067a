"""The policy file: by the grammar or refused, and its lines as they were served."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.names import parse_pattern
from tlswitness.policy.sts.grammar import MAX_BAD_LINE, MAX_BAD_LINES, MAX_POLICY, parse_policy
from tlswitness.policy.sts.model import MAX_AGE, BadPolicy, Mode, StsPolicy

EXAMPLE = (
    "version: STSv1",
    "mode: enforce",
    "mx: mail.example.com",
    "mx: *.example.net",
    "mx: backupmx.example.com",
    "max_age: 604800",
)
GOOD = ("version: STSv1", "mode: enforce", "mx: mx.example.com", "max_age: 60")
MX = (parse_pattern("mx.example.com"),)


def served(*lines: str, end: str = "\r\n") -> bytes:
    return "".join(f"{line}{end}" for line in lines).encode()


def changed(old: str, *new: str) -> tuple[str, ...]:
    """GOOD with one line replaced."""
    at = GOOD.index(old)
    return (*GOOD[:at], *new, *GOOD[at + 1 :])


@pytest.mark.rfc(8461, "3.2")
def test_the_example_of_the_rfc():
    patterns = tuple(parse_pattern(text) for text in ("mail.example.com", "*.example.net", "backupmx.example.com"))
    assert parse_policy(served(*EXAMPLE)) == StsPolicy(Mode.ENFORCE, 604_800, patterns, EXAMPLE)


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    "body",
    [
        served(*GOOD),
        served(*GOOD, end="\n"),
        served(*GOOD)[:-2],
        served(*GOOD, end="\n")[:-1],
        served(*GOOD[:2]) + served(*GOOD[2:], end="\n"),
        served(*GOOD, "", ""),
        served(*GOOD, " \t", "", end="\n"),
        served(*GOOD) + b"  ",
    ],
)
def test_line_ends(body):
    assert parse_policy(body) == StsPolicy(Mode.ENFORCE, 60, MX, GOOD)


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    "lines",
    [
        GOOD[::-1],
        ("version:STSv1", "mode:enforce", "mx:mx.example.com", "max_age:60"),
        tuple(f"{line} \t " for line in GOOD),
        tuple(line.replace(" ", " \t  ") for line in GOOD),
        (*GOOD, "foo: bar"),
        ("foo: bar", *GOOD),
        (*GOOD, "x.y_z-0: Gruß, 世界 🙂 <b>"),
        (*GOOD, f"{'n' * 32}: {'v' * 1000}"),
        (*GOOD, "Mode: none"),
        (*GOOD, "mode: none"),
        (*GOOD, "mode: nonsense"),
        (*GOOD, "max_age: 1", "version: STSv2"),
        (*GOOD, "mx: MX.Example.com"),
        (*GOOD, "url: https://a.example/b:c"),
    ],
)
def test_variations_that_mean_the_same(lines):
    assert parse_policy(served(*lines)) == StsPolicy(Mode.ENFORCE, 60, MX, lines)


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize("mode", Mode)
def test_modes(mode):
    policy = parse_policy(served(*changed("mode: enforce", f"mode: {mode}")))
    assert isinstance(policy, StsPolicy)
    assert policy.mode is mode


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0000000060", 60),
        ("31557600", 31_557_600),
        ("31557601", MAX_AGE),
        ("9999999999", MAX_AGE),
    ],
)
def test_max_age_is_cut_to_the_maximum(text, seconds):
    policy = parse_policy(served(*changed("max_age: 60", f"max_age: {text}")))
    assert isinstance(policy, StsPolicy)
    assert policy.max_age == seconds


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.TESTING])
def test_only_mode_none_needs_no_mx(mode):
    lines = ("version: STSv1", "mode: none", "max_age: 60")
    assert parse_policy(served(*lines)) == StsPolicy(Mode.NONE, 60, (), lines)
    assert parse_policy(served(lines[0], f"mode: {mode}", lines[2])).reason == "no mx"


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (changed("version: STSv1"), "no version"),
        (changed("mode: enforce"), "no mode"),
        (changed("max_age: 60"), "no max_age"),
        (changed("mx: mx.example.com"), "no mx"),
        (changed("mx: mx.example.com", "nmx: mx.example.com"), "no mx"),
        (changed("mode: enforce", "Mode: enforce"), "no mode"),
        (changed("version: STSv1", "version: STSv2"), "unknown version"),
        (changed("version: STSv1", "version: stsv1"), "unknown version"),
        (changed("version: STSv1", "version: STSv1; mode: enforce"), "unknown version"),
        (changed("version: STSv1", "v=STSv1"), "line 1 is not of the form key: value"),
        (changed("mode: enforce", "mode: report"), "unknown mode"),
        (changed("mode: enforce", "mode: Enforce"), "unknown mode"),
        (changed("mode: enforce", "mode: nonsense", "mode: enforce"), "unknown mode"),
        (changed("mode: enforce", "mode:"), "line 2 has no value"),
        (changed("mode: enforce", "mode : enforce"), "line 2 is not of the form key: value"),
        (changed("mode: enforce", " mode: enforce"), "line 2 begins with a blank"),
        (changed("mode: enforce", "\tmode: enforce"), "line 2 begins with a blank"),
        (changed("max_age: 60", "max_age: 99999999999"), "bad max_age"),
        (changed("max_age: 60", "max_age: -1"), "bad max_age"),
        (changed("max_age: 60", "max_age: 1.5"), "bad max_age"),
        (changed("max_age: 60", "max_age: 60s"), "bad max_age"),
        (changed("max_age: 60", "max_age: ٦٠"), "bad max_age"),
        (changed("mode: enforce", "mode: enforce", ""), "line 3 is blank"),
        (("", *GOOD), "line 1 is blank"),
        ((*GOOD[:2], " \t", *GOOD[2:]), "line 3 is blank"),
        ((*GOOD, "foo"), "line 5 is not of the form key: value"),
        ((*GOOD, "# a remark"), "line 5 is not of the form key: value"),
        ((*GOOD, "foo:"), "line 5 has no value"),
        ((*GOOD, "foo: \t"), "line 5 has no value"),
        ((*GOOD, "foo bar: baz"), "line 5 is not of the form key: value"),
        ((*GOOD, "_foo: bar"), "line 5 is not of the form key: value"),
        ((*GOOD, "föö: bar"), "line 5 is not of the form key: value"),
        ((*GOOD, f"{'n' * 33}: bar"), "line 5 is not of the form key: value"),
        ((*GOOD, "foo: a\tb"), "line 5 has a control character"),
        ((*GOOD, "foo: a\0b"), "line 5 has a control character"),
        ((*GOOD, "foo: a\x1b[2Jb"), "line 5 has a control character"),
        ((*GOOD, "foo: a\x7f"), "line 5 has a control character"),
        ((*GOOD, "foo: a\rbar: b"), "line 5 has a control character"),
        (("<!DOCTYPE html>", "<title>404</title>"), "line 1 is not of the form key: value"),
        ((), "empty"),
        (("", " ", ""), "empty"),
    ],
)
def test_what_is_no_policy(lines, reason):
    bad = parse_policy(served(*lines))
    assert isinstance(bad, BadPolicy)
    assert bad.reason == reason
    assert Failure(Cause.STS_GRAMMAR, reason).words == f"policy is invalid: {reason}"  # nothing is lost on the way
    assert parse_policy(served(*lines, end="\n")).reason == reason


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    "mx",
    [
        "bücher.example",
        "*foo.example.com",
        "*.*.example.com",
        "*",
        "*.",
        ".example.com",
        "mx.example.com.",
        "mx..example.com",
        "-mx.example.com",
        "mx.example.com, mx2.example.com",
        "mx1.example.com mx2.example.com",
        "[192.0.2.1]",
        "10 mx.example.com",
        "mx.example.com:25",
        "user@example.com",
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_one_mx_outside_the_grammar_makes_the_policy_invalid(mx, mode):
    lines = changed("mode: enforce", f"mode: {mode}")
    assert parse_policy(served(*lines, f"mx: {mx}")).reason == "bad mx in line 5"
    assert parse_policy(served(f"mx: {mx}", *lines)).reason == "bad mx in line 1"


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize("mx", ["192.0.2.1", "*.192.0.2.1", "a" * 64 + ".example.com", ".".join(["a" * 60] * 5)])
def test_an_mx_that_no_host_can_have_matches_nothing(mx):
    lines = (*GOOD, f"mx: {mx}")
    assert parse_policy(served(*lines)) == StsPolicy(Mode.ENFORCE, 60, MX, lines)
    assert parse_policy(served(*changed("mx: mx.example.com", f"mx: {mx}"))).reason == "no usable mx"


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xef\xbb\xbf" + served(*GOOD), "byte order mark"),
        ("\r\n".join(GOOD).encode("utf-16"), "not UTF-8"),
        (served(*GOOD) + b"name: M\xfcller\r\n", "not UTF-8"),
        (served(*GOOD) + b"surrogate: \xed\xa0\x80\r\n", "not UTF-8"),
        (served(*GOOD) + b"overlong: \xc0\xaf\r\n", "not UTF-8"),
        (served(*GOOD)[:-2] + b"\r", "line 4 has a control character"),
        ("\r".join(GOOD).encode(), "line 1 has a control character"),
        (b"\x00" * 10, "line 1 has a control character"),
    ],
)
def test_octets(body, reason):
    assert parse_policy(body).reason == reason


@pytest.mark.rfc(8460, "4.5")
def test_lines_of_a_bad_policy_are_kept_with_their_errors():
    lines = (" version: STSv1", "Mode : enforce", "", "mx:", "max_age: ∞")
    assert parse_policy(served(*lines)).lines == lines


@pytest.mark.rfc(8460, "4.5")
def test_lines_are_harmless():
    bad = parse_policy(b"a: \xff\xfe\nb: \x1b[31m\x00\x07\x7f\ttab\nc: \xc2\x9b31m\xe2\x80\xa8\rd\n")
    assert bad.lines == ("a: \ufffd\ufffd", "b: \ufffd[31m\ufffd\ufffd\ufffd\ttab", "c: \ufffd31m\ufffd\ufffdd")
    good = parse_policy(served(*GOOD, "foo: \x9b31m\u2028 \u0431"))
    assert good.lines == (*GOOD, "foo: \ufffd31m\ufffd \u0431")


def test_size_is_bounded():
    filler = "foo: " + "x" * 100
    lines = [*GOOD]
    while len(served(*lines, filler)) <= MAX_POLICY:
        lines.append(filler)
    lines.append("f:" + "x" * (MAX_POLICY - len(served(*lines)) - 4))
    body = served(*lines)
    assert len(body) == MAX_POLICY
    assert parse_policy(body).lines == tuple(lines)
    assert parse_policy(body + b"\n") == BadPolicy("too large", tuple(lines[:MAX_BAD_LINES]))


def test_hostile_bodies_cost_little_and_leave_little():
    started = time.process_time()
    for piece in (
        b"\n",
        b"x",
        b"x\n",
        b"mx: a-\n",
        b"mx: " + b"a-" * 30_000,
        b"\xff",
        b" ",
        b"a: \r",
        b"*.",
        b":",
        b"a:b\n",
    ):
        bad = parse_policy(piece * (10_000_000 // len(piece)))
        assert bad.reason == "too large"
        assert len(bad.lines) <= MAX_BAD_LINES
        assert all(len(line) <= MAX_BAD_LINE for line in bad.lines)
        small = parse_policy(piece * (MAX_POLICY // len(piece)))
        assert small.reason != "too large"
    assert time.process_time() - started < 2


TEXTS = st.text(
    st.characters(min_codepoint=0x21, exclude_characters="\x7f", exclude_categories=["Cs", "Cc", "Zl", "Zp"])
)
FIELDS = st.one_of(
    st.builds(
        "{}:{}{}{}".format,
        st.sampled_from(["foo", "a.b", "Mode", "X-1_"]),
        st.sampled_from(["", " ", "\t "]),
        TEXTS.filter(lambda text: text and not text.isspace() and text == text.strip()),
        st.sampled_from(["", " "]),
    ),
    st.from_regex(r"\Amx: (\*\.)?[a-z]{1,5}(\.[a-z]{2,5}){1,2}\Z"),
    st.sampled_from(["mode: later", "version: 2", "max_age: x"]),
)


@given(st.sampled_from(Mode), st.integers(0, MAX_AGE), st.lists(FIELDS), st.data())
def test_what_fits_the_grammar_is_a_policy_whose_lines_say_the_same(mode, max_age, fields, data):
    needed = ["version: STSv1", f"mode: {mode}", f"max_age: {max_age}", "mx: mx.example.com"]
    later = [field for field in fields if field.startswith(("mode", "version", "max_age"))]
    lines = data.draw(st.permutations([*needed, *(field for field in fields if field not in later)])) + later
    ends = data.draw(st.lists(st.sampled_from(["\n", "\r\n"]), min_size=len(lines), max_size=len(lines)))
    policy = parse_policy("".join(map("".join, zip(lines, ends, strict=True))).encode())
    assert isinstance(policy, StsPolicy), policy
    assert (policy.mode, policy.max_age, policy.lines) == (mode, max_age, tuple(lines))
    assert set(map(str, policy.mx)) == {line[4:] for line in lines if line.startswith("mx: ")}
    assert parse_policy(served(*policy.lines)) == policy


WORDS = b"version: STSv1|mode: enforce|mode: none|max_age: 1|mx: |a.example|*.|foo: |:"
BREAKS = b"\n|\r\n|\r| |\t|\xff|\xef\xbb\xbf|\0"
PIECES = st.sampled_from(WORDS.split(b"|") + BREAKS.split(b"|"))


@given(st.one_of(st.binary(), st.lists(PIECES, max_size=24).map(b"".join)))
def test_any_octets_are_a_policy_or_refused_with_a_reason(body):
    parsed = parse_policy(body)
    assert all(line.isprintable() or "\t" in line or not line.isascii() for line in parsed.lines)
    assert not any(set(line) & set("\n\r\0\x1b") for line in parsed.lines)
    match parsed:
        case StsPolicy():
            assert parsed.mx or parsed.mode is Mode.NONE
            assert parse_policy(served(*parsed.lines)) == parsed
        case BadPolicy(reason=reason):
            assert Failure(Cause.STS_GRAMMAR, reason).words == f"policy is invalid: {reason}"
