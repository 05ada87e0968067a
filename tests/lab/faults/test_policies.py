import pytest

from tlswitness.dns.answer import RecordType, TxtRecord
from tlswitness.lab.choose import choose
from tlswitness.lab.faults.policies import PRIVATE, behaviour, publish_host, publish_txt, publishes
from tlswitness.lab.policyhost import Alert, Close, Reset, Serve, Silent, Speak
from tlswitness.lab.table import Setup
from tlswitness.lab.zone import BOGUS, NODATA, NXDOMAIN, Failing, Records, Zone
from tlswitness.lab.zone import Silent as NoAnswer
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import BadPolicy, Mode, StsPolicy
from tlswitness.policy.sts.record import BadRecord, NoRecord, StsRecord, parse_record

MX = ("mx.example.test",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A1/nocache", True), ("C1/enforce", True), ("C1/testing", True), ("D1/none", False), ("D1/dane", False)],
)
def test_who_publishes_a_policy(name, expected):
    (cell,) = choose([name])
    assert publishes(cell) == expected


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ("ok", Records((TxtRecord((b"v=STSv1; id=7;",)),))),
        ("absent", NXDOMAIN),
        ("nodata", NODATA),
        ("servfail", Failing()),
        ("bogus", BOGUS),
        ("timeout", NoAnswer()),
    ],
)
def test_txt_replies(fault, reply):
    zone = Zone()
    publish_txt(zone, "example.test", "7", fault)
    assert zone.find("_mta-sts.example.test", RecordType.TXT) == reply


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("ok", StsRecord),
        ("two", BadRecord),
        ("no-id", BadRecord),
        ("long-id", BadRecord),
        ("bad-id", BadRecord),
        ("version", NoRecord),
    ],
)
def test_txt_records(fault, found):
    zone = Zone()
    publish_txt(zone, "example.test", "7", fault)
    reply = zone.find("_mta-sts.example.test", RecordType.TXT)
    assert isinstance(reply, Records)
    texts = [str(b"".join(record.strings), "ascii") for record in reply.records if isinstance(record, TxtRecord)]
    assert isinstance(parse_record(texts), found)


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ("ok", Records(("192.0.2.1",))),
        ("nxdomain", NXDOMAIN),
        ("no-address", NODATA),
        ("refused", Records(("192.0.2.2",))),
        ("private", Records((PRIVATE,))),
    ],
)
def test_the_name_of_the_policy_host(fault, reply):
    zone = Zone()
    publish_host(zone, "mta-sts.example.test", "192.0.2.1", "192.0.2.2", Setup(policyhost=fault))
    assert zone.find("mta-sts.example.test", RecordType.A) == reply


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("ok", Serve),
        ("cert-expired", Serve),
        ("silent", Silent),
        ("tls-alert", Alert),
        ("tls-reset", Close),
        ("tcp-reset", Reset),
        ("not-http", Speak),
        ("too-large", Serve),
        ("gzip-bomb", Serve),
        ("drip", Serve),
        ("media-type", Serve),
        ("http-404", Serve),
        ("http-301", Serve),
    ],
)
def test_behaviours(fault, kind):
    assert isinstance(behaviour(Setup(policyhost=fault), MX), kind)


def body(token: str, *policies: str) -> StsPolicy | BadPolicy:
    how = behaviour(Setup(body=token, policies=policies), MX)
    assert isinstance(how, Serve)
    return parse_policy(how.body)


@pytest.mark.parametrize(
    ("token", "policies", "mode"),
    [
        ("", (), Mode.ENFORCE),
        ("", ("testing",), Mode.TESTING),
        ("mode-none", (), Mode.NONE),
        ("max-age", (), Mode.ENFORCE),
        ("other-mx", ("testing",), Mode.TESTING),
    ],
)
def test_policies_that_are_right(token, policies, mode):
    found = body(token, *policies)
    assert isinstance(found, StsPolicy)
    assert found.mode is mode


@pytest.mark.parametrize(
    "token", ["no-version", "no-mode", "no-max-age", "no-mx", "no-colon", "unknown-mode", "version", "not-utf8"]
)
def test_policies_that_are_wrong(token):
    assert isinstance(body(token), BadPolicy)


@pytest.mark.parametrize(
    ("setup", "what"),
    [(Setup(policyhost="cert-expird"), "policy host: 'cert-expird'"), (Setup(body="no-mode?"), "policy: 'no-mode[?]'")],
)
def test_unknown_faults_are_refused(setup, what):
    with pytest.raises(ValueError, match=f"no such {what}"):
        behaviour(setup, MX)


def test_an_unknown_record_is_refused():
    with pytest.raises(ValueError, match="no such TXT record"):
        publish_txt(Zone(), "example.test", "1", "abesnt")
