"""The outcome of one session, put together policy by policy. Pure.

Separate because three moments end a session's TLS story (before the handshake, at the verdict, at the first reply
after it) and all three must tell it alike: each policy with everything that failed under it
(RFC 8460 section 4.4; one data point for each policy of a session).
"""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.datapoint.failure import Failure, by_severity
from tlswitness.datapoint.outcome import Judged, PolicyFacts
from tlswitness.datapoint.results import PolicyType
from tlswitness.delivery.verdict.judge import Verdict
from tlswitness.policy.plan import Plan

NOTHING = Verdict(sts=None, tlsa=None, local=None, valid_from=0.0, valid_until=0.0)
"""The verdict on a session that never came to a chain."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a session came to: the verdict on its chain, and what else went wrong with its TLS."""

    plan: Plan
    verdict: Verdict = NOTHING
    failure: Failure | None = None
    """A failure of the session as such: under each policy."""
    late: Failure | None = None
    """TLS broke while we took our leave after a bad verdict: held only against policies that nothing else failed under,
    for many servers answer QUIT by closing, and the verdict is what the session failed for."""
    proven: bool = True
    """Whether a policy that nothing failed under has been passed: False before the first reply within TLS."""

    def judged(self) -> tuple[Judged, ...]:
        """One entry for each policy whose outcome is known, DANE first; `no-policy-found` where there is none."""
        plan = self.plan
        entries: list[Judged] = []
        if plan.dane is not None:
            entries.append(Judged(plan.dane.facts(), self._all(plan.dane.standing, self.verdict.tlsa)))
        if plan.sts is not None:
            entries.append(Judged(plan.sts.facts(), self._all(plan.sts.standing, self.verdict.sts)))
        if not entries:
            entries.append(Judged(PolicyFacts(PolicyType.NONE, plan.domain), self._all((), ())))
        return tuple(entry for entry in entries if entry.failures or self.proven)

    def forbids(self) -> Failure | None:
        """The gravest failure that forbids to send mail over this session as it is; None where mail may go."""
        return next(iter(by_severity(self._binding())), None)

    def sts_forbids(self) -> bool:
        """Whether a binding MTA-STS policy is among those that forbid: a newer policy might not."""
        sts = self.plan.sts
        return sts is not None and sts.binding and bool(self._all((), self.verdict.sts))

    def verified_by(self) -> tuple[str, ...]:
        """The policies that the session passed."""
        return tuple(
            str(entry.policy.policy_type)
            for entry in self.judged()
            if not entry.failures and entry.policy.policy_type is not PolicyType.NONE
        )

    def _binding(self) -> tuple[Failure, ...]:
        plan, verdict = self.plan, self.verdict
        failures: tuple[Failure, ...] = ()
        if plan.dane is not None and plan.dane.binding and plan.dane.authenticated:
            failures += verdict.tlsa or ()
        if plan.sts is not None and plan.sts.binding:
            failures += verdict.sts or ()
        if plan.webpki_demanded:
            failures += verdict.local or ()
        if self.failure is not None and plan.tls_demanded:
            failures += (self.failure,)
        return failures

    def _all(self, standing: tuple[Failure, ...], found: tuple[Failure, ...] | None) -> tuple[Failure, ...]:
        own = (self.failure,) if self.failure is not None else ()
        failures = own + standing + (found or ())
        return failures if failures or self.late is None else (self.late,)
