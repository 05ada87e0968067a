"""Whether the resolvers that we believe really validate: the self-test's verdict, and what follows from it.

Separate because a wrong step here is a silent downgrade of all mail. The rules, all in `_step`:
- only a test that *proves* that a resolver does not validate changes anything; an inconclusive one does not;
- proven at the first test: its AD bit is not believed, and without another resolver DANE is off, loudly;
- proven later: validation is LOST, an alarm; names known to be secure fail (`known.py`) until a test passes again.
The test: the root zone is signed, so a validating resolver answers its SOA with AD; `home.arpa.` must never be signed
(RFC 8375 section 4), so one that sets AD there sets it on everything. Pure: messages and a clock come in.
RFC 7672 section 2.1.1, RFC 4035 section 3.2.3, RFC 6840 section 5.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from tlswitness.dns.answer import LookupFailed
from tlswitness.dns.interpret import failure_of
from tlswitness.dns.servers import Server, is_trusted

SIGNED_NAME = ""
"""The root zone."""
UNSIGNED_NAME = "home.arpa"

TEST_INTERVAL = 3_600.0
"""Seconds between tests while every believed resolver is known to validate."""
DOUBT_INTERVAL = 60.0
"""Seconds between tests while one is not."""


class Validation(StrEnum):
    """What one test showed."""

    VALIDATING = "validating"
    NOT_VALIDATING = "not validating"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Probe:
    """One test of one resolver."""

    validation: Validation
    reason: str


class ServerTrust(StrEnum):
    """How far the AD bit of one server is believed."""

    UNTRUSTED = "not trusted"
    """Neither on loopback nor named by the operator."""
    UNTESTED = "not yet tested"
    VALIDATING = "validating"
    UNPROVEN = "not proven"
    """Tests were inconclusive: nothing changes, its AD bit is believed."""
    NOT_VALIDATING = "not validating"
    """Proven at the first test."""
    LOST = "validation lost"
    """Proven after it had been believed."""


class TrustState(StrEnum):
    """All servers taken together; `TrustReport.words` says it to people."""

    UNTRUSTED = "off: no trusted resolver"
    NOT_VALIDATING = "off: resolver does not validate"
    UNTESTED = "not yet tested"
    UNPROVEN = "on: resolver not proven"
    VALIDATING = "on"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server's standing."""

    server: Server
    trust: ServerTrust
    reason: str
    """In words: what the last test that showed something showed."""
    tested: float | None = None
    """Clock of the last test."""


@dataclass(frozen=True, slots=True)
class TrustReport:
    """The state for `check`, status and logs."""

    state: TrustState
    servers: tuple[ServerReport, ...]

    @property
    def dane(self) -> bool:
        """Whether secure answers can be had, or must be waited for (LOST); else DANE is off."""
        return self.state not in (TrustState.UNTRUSTED, TrustState.NOT_VALIDATING)

    @property
    def seen(self) -> bool:
        """Whether an answer that is not secure is unsigned indeed; of a resolver that may not validate nobody can tell.

        One that is not tested is believed without.
        """
        return self.state in (TrustState.VALIDATING, TrustState.UNTESTED)

    @property
    def alarm(self) -> bool:
        """Whether a person must look at this."""
        broken = (ServerTrust.NOT_VALIDATING, ServerTrust.LOST)
        return self.state in (TrustState.NOT_VALIDATING, TrustState.LOST) or any(
            report.trust in broken for report in self.servers
        )

    @property
    def words(self) -> str:
        """One sentence on what holds, then each server and why."""
        each = "; ".join(f"{report.server}: {report.trust} ({report.reason})" for report in self.servers)
        return f"{_WORDS[self.state]} {each}".strip()


_WORDS = {
    TrustState.UNTRUSTED: "DANE is off: no resolver is on 127.0.0.1 or ::1 or named as trusted.",
    TrustState.NOT_VALIDATING: "DANE is off: the trusted resolver does not validate DNSSEC.",
    TrustState.UNTESTED: "The trusted resolver has not been tested yet.",
    TrustState.UNPROVEN: "DANE is on, but the test of the resolver was inconclusive.",
    TrustState.VALIDATING: "DANE is on.",
    TrustState.LOST: "The resolver has stopped validating DNSSEC: mail to hosts known to have TLSA records waits.",
}


def judge_probe(signed: dns.message.Message | LookupFailed, unsigned: dns.message.Message | LookupFailed) -> Probe:
    """The verdict on a server from its answers to the SOA of the root and of `home.arpa`."""
    if isinstance(signed, LookupFailed):
        return Probe(Validation.INCONCLUSIVE, f"no answer for the root zone: {signed.code}")
    if signed.rcode() != dns.rcode.NOERROR:
        return Probe(Validation.INCONCLUSIVE, f"no answer for the root zone: {failure_of(signed).code}")
    types = {rrset.rdtype for rrset in signed.answer if rrset.name == dns.name.root}
    if dns.rdatatype.SOA not in types:
        return Probe(Validation.INCONCLUSIVE, "an answer for the root zone without its SOA")
    if not signed.flags & dns.flags.AD:
        if signed.flags & dns.flags.AA:
            return Probe(Validation.INCONCLUSIVE, "it answers for the root zone by itself, which shows nothing")
        if dns.rdatatype.RRSIG in types:
            return Probe(Validation.NOT_VALIDATING, "it passes signatures on but does not check them")
        return Probe(Validation.NOT_VALIDATING, "it leaves signatures out and sets no AD bit for the root zone")
    if isinstance(unsigned, dns.message.Message) and unsigned.flags & dns.flags.AD:
        return Probe(Validation.NOT_VALIDATING, f"it sets the AD bit for {UNSIGNED_NAME} too, which cannot be signed")
    return Probe(Validation.VALIDATING, "the root zone is validated")


class Trust:
    """The standing of each server, moved by probes alone."""

    def __init__(
        self,
        servers: Iterable[Server],
        named: Iterable[str],
        clock: Callable[[], float],
        *,
        interval: float = TEST_INTERVAL,
        doubt_interval: float = DOUBT_INTERVAL,
    ) -> None:
        names = frozenset(named)
        self._clock = clock
        self._interval = interval
        self._doubt_interval = doubt_interval
        self._reports = {server: _first_report(server, is_trusted(server, names)) for server in servers}
        self._tested: float | None = None
        self._passed: frozenset[Server] = frozenset()

    @property
    def report(self) -> TrustReport:
        return TrustReport(self.state, tuple(self._reports.values()))

    @property
    def state(self) -> TrustState:
        trusts = {report.trust for report in self._reports.values()}
        return next((state for trust, state in _STATES if trust in trusts), TrustState.UNTRUSTED)

    @property
    def lost(self) -> bool:
        return self.state is TrustState.LOST

    def proven(self) -> tuple[Server, ...]:
        """The servers that passed the last test, not just an earlier one."""
        return tuple(server for server in self.to_test() if server in self._passed)

    def usable(self) -> tuple[Server, ...]:
        """Whom to ask now: the best that there are, never a worse one beside them.

        An answer of a server that does not validate would look insecure where the other's is bogus: a downgrade.
        """
        for level in _LEVELS:
            if servers := tuple(server for server, report in self._reports.items() if report.trust in level):
                return servers
        return tuple(self._reports)

    def believes(self, server: Server) -> bool:
        """Whether the AD bit of this server counts."""
        report = self._reports.get(server)
        return report is not None and report.trust in _BELIEVED

    def to_test(self) -> tuple[Server, ...]:
        """The servers whose AD bit would count if they validate."""
        return tuple(s for s, report in self._reports.items() if report.trust is not ServerTrust.UNTRUSTED)

    def due(self) -> bool:
        """Whether it is time for a test."""
        if not self.to_test():
            return False
        doubt = any(self._reports[server].trust is not ServerTrust.VALIDATING for server in self.to_test())
        return self.older_than(self._doubt_interval if doubt else self._interval)

    def older_than(self, seconds: float) -> bool:
        """Whether the last test is at least this old, or there was none."""
        return self._tested is None or self._clock() - self._tested >= seconds

    def record(self, probes: Mapping[Server, Probe]) -> bool:
        """Take in the results of a test; True when a server's standing changed."""
        before = {server: report.trust for server, report in self._reports.items()}
        self._tested = self._clock()
        self._passed = frozenset(s for s, probe in probes.items() if probe.validation is Validation.VALIDATING)
        for server, probe in probes.items():
            old = self._reports[server]
            trust = _step(old.trust, probe.validation)
            keeps_reason = trust is old.trust and probe.validation is Validation.INCONCLUSIVE
            reason = old.reason if keeps_reason and trust is not ServerTrust.UNPROVEN else probe.reason
            self._reports[server] = ServerReport(server, trust, reason, self._tested)
        return before != {server: report.trust for server, report in self._reports.items()}


_BELIEVED = frozenset({ServerTrust.VALIDATING, ServerTrust.UNPROVEN, ServerTrust.UNTESTED})
_LEVELS = (
    frozenset({ServerTrust.VALIDATING}),
    frozenset({ServerTrust.UNPROVEN, ServerTrust.UNTESTED}),
    frozenset({ServerTrust.LOST}),
)
# The first that any server has is the state of the whole.
_STATES = (
    (ServerTrust.VALIDATING, TrustState.VALIDATING),
    (ServerTrust.UNTESTED, TrustState.UNTESTED),
    (ServerTrust.UNPROVEN, TrustState.UNPROVEN),
    (ServerTrust.LOST, TrustState.LOST),
    (ServerTrust.NOT_VALIDATING, TrustState.NOT_VALIDATING),
)


def _first_report(server: Server, trusted: bool) -> ServerReport:
    if trusted:
        return ServerReport(server, ServerTrust.UNTESTED, "no test yet")
    return ServerReport(server, ServerTrust.UNTRUSTED, "its AD bit may be anybody's")


def _step(trust: ServerTrust, shown: Validation) -> ServerTrust:
    match trust, shown:
        case ServerTrust.UNTRUSTED, _:
            return trust
        case _, Validation.VALIDATING:
            return ServerTrust.VALIDATING
        case ServerTrust.UNTESTED, Validation.INCONCLUSIVE:
            return ServerTrust.UNPROVEN
        case ServerTrust.UNTESTED, Validation.NOT_VALIDATING:
            return ServerTrust.NOT_VALIDATING
        case ((ServerTrust.VALIDATING | ServerTrust.UNPROVEN), Validation.NOT_VALIDATING):
            return ServerTrust.LOST
        case _:
            return trust
