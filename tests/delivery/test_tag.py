import pytest

from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp.message import prepare
from tlswitness.delivery.tag import tag_of
from tlswitness.policy.plan import Tag

PLAIN = b"Subject: hi\r\n\r\nhello\r\n"
NO = b"TLS-Required: No\r\n" + PLAIN
TWICE = b"TLS-Required: No\r\n" + NO


@pytest.mark.rfc(8689, "4.1")
@pytest.mark.rfc(8689, "4.3")
@pytest.mark.parametrize(
    ("require_tls", "message", "tag"),
    [
        (False, PLAIN, Tag.NORMAL),
        (False, NO, Tag.OPTIONAL),
        (False, TWICE, Tag.NORMAL),
        (True, PLAIN, Tag.REQUIRE),
        (True, NO, Tag.REQUIRE),
    ],
)
@pytest.mark.parametrize("sender", ["me@example.org", ""])
def test_the_envelope_has_the_first_word(require_tls, message, tag, sender):
    envelope = Envelope(sender, ("you@example.com",), require_tls=require_tls)
    assert tag_of(envelope, prepare(message)) is tag
