"""The comparison is able to fail: each wrong expectation, and each member that is missing or too many, gives words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tlswitness.datapoint import DataPoint, decode
from tlswitness.lab.choose import choose
from tlswitness.lab.compare import Shown, describe
from tlswitness.lab.table import Mail, expected

TLSA = {"policy-type": "tlsa", "policy-domain": "mx.%", "policy-string": ["3 1 1 00"]}
STS = {"policy-type": "sts", "policy-domain": "%", "policy-string": ["mode: enforce"], "mx-host": ["mx.%"]}
NONE = {"policy-type": "no-policy-found", "policy-domain": "%"}
SESSION = {
    "sending-mta-ip": "127.0.0.1",
    "receiving-mx-hostname": "MX.%",
    "receiving-ip": "127.0.0.2",
    "receiving-mx-helo": "mx.%",
}


def point(domain: str, *, policy: Mapping[str, Any], without: str = "", **members: Any) -> DataPoint:
    """A point of the seed's shape; `failure` is its result type and words, % the domain."""
    failure = members.pop("failure", None)
    made: dict[str, Any] = {"epoch": 1, "type": int(failure is None), "policy": dict(policy)}
    if failure:
        made |= {"result-type": failure[0], "failure-reason-code": f"4.7.5 [internal] {failure[1]}"}
    made |= members.pop("where", SESSION)
    if policy["policy-type"] == "tlsa":
        made["recipient-domain"] = "%"
    made |= {name.replace("_", "-"): value for name, value in members.items()}
    made["policy"] = {name: value for name, value in made["policy"].items() if name != without}
    made.pop(without, None)
    read = decode(_filled(made, domain))
    assert isinstance(read, DataPoint), read
    return read


def _filled(value: Any, domain: str) -> Any:
    match value:
        case str():
            return value.replace("%", domain)
        case dict():
            return {name: _filled(each, domain) for name, each in value.items()}
        case list():
            return [_filled(each, domain) for each in value]
        case _:
            return value


def shown(name: str, *points: DataPoint, **changes: Any) -> Shown:
    (cell,) = choose([name])
    mail = cell.mail or Mail.TLS
    made = Shown(cell, mail, "told", points, int(mail in (Mail.TLS, Mail.CLEAR)), 0.1)
    return replace(made, **changes)


BOTH, BOTH_DOMAIN = "S6-1/both", "s6-1-both.test"
GOOD = (point(BOTH_DOMAIN, policy=TLSA), point(BOTH_DOMAIN, policy=STS))


def test_as_it_should_be():
    good = shown(BOTH, *GOOD)
    assert good.differences == ()
    assert good.as_expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mail": Mail.CLEAR}, ["the mail was delivered in clear text, not delivered over TLS: told"]),
        ({"accepted": 0}, ["the client says 'delivered over TLS', and the MXs accepted 0"]),
        ({"points": GOOD[:1]}, ["no such data point: sts success"]),
        ({"points": (*GOOD, GOOD[0])}, ["a data point too many: tlsa success"]),
        ({"points": GOOD[::-1]}, ["the data points come in another order"]),
        ({"points": ()}, ["no such data point: tlsa success", "no such data point: sts success"]),
    ],
)
def test_what_happened_otherwise(changes, words):
    wrong = shown(BOTH, *GOOD, **changes)
    assert list(wrong.differences) == words
    assert not wrong.as_expected


def test_a_wrong_expectation():
    (cell,) = choose([BOTH])
    wrong = replace(cell, mail=Mail.DEFERRED, points=(expected("tlsa success"), expected("sts validation-failure (x)")))
    assert shown(BOTH, *GOOD, cell=wrong).differences == (
        "the mail was delivered over TLS, not deferred: told",
        "no such data point: sts validation-failure (x)",
        "a data point too many: sts success",
    )


def test_a_bounce_that_an_mx_took():
    words = "the client says 'bounced', and the MXs accepted 1"
    assert shown("N1/none", accepted=1).differences == (words,)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"policy": TLSA, "sending_mta_ip": None}, "sending-mta-ip is None in a point of a session"),
        ({"policy": TLSA, "receiving_mx_helo": None}, "receiving-mx-helo is None in a point of a session"),
        ({"policy": TLSA, "receiving_mx_hostname": None}, "receiving-mx-hostname is missing"),
        ({"policy": TLSA, "without": "policy-string"}, "policy-string is missing in a point of tlsa"),
        ({"policy": TLSA, "recipient_domain": "other.test"}, "recipient-domain is other.test, not s6-1-both.test"),
        ({"policy": STS, "without": "policy-string"}, "policy-string is missing in a point of sts"),
        ({"policy": STS, "without": "mx-host"}, "mx-host is missing in a point of sts"),
        ({"policy": {**STS, "policy-domain": "x.test"}}, "policy-domain is x.test, not s6-1-both.test"),
        ({"policy": {**TLSA, "policy-domain": "x.test"}}, "policy-domain is x.test, not s6-1-both.test"),
        ({"policy": {**NONE, "policy-string": ["x"]}}, "policy-string is there in a point of no-policy-found"),
    ],
)
def test_members(made, words):
    assert words in shown(BOTH, *GOOD, point(BOTH_DOMAIN, **made)).differences


DOMAIN_ONLY: dict[str, str] = {}
HOST_ONLY = {"receiving-mx-hostname": "mx.%"}


@pytest.mark.parametrize(
    ("name", "made", "words"),
    [
        ("A4/cache", {"policy": STS}, ()),
        ("A4/cache", {"policy": STS, "without": "mx-host"}, ("mx-host is missing in a point of sts",)),
        ("A4/nocache", {"policy": STS, "without": "mx-host"}, ("policy-string is there in a point of sts",)),
        ("B7/sts", {"policy": TLSA, "where": HOST_ONLY}, ("policy-string is there in a point of tlsa",)),
        ("B7/sts", {"policy": TLSA, "where": HOST_ONLY, "without": "policy-string"}, ()),
    ],
)
def test_whose_policy_is_known(name, made, words):
    (cell,) = choose([name])
    failure = (cell.points[0].result, cell.points[0].words)
    first = point(cell.domain, **{"where": DOMAIN_ONLY, "failure": failure, **made})
    policies = {"no-policy-found": NONE, "sts": STS}
    left = [point(cell.domain, policy=policies[each.policy]) for each in cell.points[1:]]
    assert shown(name, first, *left).differences == words


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ({"policy": STS, "where": DOMAIN_ONLY, "failure": ("sts-policy-invalid", "a: b")}, "sts-policy-invalid (a: b)"),
        ({"policy": TLSA, "where": HOST_ONLY, "failure": ("dane-required", "a")}, "dane-required (a) @host"),
        ({"policy": {**TLSA, "policy-domain": "real.%"}}, "tlsa[real] success"),
        ({"policy": NONE}, "no-policy-found success"),
    ],
)
def test_in_the_words_of_the_table(made, text):
    assert text in str(describe(point(BOTH_DOMAIN, **made)))


def test_further_failures():
    further = [{"result-type": "certificate-expired", "failure-reason-code": "x"}]
    made = point(BOTH_DOMAIN, policy=STS, failure=("certificate-host-mismatch", "a"), further_failures=further)
    assert str(describe(made)) == "sts certificate-host-mismatch (a) + certificate-expired"
