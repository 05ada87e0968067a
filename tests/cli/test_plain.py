import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.cli.plain import iso, moment, plain, size, span, wrapped


@given(st.text())
def test_nothing_that_a_terminal_obeys(text):
    assert not [char for char in plain(text) if ord(char) < 32 or 127 <= ord(char) < 160]
    assert len(plain(text)) == len(text)


@given(st.text(), st.integers(0, 200))
def test_wrapping_never_raises(text, width):
    assert isinstance(wrapped(text, "    ", width), str)


def test_wrapping():
    assert wrapped("a " * 60, "--", 50) == "\n--".join(["a" + " a" * 23, "a" + " a" * 23, "a" + " a" * 11])
    long = "x" * 100
    assert wrapped(f"see {long}", "", 50) == f"see\n{long}", "what may be copied is not broken"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (86_400, "1 day"),
        (604_800, "7 days"),
        (-90, "1 minute"),
    ],
)
def test_spans(seconds, words):
    assert span(seconds) == words


@given(st.floats(allow_nan=False))
def test_times_never_raise(seconds):
    assert moment(seconds).endswith(" UTC")
    assert iso(seconds).endswith("Z")


def test_times():
    assert moment(1_767_225_600) == "2026-01-01 00:00 UTC"
    assert iso(1_767_225_600) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("octets", "said"),
    [(0, "0 octets"), (1023, "1023 octets"), (1024, "1.0 KiB"), (1 << 20, "1.0 MiB"), (3 << 40, "3072.0 GiB")],
)
def test_sizes(octets, said):
    assert size(octets) == said
