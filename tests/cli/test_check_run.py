import json
from dataclasses import replace

import pytest

from tlswitness.cli.check_run import run_check, worst
from tlswitness.cli.status import Status
from tlswitness.dns.trust import TrustReport, TrustState
from tlswitness.engine.check import Check, Fate, Finding, Prospect, Severity
from tlswitness.lab.dnsreply import Conduct
from tlswitness.lab.nameserver import NameServer
from tlswitness.names import Domain


async def test_problems_come_first(stage, capsys):
    site = await stage("C3n/enforce")
    bad, good = (mx.name for mx in site.site.mxs)
    status = await run_check(site.config, [site.site.domain], surroundings=site.surroundings)
    out = capsys.readouterr().out
    assert status == Status.NO
    assert out.startswith(f"{site.site.domain}\n  Mail would be given to {good}[")
    assert f"  PROBLEM  {bad}: STARTTLS is not offered" in out
    assert out.index("PROBLEM") < out.index("WARNING") < out.index("MTA-STS  record")
    assert "REPORTED sts starttls-not-supported" in out
    assert not any(server.received for server in site.servers)


async def test_json(stage, capsys):
    site = await stage("D2/dane")
    status = await run_check(site.config, [site.site.domain], json=True, surroundings=site.surroundings)
    (said,) = json.loads(capsys.readouterr().out)
    assert status == Status.OK
    assert said["ok"]
    assert said["delivery"]["protected-by"] == ["tlsa"]
    assert [point["policy"]["policy-type"] for point in said["reported"]] == ["tlsa"]


async def test_several_domains(stage, capsys):
    first, second = await stage("N2/none"), await stage("N1/none")
    domains = [first.site.domain, second.site.domain]
    assert await run_check(first.config, domains, surroundings=first.surroundings) == Status.NO
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line in domains] == domains
    assert await run_check(first.config, domains[:1], surroundings=first.surroundings) == Status.NO_HOST


async def test_lookups_that_fail(stage, capsys):
    site = await stage("B2s/opportunistic")
    assert await run_check(site.config, [site.site.domain], surroundings=site.surroundings) == Status.TEMPFAIL
    assert "Mail would be deferred (4.4.3)" in capsys.readouterr().out


async def test_no_connections(stage, capsys):
    site = await stage("D1/enforce")
    ask = {"connect": False, "surroundings": site.surroundings}
    assert await run_check(site.config, [site.site.domain], **ask) == Status.OK
    out = capsys.readouterr().out
    assert "No MX was connected to. MTA-STS would decide about each session." in out
    assert "not connected to" in out


RESOLVERS = {
    Conduct.AD_NEVER: ("off: resolver does not validate", "not validating", "passes signatures on"),
    Conduct.STRIP_DO: ("off: resolver does not validate", "not validating", "leaves signatures out"),
    Conduct.AD_ALWAYS: ("off: resolver does not validate", "not validating", "sets the AD bit for home.arpa too"),
    Conduct.SERVFAIL_SIGNED: ("on: resolver not proven", "not proven", "no answer for the root zone: SERVFAIL EDE 9"),
    Conduct.CUT: ("on: resolver not proven", "not proven", "no answer for the root zone: SERVFAIL EDE 22"),
    Conduct.DEAD: ("on: resolver not proven", "not proven", "no answer for the root zone: timeout"),
}


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("conduct", RESOLVERS)
async def test_which_resolver_and_why(internet, stage, capsys, conduct):
    site = await stage("D1/dane")
    config = replace(site.config, timeouts=replace(site.config.timeouts, dns=0.5))
    internet.nameserver.conduct = conduct
    server = str(internet.nameserver.server)
    state, trust, reason = RESOLVERS[conduct]
    await run_check(config, [site.site.domain], surroundings=site.surroundings)
    words = " ".join(capsys.readouterr().out.split())
    assert f"{server}: {trust} (" in words
    assert reason in words
    await run_check(config, [site.site.domain], json=True, surroundings=site.surroundings)
    (said,) = json.loads(capsys.readouterr().out)
    (only,) = said["resolver"]["servers"]
    assert (said["resolver"]["state"], only["server"], only["state"]) == (state, server, trust)
    assert reason in only["reason"]
    assert said["resolver"]["alarm"] is (trust == "not validating")
    assert "resolver" in [finding["code"] for finding in said["findings"]]


@pytest.mark.rfc(7672, "2.1.1")
async def test_one_resolver_of_two(internet, stage, capsys):
    site = await stage("D1/dane")
    async with NameServer(internet.zone, Conduct.AD_NEVER) as liar:
        endpoint = replace(site.config.resolvers[0], port=liar.server.port)
        config = replace(site.config, resolvers=(endpoint, *site.config.resolvers))
        assert await run_check(config, [site.site.domain], surroundings=site.surroundings) == Status.OK
    out = " ".join(capsys.readouterr().out.split())
    assert "over TLSv1.3, as DANE demands" in out
    assert (
        f"WARNING DANE is on. {liar.server}: not validating (it passes signatures on but does not check them);" in out
    )


def check(*findings: Finding, exists: bool = True) -> Check:
    trust = TrustReport(TrustState.VALIDATING, ())
    return Check(Domain("example.com"), 0, trust, (), Prospect(Fate.DELIVERED, "", ""), findings, exists)


def test_the_exit_status():
    problem = check(Finding(Severity.PROBLEM, "x", "wrong"))
    later = check(Finding(Severity.PROBLEM, "x", "perhaps", temporary=True))
    nowhere = check(Finding(Severity.PROBLEM, "x", "wrong"), exists=False)
    fine = check(Finding(Severity.WARNING, "x", "weak"))
    assert worst([]) == worst([fine]) == Status.OK
    assert worst([fine, later]) == Status.TEMPFAIL
    assert worst([later, nowhere]) == Status.NO_HOST
    assert worst([nowhere, problem, later]) == Status.NO
