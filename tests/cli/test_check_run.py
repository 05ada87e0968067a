import json

from tlswitness.cli.check_run import run_check, worst
from tlswitness.cli.status import Status
from tlswitness.dns.trust import TrustReport, TrustState
from tlswitness.engine.check import Check, Fate, Finding, Prospect, Severity
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
