"""Telling Lua scripts of data points, beside a callable of the program that does the same in Python.

The mix: sessions with 2,000 domains, a few hundred distinct findings, the epoch changing each second of 20,000 calls.
What is printed goes nowhere. The host's target is 100,000 calls a second of the seed's script on one core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

from bench.measure import Comparison, Contender, Pace, Sample, race, rate
from tlswitness.datapoint import SEED_VIEW, DataPoint, Finding, Policy, PolicyType
from tlswitness.hooks import HookLoadFailed
from tlswitness.hooks.host.lua import load
from tlswitness.hooks.spec import Kind, ModuleSpec

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "tests" / "data" / "momentum_smtp_tls_reporting.txt"
EXAMPLES = ROOT / "examples" / "lua"
START = 1746712864
A_SECOND = 20_000
"""Calls until the epoch changes."""
BATCH = 500
"""Calls between two looks at the clock."""
EMPTY = 'msys.registerModule("empty", {core_smtp_tls_reporting = function() end})'

Tell = Callable[[int, Finding], object]


def bench(pace: Pace) -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as folder:
        contenders = [
            _contender("the seed's script", _script(folder, "seed", _seeds_script()), pace),
            _contender("examples/tlsrpt.lua", _script(folder, "ours", _example("tlsrpt.lua")), pace),
            _contender("examples/failures.lua", _script(folder, "failures", _example("failures.lua")), pace),
            _contender("an empty script", _script(folder, "empty", EMPTY), pace),
            _contender("the seed's in Python", _in_python, pace),
        ]
        yield race(
            "a Lua script told of a session",
            "/s",
            contenders,
            [("the seed's script", "the seed's in Python", None)],
            pace.rounds,
            ["the host's target is 100,000/s of the seed's script"],
        )
    fresh = [Finding(_point(number, f"fresh{number}.example")) for number in range(30_000)]
    with tempfile.TemporaryDirectory() as folder:
        tell = _script(folder, "seed", _seeds_script())
        yield race("each session another finding", "/s", [_contender("never seen", tell, pace, fresh)], [], pace.rounds)


def _contender(name: str, tell: Tell, pace: Pace, findings: list[Finding] | None = None) -> Contender:
    sessions = cycle(findings or _findings())
    told = 0

    def batch() -> None:
        nonlocal told
        epoch = START + told // A_SECOND
        for _ in range(BATCH):
            tell(epoch, next(sessions))
        told += BATCH

    def run() -> Sample:
        return rate(batch, pace.seconds, of=BATCH)

    return Contender(name, run)


def _script(folder: str, name: str, code: str) -> Tell:
    path = Path(folder, f"{name}.lua")
    path.write_text(code, encoding="utf-8")
    callee = load(ModuleSpec(name=name, kind=Kind.LUA, target=str(path), view=SEED_VIEW), _nowhere)
    assert not isinstance(callee, HookLoadFailed), callee
    return callee.call


def _nowhere(_text: str) -> None:
    """The cheapest printer."""


def _in_python(epoch: int, finding: Finding) -> None:
    """What the seed's script does, as a callable of the program would."""
    point = finding.at(epoch)
    _nowhere(f"tls report:   {finding.paniclog(epoch)}")
    policy = point.policy
    _nowhere(f"TLSRPT: {policy.policy_domain}@{policy.policy_type}@{point.result_type or 'OK'}")


def _seeds_script() -> str:
    _, _, behind = PAGE.read_text(encoding="utf-8").partition("log the JSON into the paniclog\n")
    return behind.partition("Example of the paniclog output")[0]


def _example(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def _findings() -> list[Finding]:
    """2,000 sessions in their order; equal findings are one object."""
    known: dict[str, Finding] = {}
    sessions = (Finding(_point(number, f"domain{number % 400}.example")) for number in range(2000))
    return [known.setdefault(finding.tail, finding) for finding in sessions]


def _point(number: int, domain: str) -> DataPoint:
    """70 of 100 under MTA-STS, the others under DANE; 3 of 100 fail."""
    sts = number % 10 < 7
    lines = ("version: STSv1", "mode: enforce", f"mx: mx.{domain}", "max_age: 604800")
    failed = number % 33 == 0
    return DataPoint(
        epoch=0,
        type=0 if failed else 1,
        policy=Policy(
            policy_type=PolicyType.STS if sts else PolicyType.TLSA,
            policy_domain=domain,
            policy_string=lines if sts else ("3 1 1 " + "9f" * 32,),
        ),
        result_type="certificate-host-mismatch" if failed else None,
        failure_reason_code="4.7.5 [internal] SSL certificate subject does not match host" if failed else None,
        sending_mta_ip="192.0.2.1",
        receiving_mx_hostname=f"mx.{domain}",
        receiving_ip="198.51.100.7",
    )
