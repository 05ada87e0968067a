"""The trust store: whole or refused, and shared without harm."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from tlswitness.delivery.verdict import Chain, TrustStore, judge
from tlswitness.lab.authority import DAY


def test_pem_with_other_text(authority):
    text = b"# roots\n" + authority.root.pem + b"\nmore text\n" + authority.unknown.pem
    trust = TrustStore.from_pem(text)
    assert len(trust) == 2
    assert trust.find(authority.root.der) is not None
    assert trust.find(authority.intermediate.der) is None
    assert trust.identity == TrustStore.from_pem(authority.unknown.pem + authority.root.pem).identity
    assert trust.identity != TrustStore.from_pem(authority.root.pem).identity


@pytest.mark.parametrize("data", [b"", b"no certificates here", b"-----BEGIN CERTIFICATE-----\n"])
def test_pem_without_any(data):
    with pytest.raises(ValueError, match="at least one"):
        TrustStore.from_pem(data)


@pytest.mark.parametrize("body", [b"AAAA", b"!!!!", b"MAA=", b"\xff\xfe"])
def test_pem_with_a_broken_one(body, authority):
    broken = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"
    with pytest.raises(ValueError, match="certificate 2 "):
        TrustStore.from_pem(authority.root.pem + broken)


def test_the_longest_lasting_of_one_name_and_key_is_kept(authority):
    root = authority.root
    old = authority.signer("Lab Root", parent=None, not_after=-DAY, private=root.key)
    other = authority.signer("Lab Root", parent=None, not_after=-DAY)
    trust = TrustStore.from_pem(old.pem + root.pem + old.pem + other.pem)
    assert len(trust) == 2
    assert trust.find(root.der)
    assert trust.find(other.der)
    assert not trust.find(old.der)


def test_the_system_store():
    paths = ssl.get_default_verify_paths()
    if not paths.cafile:
        pytest.skip("this machine has no bundle of CA certificates")
    assert len(TrustStore.system()) > 10


def test_a_machine_without_any(monkeypatch):
    paths = ssl.get_default_verify_paths()._replace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr("tlswitness.delivery.verdict.trust._BUNDLES", ("/nonexistent/ca.pem",))
    with pytest.raises(FileNotFoundError, match=r"looked for /nonexistent/ca\.pem"):
        TrustStore.system()


def test_one_store_serves_many_threads(authority, trust, plan_for, now):
    good, bad = authority.issue(["mx.example.com"]), authority.issue(["mx.example.com"], issuer=authority.unknown)
    plan = plan_for(sts=True)

    def passes(issued):
        return judge(Chain(issued.chain), plan, trust, now).sts == ()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(passes, [good, bad] * 40)) == [True, False] * 40
