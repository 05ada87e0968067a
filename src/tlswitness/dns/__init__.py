"""One resolver seam: what DNS said, and how far it may be believed.

Separate because the security of each answer decides over clear text, and that decision must have one source.
dnspython stands behind it at the level of messages: its Resolver hides SERVFAIL, the AD bit and EDE from its callers.
RFC 7672 section 2.1 (states of an answer), RFC 4035, RFC 8914 (EDE).
"""

from tlswitness.dns.answer import (
    Alias,
    Answer,
    Denial,
    Denied,
    Found,
    LookupFailed,
    MxRecord,
    Record,
    RecordType,
    Resolver,
    Security,
    TlsaRecord,
    TxtRecord,
)
from tlswitness.dns.mx import MxAnswer, MxEntry, MxHosts, MxLookupFailed, NoSuchDomain, NullMx, find_mx
from tlswitness.dns.resolver import DnsResolver, ResolverSettings
from tlswitness.dns.servers import Server, system_servers
from tlswitness.dns.trust import ServerReport, ServerTrust, TrustReport, TrustState

__all__ = [
    "Alias",
    "Answer",
    "Denial",
    "Denied",
    "DnsResolver",
    "Found",
    "LookupFailed",
    "MxAnswer",
    "MxEntry",
    "MxHosts",
    "MxLookupFailed",
    "MxRecord",
    "NoSuchDomain",
    "NullMx",
    "Record",
    "RecordType",
    "Resolver",
    "ResolverSettings",
    "Security",
    "Server",
    "ServerReport",
    "ServerTrust",
    "TlsaRecord",
    "TrustReport",
    "TrustState",
    "TxtRecord",
    "find_mx",
    "system_servers",
]
