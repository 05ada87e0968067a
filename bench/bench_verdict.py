"""The verdict on a chain, cold and remembered, beside OpenSSL's own verification through pyOpenSSL.

Theirs reads the certificates, builds the path and checks its dates; names, DANE and what else is wrong are not in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from OpenSSL import crypto

from bench.measure import Comparison, Pace, Target, calls, race
from tlswitness.delivery.verdict import Chain, TrustStore, judge
from tlswitness.delivery.verdict.memo import Memo
from tlswitness.dns.answer import RecordType, Security
from tlswitness.lab.authority import Authority, Issued
from tlswitness.lab.fakes import FakeResolver
from tlswitness.lab.policyhost import policy_text
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane import NextHop, run, walk
from tlswitness.policy.plan import LocalRules, Plan, make_plan
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import StsAbsent, StsAnswer, StsApplies, StsPolicy

MX = HostName("mx.bench.test", "mx.bench.test")
DOMAIN = Domain("bench.test")


def bench(pace: Pace) -> Iterator[Comparison]:
    authority = Authority(time.time())
    issued = authority.issue([MX.text])
    chain, trust, now = Chain(issued.chain), TrustStore.from_pem(authority.trust_pem), time.time()
    memo = Memo(trust)
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(authority.root.certificate))

    def theirs() -> None:
        leaf, *others = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in issued.chain]
        crypto.X509StoreContext(store, leaf, others).verify_certificate()

    peer = "pyOpenSSL"
    for what, plan in _plans(issued).items():
        assert judge(chain, plan, trust, now).sts in (None, ())
        assert judge(chain, plan, trust, now).tlsa in (None, ())
        yield race(
            f"verdict under {what}",
            "/s",
            [
                calls("judge", lambda: judge(chain, plan, trust, now), pace),  # noqa: B023
                # A chain as a handshake gives it: its fingerprint is not known yet.
                calls("remembered", lambda: memo.judge(Chain(issued.chain), plan, now), pace),  # noqa: B023
                calls(peer, theirs, pace),
            ],
            [("judge", peer, None), ("remembered", peer, Target(1))],
            pace.rounds,
        )


def _plans(issued: Issued) -> dict[str, Plan]:
    policy = parse_policy(policy_text(MX.text))
    assert isinstance(policy, StsPolicy)
    applies, absent = StsApplies(DOMAIN, policy, cached=True), StsAbsent(DOMAIN, "none")
    return {
        "MTA-STS": _plan(issued, applies, dane=False),
        "DANE 3 1 1": _plan(issued, absent, dane=True),
        "both": _plan(issued, applies, dane=True),
    }


def _plan(issued: Issued, sts: StsAnswer, *, dane: bool) -> Plan:
    resolver = FakeResolver()
    resolver.add(MX.key, RecordType.A, "192.0.2.1", security=Security.SECURE)
    resolver.add(f"_25._tcp.{MX.key}", RecordType.TLSA, issued.tlsa(3, 1, 1), security=Security.SECURE)
    finding = asyncio.run(run(walk(MX, NextHop(DOMAIN, DOMAIN, secure=dane)), resolver))
    plan = make_plan(DOMAIN, finding, sts, LocalRules())
    assert isinstance(plan, Plan)
    return plan
