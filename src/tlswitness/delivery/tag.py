"""How a message is tagged: by its envelope, else by its header (RFC 8689 section 4.1).

Separate because the route, which obeys the tag, and the engine, which says it to its caller, must agree. Pure.
"""

from __future__ import annotations

from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp.message import Content
from tlswitness.policy.plan import Tag


def tag_of(envelope: Envelope, content: Content) -> Tag:
    """The tag of a message, the same for all its recipients. Where REQUIRETLS is asked for, the header has no say."""
    if envelope.require_tls:
        return Tag.REQUIRE
    return Tag.OPTIONAL if content.tls_optional else Tag.NORMAL
