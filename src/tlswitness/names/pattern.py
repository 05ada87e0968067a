"""MX patterns of an MTA-STS policy (RFC 8461 sections 3.2 and 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.names.host import BadName, HostName, bad_name, parse_host

WILDCARD = "*."


@dataclass(frozen=True, slots=True)
class MxPattern:
    """`mx.example.com`, or `*.example.com`, whose star stands for exactly one label."""

    host: HostName
    wildcard: bool = False

    def matches(self, host: HostName) -> bool:
        """Whether `host` is one that the pattern names; case does not count (RFC 8461 section 4.1)."""
        if not self.wildcard:
            return host.key == self.host.key
        first, _, rest = host.key.partition(".")
        return bool(first) and rest == self.host.key

    def __str__(self) -> str:
        """As reports show it: lower case (RFC 8460 section 4.4, `mx-host`)."""
        return f"{WILDCARD}{self.host.key}" if self.wildcard else self.host.key


def parse_pattern(text: str) -> MxPattern | BadName:
    """A pattern by the grammar `["*."] Domain`; policies carry A-labels, so a U-label is refused. Never raises."""
    if not text.isascii():
        return bad_name(text, "a policy names its MXs in A-labels")
    if text.endswith("."):
        return bad_name(text, "it ends in a dot")
    wildcard = text.startswith(WILDCARD)
    match parse_host(text.removeprefix(WILDCARD)):
        case HostName() as host:
            return MxPattern(host, wildcard)
        case BadName(reason=reason):
            return bad_name(text, reason)
