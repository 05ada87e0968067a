"""WebPKI beyond the table: names, constraints, weak signatures, gaps, what real servers present."""

from __future__ import annotations

import pytest
from cryptography import x509

from tlswitness.delivery.verdict import Chain, TrustStore, judge
from tlswitness.delivery.verdict.trust import TrustStore as Store
from tlswitness.lab.authority import DAY, Authority, Digest, KeyKind, Purpose
from tlswitness.policy.sts.model import Mode

MX = ("mx.example.com",)


@pytest.mark.rfc(8461, "4.2")
@pytest.mark.parametrize(
    ("names", "passes"),
    [
        (["mx.example.com"], True),
        (["MX.Example.COM"], True),
        (["other.example", "mx.example.com"], True),
        (["*.example.com"], True),
        (["*.com"], False),
        (["*"], False),
        (["mx*.example.com"], False),
        (["*.mx.example.com"], False),
        (["example.com"], False),
        (["mx.example.com.evil.example"], False),
        (["mx.example.com\0.evil.example"], False),
        (["xmx.example.com"], False),
    ],
)
def test_names(names, passes, authority, under_sts):
    found = under_sts(authority.issue(names, common_name="x"))
    assert found == (set() if passes else {"CERT_HOST_MISMATCH"})


@pytest.mark.rfc(8461, "4.2")
def test_an_address_or_mailbox_in_the_san_is_no_dns_id(authority, under_sts):
    issued = authority.issue([], common_name="mx.example.com", other_names=[x509.UniformResourceIdentifier(MX[0])])
    assert under_sts(issued) == {"CERT_HOST_MISMATCH"}


@pytest.mark.rfc(8461, "4.2")
@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.TESTING])
def test_the_mode_changes_nothing_in_the_verdict(mode, authority, under_sts):
    assert under_sts(authority.issue(["x.example"]), mode=mode) == {"CERT_HOST_MISMATCH"}


def test_what_real_servers_present(authority, under_sts):
    assert under_sts(authority.issue(MX, critical_san=True)) == set()
    assert under_sts(authority.issue(MX, common_name="")) == set()
    assert under_sts(authority.issue(MX, purpose=Purpose.NONE)) == set()
    assert under_sts(authority.issue(MX, purpose=Purpose.ANY)) == set()
    assert under_sts(authority.issue(MX, purpose=Purpose.BOTH)) == set()
    assert under_sts(authority.issue(MX, key=KeyKind.RSA2048)) == set()


def test_the_order_and_the_company_of_intermediates_do_not_matter(authority, under_sts):
    deep = authority.issue(MX, issuer=authority.signer("Deeper", parent=authority.intermediate))
    leaf, *others = deep.presenting(root=True).chain
    junk = authority.issue(["junk.example"], issuer=None).der
    assert under_sts((leaf, *reversed(others))) == set()
    assert under_sts((leaf, junk, b"\x30\x00", *others, *others, leaf)) == set()


def test_a_valid_namesake_is_preferred_to_an_expired_one(authority, under_sts):
    good = authority.intermediate
    old = authority.signer("Lab Intermediate", not_before=-9 * DAY, not_after=-DAY, private=good.key)
    leaf = authority.issue(MX).der
    assert under_sts((leaf, old.der, good.der)) == under_sts((leaf, good.der, old.der)) == set()
    assert under_sts((leaf, old.der)) == {"CERT_ISSUER_EXPIRED 1"}


def test_a_renewed_root_stands_in_for_the_expired_one(authority, plan_for, now):
    new = authority.root
    old = authority.signer("Lab Root", parent=None, not_before=-9 * DAY, not_after=-DAY, private=new.key)
    chain = Chain(authority.issue(MX).chain)
    for signers in ((old, new), (new, old)):
        trust = TrustStore.from_pem(b"".join(signer.pem for signer in signers))
        assert judge(chain, plan_for(sts=True), trust, now).sts == ()


@pytest.mark.parametrize("pinned", ["leaf", "intermediate"])
def test_what_the_operator_trusts_need_not_be_a_root(pinned, authority, plan_for, now):
    issued = authority.issue(MX, issuer=None) if pinned == "leaf" else authority.issue(MX)
    pem = issued.chain_pem() if pinned == "leaf" else authority.intermediate.pem
    assert judge(Chain(issued.chain), plan_for(sts=True), Store.from_pem(pem), now).sts == ()


def test_an_expired_root_is_told(authority, plan_for, now):
    root = authority.signer("Old Root", parent=None, not_before=-9 * DAY, not_after=-1, key=KeyKind.RSA1024)
    issued = authority.issue(MX, issuer=authority.signer("Middle", parent=root))
    found = judge(Chain(issued.chain), plan_for(sts=True), Store.from_pem(root.pem), now).sts
    # its key is the operator's choice, its date is a fact
    assert found is not None
    assert [failure.words for failure in found] == ["SSL certificate issuer at depth 2 has expired"]


@pytest.mark.rfc(8460, "4.3.1")
def test_constraints(authority, under_sts):
    signer = authority.signer
    cases = {
        "name constraints": signer("Constrained", permitted=["example.org"]),
        "path too long": signer("Below", parent=signer("Short", path_length=0)),
        "issuer is no CA": signer("No CA", ca=False),
    }
    for words, issuer in cases.items():
        assert under_sts(authority.issue(MX, issuer=issuer)) == {f"CERT_CHAIN {words}"}
    assert under_sts(authority.issue(MX, issuer=signer("Permitted", permitted=["example.com"]))) == set()


def test_a_broken_constraint_hides_nothing_else(authority, under_sts):
    stranger = authority.signer("Short", parent=authority.unknown, path_length=0)
    issuer = authority.signer("Below", parent=stranger, not_before=DAY, purpose=Purpose.CLIENT, key=KeyKind.EC_P192)
    issued = authority.issue(["x.example"], issuer=issuer, not_after=-1, key=KeyKind.RSA1024)
    assert under_sts(issued) == {
        "CERT_UNKNOWN_ISSUER",
        "CERT_CHAIN path too long",
        "CERT_PURPOSE",
        "CERT_ISSUER_NOT_YET_VALID 1",
        "CERT_EXPIRED",
        "CERT_WEAK_KEY RSA 1024",
        "CERT_WEAK_KEY EC 192 at depth 1",
        "CERT_HOST_MISMATCH",
    }


def test_an_intermediate_for_clients_only_makes_no_servers(authority, under_sts):
    assert under_sts(authority.issue(MX, issuer=authority.signer("Clients", purpose=Purpose.CLIENT))) == {
        "CERT_PURPOSE"
    }
    assert under_sts(authority.issue(MX, issuer=authority.signer("Servers", purpose=Purpose.SERVER))) == set()


@pytest.mark.parametrize("digest", [Digest.SHA1, Digest.MD5])
def test_weak_signatures(digest, authority, under_sts, under_tlsa):
    rsa = authority.signer("RSA", key=KeyKind.RSA2048)
    words = f"CERT_WEAK_SIGNATURE {digest.upper()}"
    issued = authority.issue(MX, issuer=rsa, digest=digest)
    assert under_sts(issued) == {words}
    assert under_sts(issued.presenting(intermediates=False)) == {words, "CERT_UNKNOWN_ISSUER"}
    assert under_tlsa(issued.presenting(root=True), issued.tlsa(2, 0, 1)) == {words}
    assert under_tlsa(issued, issued.tlsa(2, 1, 0)) == {words}
    assert under_tlsa(issued, issued.tlsa(3, 1, 1)) == set()
    middle = authority.signer("Weak Middle", parent=rsa, digest=digest)
    assert under_sts(authority.issue(MX, issuer=middle)) == {f"{words} at depth 1"}


def test_the_signature_of_an_anchor_does_not_matter(authority, plan_for, now):
    root = authority.signer("SHA-1 Root", parent=None, key=KeyKind.RSA2048, digest=Digest.SHA1)
    issued = authority.issue(MX, issuer=root)
    assert judge(Chain(issued.chain), plan_for(sts=True), Store.from_pem(root.pem), now).sts == ()


def test_a_forged_signature(authority, under_sts):
    impostor = Authority(authority.now).intermediate
    forged = authority.issue(MX, issuer=impostor)
    assert under_sts((forged.der, authority.intermediate.der)) == {"CERT_UNKNOWN_ISSUER"}
    forged = authority.issue(MX, issuer=impostor, key_ids=False, not_after=-1)
    assert under_sts((forged.der, authority.intermediate.der)) == {"CERT_CHAIN bad signature", "CERT_EXPIRED"}


def test_a_gap_where_something_cannot_be_read(authority, under_sts):
    leaf, middle = authority.issue(MX).chain
    assert under_sts((leaf, middle[:-3])) == {"CERT_UNKNOWN_ISSUER", "CERT_UNREADABLE"}


@pytest.mark.parametrize("leaf", [b"", b"\x00", b"\x30\x80", b"\x30\x00", b"junk" * 99, bytes(70_000)])
def test_a_leaf_that_cannot_be_read(leaf, authority, under_sts):
    assert under_sts((leaf, authority.intermediate.der)) == {"CERT_UNREADABLE"}


def test_tls_verify_is_judged_as_sts_is(authority, verdict_on):
    issued = authority.issue(["x.example"])
    verdict = verdict_on(issued, verify=True)
    assert verdict.sts is None
    assert verdict.local == verdict_on(issued, sts=True).sts
    assert [failure.cause.name for failure in verdict.local] == ["CERT_HOST_MISMATCH"]
