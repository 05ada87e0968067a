"""The field counts where it is exactly the field, once, in the header; anything else changes nothing."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.smtp.header import MAX_HEADER, says_tls_optional
from tlswitness.delivery.smtp.message import prepare

pytestmark = pytest.mark.rfc(8689, "3")

FIELD = b"TLS-Required: No"
SUBJECT = b"Subject: hi\r\n"


def in_header(*lines: bytes) -> bytes:
    return SUBJECT + b"".join(line + b"\r\n" for line in lines) + b"\r\nbody\r\n"


@pytest.mark.parametrize(
    "field",
    [
        FIELD,
        b"TLS-Required:No",
        b"tls-required: NO",
        b"TLS-REQUIRED: nO",
        b"TLS-Required:\t  No",
        b"TLS-Required:\r\n No",
        b"TLS-Required: \r\n\tNo",
        b"TLS-Required : No",
        b"TLS-Required: No \t",
        b"TLS-Required: No\r\n ",
    ],
)
def test_the_field(field: bytes) -> None:
    assert says_tls_optional(in_header(field))
    assert says_tls_optional(in_header(b"X: y", field, b"Z: \xff", b" folded"))
    assert says_tls_optional(field + b"\r\n"), "a header alone"
    assert says_tls_optional(field), "without a line end"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\n" + FIELD + b"\r\n",
        in_header(),
        in_header() + FIELD + b"\r\n",
        in_header(b"TLS-Required: Yes"),
        in_header(b"TLS-Required:"),
        in_header(b"TLS-Required: No (really)"),
        in_header(b"TLS-Required: (really) No"),
        in_header(b"TLS-Required: N\r\n o"),
        in_header(b"TLS-Required: No\r\n Yes"),
        in_header(b"TLS-Required: No, No"),
        in_header(b'TLS-Required: "No"'),
        in_header(b"TLS-Required: \xc2\xa0No"),
        in_header(FIELD, FIELD),
        in_header(FIELD, b"TLS-Required: Yes"),
        in_header(b"TLS-Required: Yes", FIELD),
        in_header(b"X-TLS-Required: No"),
        in_header(b"TLS-Required-X: No"),
        in_header(b"TLS-Required No"),
        in_header(b"X: y", b" " + FIELD),
        b" " + FIELD + b"\r\n\r\n",
        in_header(b"this is no field", FIELD),
        in_header(b"X y: z", FIELD),
    ],
)
def test_what_is_not_the_field(message: bytes) -> None:
    assert not says_tls_optional(message)


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_whatever_ends_the_lines_of_a_message(end: bytes) -> None:
    assert prepare(in_header(FIELD).replace(b"\r\n", end)).tls_optional
    assert not prepare((in_header() + FIELD).replace(b"\r\n", end)).tls_optional


def test_a_header_that_does_not_end_is_not_read() -> None:
    room = MAX_HEADER - len(FIELD + b"\r\n" + b"X: " + b"\r\n\r\n")
    assert says_tls_optional(FIELD + b"\r\nX: " + b"x" * room + b"\r\n\r\nbody")
    assert not says_tls_optional(FIELD + b"\r\nX: " + b"x" * (room + 1) + b"\r\n\r\nbody")
    assert not says_tls_optional(FIELD + b"\r\n" + b"X: x\r\n" * MAX_HEADER)


@pytest.mark.parametrize(
    "hostile", [b"tls-required  ", b"tls-required:\r\n", b"tls-required:\r\n ", b"\r\n ", b"\r\n tls-required:", b":"]
)
def test_the_time_grows_with_the_length_alone(hostile: bytes) -> None:
    message = b"TLS-Required: x" + hostile * ((MAX_HEADER - 64) // len(hostile)) + b"\r\n\r\nbody"
    started = time.process_time()
    assert not says_tls_optional(message)
    assert time.process_time() - started < 1


PIECES = st.sampled_from(
    [
        b"TLS-Required",
        b"tls-required",
        b":",
        b" ",
        b"\t",
        b"No",
        b"no",
        b"Yes",
        b"\r\n",
        b"\r\n\r\n",
        b"X: y",
        b"\xff",
        b"x",
    ]
)


def independent(message: bytes) -> bool:
    """The same answer, unfolded and read field by field."""
    header = re.sub(rb"\r\n([ \t])", rb"\1", message.partition(b"\r\n\r\n")[0])
    values = []
    for number, line in enumerate(header.split(b"\r\n")):
        if number == 0 and line[:1] in (b" ", b"\t"):
            continue  # the continuation of nothing
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or not name or not all(33 <= octet <= 126 for octet in name):
            break
        if name.lower() == b"tls-required":
            values.append(value.strip(b" \t").lower())
    return values == [b"no"]


@given(st.lists(PIECES, max_size=24).map(b"".join))
def test_no_message_is_read_in_another_way(message: bytes) -> None:
    assert says_tls_optional(message) == independent(message)


@given(st.binary(max_size=300))
def test_any_octets(message: bytes) -> None:
    assert says_tls_optional(message) == independent(message)


@given(
    st.lists(
        st.tuples(st.from_regex(rb"[!-9;-~]{1,20}", fullmatch=True), st.from_regex(rb"[ -~]{0,20}", fullmatch=True))
    )
)
def test_other_fields_around_it_change_nothing(fields: list[tuple[bytes, bytes]]) -> None:
    others = [b"%b:%b\r\n" % field for field in fields if field[0].lower() != b"tls-required"]
    for place in range(len(others) + 1):
        message = b"".join([*others[:place], FIELD + b"\r\n", *others[place:]]) + b"\r\n" + FIELD
        assert says_tls_optional(message)
