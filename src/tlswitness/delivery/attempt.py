"""One attempt at one address of one MX: connect, greet, STARTTLS, judge, and say what came of it.

Separate from the route, which decides where to try next, and from the transaction: a session is ready for mail only
when its verdict is good and a first reply has come through TLS. Of each connection one outcome is reported here, at
the moment it becomes known (RFC 8460 section 4.2; RFC 3207 section 4; RFC 7672 section 2.2; RFC 8461 section 5; RFC
8689 section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import NotReportable, Outcome, SessionEnded
from tlswitness.delivery.connection import ConnectFailed, Connection
from tlswitness.delivery.judged import Findings
from tlswitness.delivery.outcome import CLEAR_TEXT, Relay, TlsFacts
from tlswitness.delivery.places import Places
from tlswitness.delivery.required import refused_for_good
from tlswitness.delivery.settings import Destination
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.delivery.smtp.conversation import (
    Greeted,
    TlsFailed,
    TlsUp,
    greet,
    hello_after_tls,
    starttls,
)
from tlswitness.delivery.smtp.talk import Lost, Refused, Strength, Timeouts
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.delivery.verdict.judge import Verdict
from tlswitness.net import Dialer
from tlswitness.policy.plan import Plan, Tag
from tlswitness.policy.plan.required import DEMANDED, NOT_SUPPORTED

POLICY_STATUS = "4.7.5"
"""Enhanced status code of a session that a policy forbids to use (RFC 3463: cryptographic failure)."""

_NO_COMMON_TLS = (Cause.TLS_ALERT, Cause.TLS_LOCAL)

Judge = Callable[[Chain, Plan, str | None], Verdict]
"""Of a chain under a plan, by the trust anchors at a path (None: the system's)."""
Report = Callable[[Outcome], None]


@dataclass(slots=True, eq=False)
class Session:
    """A session that may carry mail."""

    connection: Connection
    plan: Plan
    relay: Relay
    capabilities: Capabilities
    tls: TlsFacts = CLEAR_TEXT
    messages: int = 0
    """Transactions so far."""


@dataclass(frozen=True, slots=True)
class Broken:
    """No session with this address: go on to the next."""

    relay: Relay
    status: str
    """Enhanced status code; of class 5 where trying again is of no use."""
    text: str
    verdict: str
    """In short, for the log: what kind of end it was."""
    sts_forbids: bool = False
    """A binding MTA-STS policy is in the way; a newer one might not be."""
    tls: TlsFacts = CLEAR_TEXT
    """Clear text where TLS did not come up."""


@dataclass(frozen=True, slots=True)
class _Again:
    """TLS failed where nothing forbids to go on: connect again. The failure is told; what follows is not."""

    strength: Strength | None
    """Wider TLS, for weak TLS beats clear text (RFC 7435); None: clear text."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens sessions."""

    dialer: Dialer
    contexts: TlsContexts
    judge: Judge
    report: Report
    places: Places = field(default_factory=Places)

    async def open(self, plan: Plan, address: str, destination: Destination) -> Session | Broken:
        """A session with `address` under `plan`, or why there is none."""
        result = await _Attempt(self, plan, address, destination, _strength(plan)).run()
        while isinstance(result, _Again):
            result = await _Attempt(self, plan, address, destination, result.strength, again=True).run()
        return result


@dataclass(slots=True)
class _Attempt:
    opener: Opener
    plan: Plan
    address: str
    destination: Destination
    strength: Strength | None
    """None: TLS is not tried."""
    again: bool = False
    """A session with this address has been reported, and this one follows from its failure."""
    told: bool = False
    """The outcome of this connection has been reported."""

    @property
    def timeouts(self) -> Timeouts:
        return self.destination.timeouts

    @property
    def ehlo_name(self) -> str:
        return self.destination.sender.ehlo_name

    @property
    def relay(self) -> Relay:
        return Relay(self.plan.host.text, self.address, self.plan.port)

    async def run(self) -> Session | Broken | _Again:
        try:
            return await self._connect()
        finally:
            if not self.told:  # cancelled, or broken off by a fault of ours: nobody's failure
                self._tell(NotReportable("the session was cut short by ourselves"))

    async def _open(self) -> Connection | ConnectFailed:
        places = self.opener.places
        await places.take()
        connection: Connection | ConnectFailed | None = None
        try:
            connection = await Connection.open(
                self.opener.dialer,
                self.address,
                self.plan.port,
                contexts=self.opener.contexts,
                source=self.destination.sender.source(self.address),
                timeouts=self.timeouts,
            )
        finally:
            if isinstance(connection, Connection):
                connection.when_closed(places.give_back)
            else:
                places.give_back()
        return connection

    async def _connect(self) -> Session | Broken | _Again:
        connection = await self._open()
        if isinstance(connection, ConnectFailed):
            self._tell(NotReportable(f"no connection: {connection.reason}"))
            text = f"cannot connect to {self.relay}: {connection.reason}"
            return Broken(self.relay, "4.3.5" if connection.local else "4.4.1", text, "not connected")
        try:
            result = await self._talk(connection)
        except BaseException:
            connection.abort()
            raise
        if not isinstance(result, Session):
            connection.abort()
        return result

    async def _talk(self, connection: Connection) -> Session | Broken | _Again:
        greeted = await connection.run(greet(self.ehlo_name, self.timeouts))
        if not isinstance(greeted, Greeted):
            self._tell(NotReportable(f"{greeted.stage} failed: no event of TLS"))
            return await self._refused(connection, greeted)
        if self.strength is None:
            self._tell(NotReportable("TLS was not tried on this connection"))
            return self._ready(connection, greeted.capabilities, CLEAR_TEXT)
        secured = await connection.run(starttls(greeted.capabilities, self.plan.sni, self.strength, self.timeouts))
        match secured:
            case TlsFailed():
                return await self._without_tls(connection, greeted, secured)
            case TlsUp(chain=chain):
                return await self._within_tls(connection, greeted, chain)

    async def _without_tls(
        self, connection: Connection, greeted: Greeted, failed: TlsFailed
    ) -> Session | Broken | _Again:
        """TLS did not come up: the session is a failure under each policy, whether or not the mail goes on."""
        findings = Findings(self.plan, failure=failed.failure)
        self._report(connection, greeted, findings)
        if self.strength is Strength.JUDGED and failed.failure.cause in _NO_COMMON_TLS:
            return _Again(Strength.WIDE)  # also where TLS is demanded: any will do
        if not self.plan.tls_demanded:
            if failed.clear_usable:
                return self._ready(connection, greeted.capabilities, CLEAR_TEXT)
            return _Again(None)
        await connection.quit()
        return self._forbidden(findings, failed.failure)

    async def _within_tls(self, connection: Connection, greeted: Greeted, chain: Chain) -> Session | Broken | _Again:
        findings = Findings(self.plan, self.opener.judge(chain, self.plan, self.destination.trust))
        facts = TlsFacts(chain.protocol, chain.cipher, findings.verified_by())
        forbidden = findings.forbids()
        if forbidden is not None:
            await self._leave(connection, greeted, findings)
            return self._forbidden(findings, forbidden, facts)
        hello = await connection.run(hello_after_tls(self.ehlo_name, self.timeouts))
        match hello:
            case TlsFailed(failure=failure):
                findings = replace(findings, failure=failure)
                self._report(connection, greeted, findings)
                return self._forbidden(findings, failure, facts) if self.plan.tls_demanded else _Again(None)
            case Greeted(capabilities=capabilities, helo=helo):
                self._report(connection, replace(greeted, helo=greeted.helo or helo), findings)
                if self.plan.tag is Tag.REQUIRE and not capabilities.require_tls:
                    return await self._not_passed_on(connection, facts)
                return self._ready(connection, capabilities, facts)
            case Refused() | Lost():
                self._report(connection, greeted, findings)
                return replace(await self._refused(connection, hello), tls=facts)

    async def _not_passed_on(self, connection: Connection, tls: TlsFacts) -> Broken:
        """TLS is as it should be, and the server would not pass the demand for it on (RFC 8689 section 4.2.1)."""
        await connection.quit()
        text = f"{DEMANDED}{self.relay} does not offer REQUIRETLS after STARTTLS"
        return Broken(self.relay, NOT_SUPPORTED, text, "requiretls-not-supported", tls=tls)

    async def _leave(self, connection: Connection, greeted: Greeted, findings: Findings) -> None:
        """After a bad verdict, QUIT (RFC 3207 section 4.1): its reply is the first within TLS.

        Cancelled before that, what the chain failed is a fact all the same, and what it passed is not.
        """
        known = replace(findings, proven=False)
        try:
            known = replace(findings, late=await connection.quit())
        finally:
            self._report(connection, greeted, known)

    def _report(self, connection: Connection, greeted: Greeted, findings: Findings) -> None:
        plan = self.plan
        if self.again:
            self._tell(NotReportable("it follows from the failure of a session that has been told"))
            return
        if plan.sts is None and plan.dane is None and not self.destination.report_without_policy:
            self._tell(NotReportable("no policy, and sessions without one are not reported"))
            return
        self._tell(
            SessionEnded(
                recipient_domain=plan.domain,
                judged=findings.judged(),
                sending_ip=self.destination.sender.reported(connection.local_ip),
                mx=plan.host.text,
                receiving_ip=connection.peer_ip,
                helo=greeted.helo,
            )
        )

    def _tell(self, outcome: Outcome) -> None:
        self.told = True
        self.opener.report(outcome)

    async def _refused(self, connection: Connection, why: Refused | Lost) -> Broken:
        await connection.quit()
        # A server that turns everyone away says nothing about the next MX: 5yz defers here (RFC 5321 section 5.1).
        said = "said" if isinstance(why, Refused) else "lost:"
        return Broken(self.relay, _temporary(why.status), f"{self.relay} {said} {why.text}", f"{why.stage} failed")

    def _forbidden(self, findings: Findings, failure: Failure, tls: TlsFacts = CLEAR_TEXT) -> Broken:
        text = f"{self.relay}: {failure.words} ({failure.result_type})"
        status = refused_for_good(self.plan, failure)
        if status is not None:
            text = f"{DEMANDED}{text}"
        return Broken(self.relay, status or POLICY_STATUS, text, str(failure.result_type), findings.sts_forbids(), tls)

    def _ready(self, connection: Connection, capabilities: Capabilities, tls: TlsFacts) -> Session:
        limits = self.destination.limits
        if not (limits.pipelining and limits.chunking):
            pipelining = capabilities.pipelining and limits.pipelining
            chunking = capabilities.chunking and pipelining and limits.chunking
            capabilities = replace(capabilities, pipelining=pipelining, chunking=chunking)
        return Session(connection, self.plan, self.relay, capabilities, tls)


def _strength(plan: Plan) -> Strength | None:
    if not plan.tls_tried:
        return None
    if plan.authentication_demanded:
        return Strength.DEMANDED
    return Strength.JUDGED if plan.certificate_judged else Strength.WIDE


def _temporary(status: str) -> str:
    return f"4{status[1:]}"
