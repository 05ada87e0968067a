"""What the sender of a message asks of TLS, whatever its recipient's domain asks (RFC 8689).

Separate from the policies because it comes with a message and goes with it: plans, sessions and bounces differ by it.
"""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """How a message is tagged (RFC 8689 section 4.1)."""

    NORMAL = "normal"
    """As the policies say."""
    REQUIRE = "require-tls"
    """REQUIRETLS: to authenticated servers alone, which pass the demand on."""
    OPTIONAL = "tls-optional"
    """`TLS-Required: No`: the mail is to arrive, over TLS where that can be had; no policy of the domain forbids it."""


class Named(StrEnum):
    """Whether somebody vouches for a host's being one of its domain's, MTA-STS apart (RFC 8689 section 2)."""

    YES = "named"
    """By DNSSEC, by the operator's own route, or because it is the domain itself."""
    NO = "not named"
    """Nobody does."""
    UNKNOWN = "unknown"
    """DNSSEC might, and this machine cannot tell at present."""
