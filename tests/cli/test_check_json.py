import json
from dataclasses import replace

import pytest

from tlswitness.cli.check_json import as_json
from tlswitness.engine import Engine


@pytest.fixture
def ask(stage):
    async def ask(scenario: str, rules=None, **how):
        site = await stage(scenario)
        config = replace(site.config, **(rules or {}))
        async with Engine(config, surroundings=site.surroundings) as engine:
            value = as_json(await engine.check(site.site.domain, **how))
        assert json.loads(json.dumps(value)) == value
        return value

    return ask


async def test_all_is_well(ask):
    said = await ask("S6-1/both")
    assert said["ok"]
    assert said["delivery"]["fate"] == "delivered"
    assert said["delivery"]["tls"]["verified-by"] == ["tlsa", "sts"]
    assert said["delivery"]["protected-by"] == ["tlsa", "sts"]
    (way,) = said["ways"]
    assert way["mx-secure"]
    assert way["tlsrpt"] == {"state": "none"}
    assert way["mta-sts"]["applied"] == "served"
    assert way["mta-sts"]["served"]["mode"] == "enforce"
    (host,) = way["mx"]
    assert host["dane"]["state"] == "usable"
    (tried,) = host["tries"]
    assert tried["ready"]
    assert tried["webpki"] == []
    assert tried["certificate"]["names"] == [host["host"]]
    assert [point["type"] for point in tried["reported"]] == [1, 1]
    assert said["reported"] == tried["reported"]


@pytest.mark.parametrize(
    ("scenario", "how", "expected"),
    [
        ("N1/none", {}, {"fate": "bounced", "status": "5.1.10"}),
        ("C3/enforce", {}, {"fate": "deferred", "status": "4.7.5"}),
        ("D1/enforce", {"connect": False}, {"fate": "unknown", "protected-by": ["sts"]}),
        ("C3/none", {}, {"fate": "delivered", "tls": {"protocol": "none"}, "tls-demanded": False}),
    ],
)
async def test_what_would_become_of_mail(ask, scenario, how, expected):
    said = await ask(scenario, **how)
    assert expected.items() <= said["delivery"].items()


async def test_a_failure(ask):
    said = await ask("B7/opportunistic")
    (host,) = said["ways"][0]["mx"]
    assert (host["usable"], host["dane"]["state"], host["reported"]) == (False, "lookup-failed", ["dnssec-invalid"])
    assert not said["ok"]
    problem = said["findings"][0]
    assert (problem["severity"], problem["code"], problem["mx"]) == ("problem", "tlsa-lookup", host["host"])


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("A1/nocache", {"record": {"state": "none"}, "applied": "none"}),
        ("A2/nocache", {"record": {"state": "lookup-failed", "reason": "SERVFAIL"}}),
        ("A3/nocache", {"record": {"state": "invalid", "reason": "there is more than one MTA-STS TXT record"}}),
        ("A4/cache", {"applied": "cached"}),
    ],
)
async def test_mta_sts(ask, scenario, expected):
    said = await ask(scenario)
    assert expected.items() <= said["ways"][0]["mta-sts"].items()


async def test_what_is_cached_and_what_is_not_served(ask):
    said = (await ask("A4/cache"))["ways"][0]["mta-sts"]
    assert said["cached"]["id"] == "1"
    assert said["served"]["result-type"] == "sts-policy-fetch-error"


async def test_switched_off(ask):
    said = await ask("D1/none", {"use_mta_sts": False})
    assert said["ways"][0]["mta-sts"] == {"record": {"state": "not-asked"}, "applied": "none"}


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (["v=TLSRPTv1; rua=mailto:a@b.example"], "found"),
        (["v=TLSRPTv1; rua=ftp://b.example"], "invalid"),
        (["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:b@b.example"], "several"),
    ],
)
async def test_tlsrpt(stage, internet, texts, state):
    site = await stage("D1/none")
    internet.zone.txt(f"_smtp._tls.{site.site.domain}", *texts)
    async with Engine(site.config, surroundings=site.surroundings) as engine:
        said = as_json(await engine.check(site.site.domain, connect=False))
    assert said["ways"][0]["tlsrpt"]["state"] == state


@pytest.mark.parametrize(
    ("scenario", "how", "possible", "words"),
    [
        ("C16g/enforce", {}, True, "is authenticated, and offers REQUIRETLS after STARTTLS"),
        ("C16/dane", {}, False, "does not offer REQUIRETLS after STARTTLS"),
        ("C16b/enforce", {}, False, "does not offer REQUIRETLS after STARTTLS"),
        ("C16d/testing", {}, False, "is in mode testing, and that binds nobody"),
        ("C16g/unusable", {}, False, "no TLSA record of"),
        ("C16g/enforce", {"connect": False}, None, "was not connected to"),
    ],
)
async def test_mail_that_requires_tls(ask, scenario, how, possible, words):
    (host,) = (await ask(scenario, **how))["ways"][0]["mx"]
    assert host["requiretls"]["possible"] is possible
    assert words in host["requiretls"]["text"]
