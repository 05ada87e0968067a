"""What a host must be for a message that requires TLS (RFC 8689 section 4.2.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.policy.plan.test_make import (
    DANE_DECIDES,
    DOMAIN,
    ENFORCE,
    HOST,
    LOCAL,
    NO_STS,
    NO_TLSA,
    OTHER_ENFORCE,
    TESTING,
    UNUSABLE,
    USABLE,
    found,
    lookup_failed,
)

from tlswitness.policy.dane import Dane, HostUnreachable, NoDane, WhyNoDane
from tlswitness.policy.plan import LocalRules, Named, Plan, Refusal, Tag, TlsWanted, make_plan
from tlswitness.policy.sts.model import StsAbsent, StsAnswer

pytestmark = pytest.mark.rfc(8689, "4.2.1")

INSECURE = NoDane("nothing is signed", WhyNoDane.MX_INSECURE)
UNNAMED_DANE = replace(USABLE, mx_secure=False)
UNSURE = StsAbsent(DOMAIN, "the TXT lookup failed", unsure=True)
NO_TLS = LocalRules(tls=TlsWanted.NO)


def make(dane: Dane, sts: StsAnswer, local: LocalRules = LOCAL, named: Named = Named.NO) -> Plan | Refusal:
    return make_plan(DOMAIN, found(dane), sts, local, tag=Tag.REQUIRE, named=named)


# (DANE, MTA-STS, rules, named) -> whether DANE authenticates, whether MTA-STS does, whether WebPKI by itself does.
GOOD: dict[str, tuple[Dane, StsAnswer, LocalRules, Named, tuple[bool, bool, bool]]] = {
    "enforce": (INSECURE, ENFORCE, LOCAL, Named.NO, (False, True, False)),
    "enforce, DNSSEC not seen": (INSECURE, ENFORCE, LOCAL, Named.UNKNOWN, (False, True, False)),
    "enforce, unusable TLSA": (UNUSABLE, ENFORCE, LOCAL, Named.YES, (False, True, False)),
    "dane": (USABLE, NO_STS, LOCAL, Named.YES, (True, False, False)),
    "dane, testing": (USABLE, TESTING, LOCAL, Named.YES, (True, False, False)),
    "both": (USABLE, ENFORCE, LOCAL, Named.YES, (True, True, False)),
    "dane decides": (USABLE, ENFORCE, DANE_DECIDES, Named.YES, (True, False, False)),
    "dane decides, MTA-STS names": (UNNAMED_DANE, ENFORCE, DANE_DECIDES, Named.NO, (True, False, False)),
    "signed MX": (NO_TLSA, NO_STS, LOCAL, Named.YES, (False, False, True)),
    "signed MX, testing": (NO_TLSA, TESTING, LOCAL, Named.YES, (False, False, True)),
    "signed MX, policy unknown": (NO_TLSA, UNSURE, LOCAL, Named.YES, (False, False, True)),
}


@pytest.mark.rfc(8689, "2")
@pytest.mark.parametrize(("dane", "sts", "local", "named", "by"), GOOD.values(), ids=GOOD)
def test_who_authenticates(
    dane: Dane, sts: StsAnswer, local: LocalRules, named: Named, by: tuple[bool, bool, bool]
) -> None:
    plan = make(dane, sts, local, named)
    assert isinstance(plan, Plan)
    assert plan.tag is Tag.REQUIRE
    assert plan.tls_demanded
    assert plan.authentication_demanded
    by_dane = plan.dane is not None and plan.dane.binding and plan.dane.authenticated
    by_sts = plan.sts is not None and plan.sts.binding
    assert (by_dane, by_sts, plan.webpki_demanded) == by
    assert "REQUIRETLS" in plan.reasons[-1]


# The same -> status, and words of the reason.
BAD: dict[str, tuple[Dane, StsAnswer, LocalRules, Named, str, str]] = {
    "nobody": (INSECURE, NO_STS, LOCAL, Named.NO, "5.7.30", "no MTA-STS policy and no signed DNS record says"),
    "testing": (INSECURE, TESTING, LOCAL, Named.NO, "5.7.30", "is in mode testing"),
    "unusable TLSA": (UNUSABLE, NO_STS, LOCAL, Named.YES, "5.7.30", "no TLSA record of MX.example.com is usable"),
    "unusable TLSA, testing": (UNUSABLE, TESTING, LOCAL, Named.YES, "5.7.30", "is usable"),
    "dane, nobody names": (UNNAMED_DANE, NO_STS, LOCAL, Named.NO, "5.7.30", "no signed DNS record says"),
    "dane, testing names": (UNNAMED_DANE, TESTING, LOCAL, Named.NO, "5.7.30", "is in mode testing"),
    "tls = no": (USABLE, ENFORCE, NO_TLS, Named.YES, "5.7.10", 'the local rule tls = "no"'),
    # What may be otherwise soon is a delay.
    "policy unknown": (INSECURE, UNSURE, LOCAL, Named.NO, "4.7.30", "could not be learnt"),
    "an older policy": (INSECURE, replace(TESTING, unsure=True), LOCAL, Named.NO, "4.7.30", "could not be learnt"),
    "unusable TLSA, policy unknown": (UNUSABLE, UNSURE, LOCAL, Named.YES, "4.7.30", "is usable"),
    "DNSSEC not seen": (INSECURE, NO_STS, LOCAL, Named.UNKNOWN, "4.7.30", "as far as this machine can see DNSSEC"),
}


@pytest.mark.rfc(8689, "2")
@pytest.mark.parametrize(("dane", "sts", "local", "named", "status", "words"), BAD.values(), ids=BAD)
def test_nobody_is_connected_to_in_vain(
    dane: Dane, sts: StsAnswer, local: LocalRules, named: Named, status: str, words: str
) -> None:
    refusal = make(dane, sts, local, named)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.host, refusal.by_message) == (status, HOST, True)
    assert refusal.reason.startswith("the message requires TLS (REQUIRETLS), and ")
    assert words in refusal.reason
    assert (refusal.failure, refusal.events) == (None, ()), "nobody failed: there is nothing to report"
    assert refusal.by_sts, "a newer policy might name the host"


@pytest.mark.parametrize("tag", [Tag.NORMAL, Tag.REQUIRE])
def test_what_refuses_everybodys_mail_refuses_this_in_the_same_words(tag: Tag) -> None:
    for finding, sts in (
        (found(USABLE), OTHER_ENFORCE),
        (found(lookup_failed("SERVFAIL")), ENFORCE),
        (HostUnreachable(HOST, "it has no addresses"), NO_STS),
    ):
        refusal = make_plan(DOMAIN, finding, sts, LOCAL, tag=tag, named=Named.YES)
        assert refusal == make_plan(DOMAIN, finding, sts, LOCAL)
        assert isinstance(refusal, Refusal)
        assert refusal.status.startswith("4."), "a delay, never a bounce"
