"""Names as mail uses them: domains, MX host names, MX patterns, reference identifiers.

Separate because everything else needs names and names need nothing. A name from the network is validated once,
here, and is a value afterwards: a bad one is a `BadName` with a reason, never an exception later on
(an MX called `a..b` must not raise in the TLS library). A-labels are those of IDNA 2008 (RFC 5890, 5891).
"""

from tlswitness.names.host import BadName, Domain, HostName, parse_domain, parse_host
from tlswitness.names.pattern import MxPattern, parse_pattern
from tlswitness.names.reference import dns_id_matches

__all__ = [
    "BadName",
    "Domain",
    "HostName",
    "MxPattern",
    "dns_id_matches",
    "parse_domain",
    "parse_host",
    "parse_pattern",
]
