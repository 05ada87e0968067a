import json
import time
from dataclasses import replace

import pytest

from tlswitness.cli.policy_run import run_list, run_purge, run_refresh, run_show
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.names import Domain
from tlswitness.policy.sts import Entry, PolicyStore, StsPolicy, parse_policy

NOW = int(time.time())
DAY = 86_400


@pytest.fixture
def config(tmp_path) -> Config:
    """With a policy that holds, one that has expired, and a file that is none."""
    config = Config(state_dir=tmp_path / "state", clock=time.time)
    store = PolicyStore(config.mta_sts_policy_store)
    store.put(entry("good.example", NOW))
    store.put(entry("old.example", NOW - 20 * DAY))
    (config.mta_sts_policy_store / "bad.example.policy").write_text("what is this")
    return config


def entry(domain: str, fetched_at: int) -> Entry:
    body = f"version: STSv1\r\nmode: enforce\r\nmx: *.{domain}\r\nmx: mx.example.net\r\nmax_age: {7 * DAY}\r\n".encode()
    policy = parse_policy(body)
    assert isinstance(policy, StsPolicy)
    return Entry(Domain(domain), "20260131", policy, body, fetched_at, fetched_at)


def now() -> float:
    return NOW + 1


def test_list(config, capsys):
    assert run_list(config, clock=now) == Status.OK
    out = capsys.readouterr().out
    good, old = (line for line in out.splitlines() if ".example" in line and "enforce" in line)
    assert good.startswith("good.example")
    assert "in 6 days" in good
    assert "13 days ago" in old
    assert "set aside: " in out
    assert "the first line is not that of a policy file" in out


def test_list_json(config, capsys):
    assert run_list(config, json=True, clock=now) == Status.OK
    said = json.loads(capsys.readouterr().out)
    assert [(policy["domain"], policy["expired"]) for policy in said["policies"]] == [
        ("good.example", False),
        ("old.example", True),
    ]
    assert said["policies"][0]["mx"] == ["*.good.example", "mx.example.net"]
    assert [garbage["reason"] for garbage in said["garbage"]]


def test_list_of_nothing(tmp_path, capsys):
    assert run_list(Config(state_dir=tmp_path / "state")) == Status.OK
    assert capsys.readouterr().out == f"no MTA-STS policy is cached in {tmp_path}/state/mta-sts\n"


def test_show(config, capsys):
    assert run_show(config, Domain("good.example"), clock=now) == Status.OK
    out = capsys.readouterr().out
    assert "id         20260131\n" in out
    assert "(in 6 days)\n" in out
    assert out.endswith(
        "policy     version: STSv1\n"
        + "".join(
            f"           {line}\n"
            for line in ("mode: enforce", "mx: *.good.example", "mx: mx.example.net", "max_age: 604800")
        )
    )
    assert run_show(config, Domain("good.example"), json=True, clock=now) == Status.OK
    assert json.loads(capsys.readouterr().out)["policy-string"][0] == "version: STSv1"


def test_show_of_nothing(config, capsys):
    assert run_show(config, Domain("none.example")) == Status.NO
    assert capsys.readouterr().err == "error: no MTA-STS policy of none.example is cached\n"


def test_purge(config, capsys):
    for dry in (True, True, False):
        assert run_purge(config, dry_run=dry, clock=now) == Status.OK
        out = capsys.readouterr().out
        verb = "would be deleted" if dry else "deleted"
        first, second = out.splitlines()
        assert first.startswith(f"{verb}: old.example, expired on ")
        assert second.startswith(f"{verb}: ")
        assert "set aside" in second
    assert run_purge(config, clock=now) == Status.OK
    assert capsys.readouterr().out == "nothing has expired, and nothing was set aside\n"
    assert [kept.domain for kept in PolicyStore(config.mta_sts_policy_store).entries()] == ["good.example"]


def test_purge_json(config, capsys):
    assert run_purge(config, json=True, clock=now) == Status.OK
    said = json.loads(capsys.readouterr().out)
    assert (said["dry-run"], len(said["expired"]), len(said["garbage"])) == (False, 1, 1)


@pytest.mark.rfc(8461, "3.3")
async def test_refresh(stage, capsys):
    site = await stage("D1/enforce")
    domain = Domain(site.site.domain)
    for words in ("a new policy, mode enforce, expires in", "unchanged, mode enforce, expires in"):
        assert await run_refresh(site.config, [domain], surroundings=site.surroundings) == Status.OK
        assert f"{domain}: {words} " in capsys.readouterr().out
    assert PolicyStore(site.config.mta_sts_policy_store).get(domain) is not None
    assert await run_refresh(site.config, [domain], json=True, surroundings=site.surroundings) == Status.OK
    (said,) = json.loads(capsys.readouterr().out)
    assert (said["fetched"], said["changed"]) == (True, False)


async def test_what_cannot_be_refreshed(stage, capsys):
    site = await stage("A7/cache")
    domain, other = Domain(site.site.domain), Domain("none.test")
    status = await run_refresh(site.config, [domain, other], surroundings=site.surroundings)
    assert status == Status.NO
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(
        f"{domain}: not fetched: policy host answered with HTTP status 404; the cached policy (mode"
    )
    assert second.startswith("none.test: not fetched: there is no MTA-STS TXT record")
    await run_refresh(site.config, [domain, other], json=True, surroundings=site.surroundings)
    one, two = json.loads(capsys.readouterr().out)
    assert one["result-type"] == "sts-policy-fetch-error"
    assert one["policy"]["mode"] == "enforce"
    assert "policy" not in two


async def test_an_invalid_policy_is_shown(stage, capsys):
    site = await stage("A12m/nocache")
    await run_refresh(site.config, [Domain(site.site.domain)], json=True, surroundings=site.surroundings)
    (said,) = json.loads(capsys.readouterr().out)
    assert said["result-type"] == "sts-policy-invalid"
    assert said["policy-string"][0] == "version: STSv1"


def test_hooks_are_left_alone(config, capsys):
    """What they load may do anything, and a policy is no session."""
    from tlswitness.config import HookConfig

    with_hook = replace(config, hook=(HookConfig(python="/nowhere/hook.py"),))
    assert run_list(with_hook, clock=now) == Status.OK
