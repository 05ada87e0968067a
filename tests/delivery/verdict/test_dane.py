"""DANE beyond the table: where the anchor may be, which names count, and records that match nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509

from tlswitness.delivery.verdict import Chain, TrustStore
from tlswitness.delivery.verdict import dane as module
from tlswitness.lab.authority import DAY, Authority, KeyKind, tlsa_record, wrong

MX = ("mx.example.com",)
EVERY_MATCH = [(selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]


@pytest.mark.rfc(7671, "5.1")
@pytest.mark.rfc(7671, "2")
@pytest.mark.rfc(7672, "3.1")
@pytest.mark.parametrize(("selector", "matching"), EVERY_MATCH)
def test_dane_ee_by_every_selector_and_matching_type(selector, matching, authority, under_tlsa):
    issued = authority.issue(MX)
    record = issued.tlsa(3, selector, matching)
    assert under_tlsa(issued, record) == set()
    assert under_tlsa(authority.issue(MX), record) == {"DANE_NO_MATCH"}
    assert under_tlsa(issued, replace(record, selector=1 - selector)) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7672, "3.2.1")
def test_dane_ee_knows_no_names(authority, under_tlsa):
    issued = authority.issue(["elsewhere.example"])
    assert under_tlsa(issued, issued.tlsa(3, 1, 1)) == set()


@pytest.mark.rfc(7671, "5.1")
@pytest.mark.rfc(7672, "3.1.1")
def test_dane_ee_is_about_the_leaf_alone(authority, under_tlsa):
    issued = authority.issue(MX).presenting(root=True)
    for above in (1, 2):
        assert under_tlsa(issued, issued.tlsa(3, 1, 1, above=above)) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7671, "5.1")
def test_dane_ee_needs_no_certificate_that_can_be_read(authority, under_tlsa):
    der = b"\x30\x03\x02\x01\x05"
    record = replace(authority.issue(MX).tlsa(3, 0, 0), data=der)
    assert under_tlsa((der,), record) == set()
    assert under_tlsa((der,), wrong(authority.issue(MX).tlsa(3, 1, 1))) == {"DANE_NO_MATCH"}
    assert under_tlsa((der,), authority.issue(MX).tlsa(2, 1, 1)) == {"DANE_NO_MATCH", "CERT_UNREADABLE"}


@pytest.mark.rfc(7671, "5.2")
@pytest.mark.parametrize(("selector", "matching"), EVERY_MATCH)
@pytest.mark.parametrize("above", [1, 2])
def test_dane_ta_may_be_the_root_or_an_intermediate(above, selector, matching, authority, under_tlsa):
    issued = authority.issue(MX).presenting(root=True)
    assert under_tlsa(issued, issued.tlsa(2, selector, matching, above=above)) == set()


@pytest.mark.rfc(7671, "5.2")
@pytest.mark.parametrize(("selector", "matching"), EVERY_MATCH)
def test_dane_ta_is_never_the_leaf_itself(selector, matching, authority, under_tlsa):
    for issued in (authority.issue(MX), authority.issue(MX, issuer=None)):
        record = issued.tlsa(2, selector, matching, above=0)
        assert under_tlsa(issued, record) == {"DANE_NO_MATCH"}
        # nor does it become its own issuer by being presented twice
        assert under_tlsa((issued.der, *issued.chain), record) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7672, "3.1.2")
def test_an_anchor_above_which_nothing_matters(authority, under_tlsa):
    above = authority.signer("Expired Root", parent=None, not_before=-9 * DAY, not_after=-DAY, key=KeyKind.RSA1024)
    issuer = authority.signer("Trusted By DNS", parent=above)
    issued = authority.issue(MX, issuer=issuer).presenting(root=True)
    assert under_tlsa(issued, issued.tlsa(2, 0, 1, above=1)) == set()
    assert under_tlsa(issued, issued.tlsa(2, 0, 1)) == {
        "CERT_ISSUER_EXPIRED 2",
        "CERT_WEAK_KEY RSA 1024 at depth 2",
    }
    # two records, and one is enough
    assert under_tlsa(issued, issued.tlsa(2, 0, 1), issued.tlsa(2, 1, 2, above=1)) == set()


@pytest.mark.rfc(7671, "5.2.2")
def test_an_anchor_that_the_server_omits_is_taken_from_dns_where_it_is_whole(authority, under_tlsa):
    issued = authority.issue(MX)
    assert under_tlsa(issued, issued.tlsa(2, 0, 0)) == set()
    assert under_tlsa(issued, issued.tlsa(2, 0, 1)) == {"DANE_NO_MATCH"}
    assert under_tlsa(issued, issued.tlsa(2, 1, 1)) == {"DANE_NO_MATCH"}
    bare = issued.presenting(intermediates=False)
    assert under_tlsa(bare, issued.tlsa(2, 0, 0, above=1)) == set()
    assert under_tlsa(bare, issued.tlsa(2, 0, 0)) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7671, "5.2.2")
def test_an_anchor_from_dns_has_dates_too(authority, verdict_on, under_tlsa, now):
    issuer = authority.signer("Short Lived", parent=None, not_after=5 * DAY)
    issued = authority.issue(MX, issuer=issuer).presenting(intermediates=False)
    record = issued.tlsa(2, 0, 0)
    verdict = verdict_on(issued, tlsa=[record])
    assert (verdict.tlsa, verdict.valid_until) == ((), now + 5 * DAY)
    assert under_tlsa(issued, record, now=now + 6 * DAY) == {"CERT_ISSUER_EXPIRED 1"}


@pytest.mark.rfc(7671, "5.2.3")
def test_a_bare_key_signs_the_top_of_what_is_presented(authority, under_tlsa):
    issued = authority.issue(MX)
    assert under_tlsa(issued, issued.tlsa(2, 1, 0)) == set()
    assert under_tlsa(issued.presenting(intermediates=False), issued.tlsa(2, 1, 0, above=1)) == set()
    assert under_tlsa(issued.presenting(intermediates=False), issued.tlsa(2, 1, 0)) == {"DANE_NO_MATCH"}
    assert under_tlsa(issued, wrong(issued.tlsa(2, 1, 0))) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7671, "5.2.3")
def test_below_a_bare_key_the_rest_of_the_chain_is_judged(authority, under_tlsa, now):
    short = authority.signer("No Further", path_length=0)
    issued = authority.issue(["elsewhere.example"], issuer=authority.signer("Further", parent=short), not_after=-1)
    assert under_tlsa(issued, issued.tlsa(2, 1, 0)) == {
        "CERT_CHAIN path too long",
        "CERT_HOST_MISMATCH",
        "CERT_EXPIRED",
    }


@pytest.mark.rfc(7671, "5.2.3")
@pytest.mark.parametrize("key", [KeyKind.RSA2048, KeyKind.RSA1024, KeyKind.EC_P192])
def test_a_bare_key_is_held_to_the_same_strength(key, authority, under_tlsa):
    issued = authority.issue(MX, issuer=authority.signer("Bare", parent=None, key=key)).presenting()
    weak = {
        KeyKind.RSA1024: {"CERT_WEAK_KEY RSA 1024 at depth 1"},
        KeyKind.EC_P192: {"CERT_WEAK_KEY EC 192 at depth 1"},
    }
    assert under_tlsa(issued, issued.tlsa(2, 1, 0)) == weak.get(key, set())


@pytest.mark.rfc(7672, "3.1.2")
@pytest.mark.rfc(7671, "5.2.1")
def test_constraints_of_the_anchor_hold(authority, under_tlsa):
    constrained = authority.signer("Constrained", permitted=["example.org"])
    below = authority.signer("Below", parent=authority.signer("Short", path_length=0))
    no_ca = authority.signer("No CA", ca=False)
    for issuer, words in ((constrained, "name constraints"), (below, "path too long"), (no_ca, "issuer is no CA")):
        issued = authority.issue(MX, issuer=issuer).presenting(root=True)
        assert under_tlsa(issued, issued.tlsa(2, 0, 1)) == {f"CERT_CHAIN {words}"}


def test_a_chain_that_borrows_the_anchors_name_does_not_pass(authority, under_tlsa):
    impostor = Authority(authority.now).root
    record = tlsa_record(authority.root.certificate, 2, 0, 1)
    forged = authority.issue(MX, issuer=impostor)
    assert under_tlsa((forged.der, authority.root.der), record) == {"DANE_NO_MATCH"}
    forged = authority.issue(MX, issuer=impostor, key_ids=False)
    assert under_tlsa((forged.der, authority.root.der), record) == {"CERT_CHAIN bad signature"}


@pytest.mark.rfc(7671, "5.2")
@pytest.mark.parametrize("key_ids", [True, False])
def test_an_authority_that_changed_its_key_has_two_anchors_of_one_name(key_ids, authority, under_tlsa):
    old, new = authority.signer("Renewed", parent=None), authority.signer("Renewed", parent=None)
    issued = authority.issue(MX, issuer=new, key_ids=key_ids)
    records = [tlsa_record(signer.certificate, 2, 0, 0) for signer in (old, new)]
    assert under_tlsa(issued, *records) == under_tlsa(issued, *reversed(records)) == set()
    digests = [tlsa_record(signer.certificate, 2, 0, 1) for signer in (old, new)]
    assert under_tlsa((issued.der, old.der, new.der), *digests) == set()


@pytest.mark.rfc(7672, "3.2.2")
@pytest.mark.rfc(7671, "10.2")
@pytest.mark.parametrize(
    ("names", "references", "passes"),
    [
        (["mx.example.com"], ["mx.example.com", "example.com"], True),
        (["example.com"], ["mx.example.com", "example.com"], True),
        (["example.com"], ["mx.example.com"], False),
        (["EXAMPLE.com"], ["mx.example.com", "example.com"], True),
        (["mx.example.net", "example.com"], ["mx.example.com", "example.com"], True),
        (["other.example.com"], ["mx.example.com", "example.com"], False),
    ],
)
def test_reference_identifiers_under_dane_ta(names, references, passes, authority, under_tlsa):
    issued = authority.issue(names).presenting(root=True)
    expected = set() if passes else {"CERT_HOST_MISMATCH"}
    assert under_tlsa(issued, issued.tlsa(2, 0, 1), references=references) == expected


@pytest.mark.rfc(7672, "3.2.3")
@pytest.mark.parametrize(
    ("names", "common_name", "san", "passes"),
    [
        ([], "mx.example.com", False, True),
        ([], "*.example.com", False, True),
        (["other.example.com"], "mx.example.com", True, False),
        (["*.example.com"], "x", True, True),
        (["*.com"], "x", True, False),
        (["*mx.example.com"], "x", True, False),
        (["m*.example.com"], "x", True, False),
        (["mx.*.com"], "x", True, False),
    ],
)
def test_cn_and_wildcards_under_dane_ta(names, common_name, san, passes, authority, under_tlsa):
    issued = authority.issue(names, common_name=common_name, san=san).presenting(root=True)
    expected = set() if passes else {"CERT_HOST_MISMATCH"}
    assert under_tlsa(issued, issued.tlsa(2, 0, 1), references=["mx.example.com"]) == expected


@pytest.mark.rfc(7672, "3.2.3")
def test_a_san_without_any_dns_id_leaves_the_cn_in_force(authority, under_tlsa, under_sts):
    issued = authority.issue([], common_name="mx.example.com", other_names=[x509.RFC822Name("postmaster@example.com")])
    assert under_tlsa(issued.presenting(root=True), issued.tlsa(2, 0, 1)) == set()
    assert under_sts(issued) == {"CERT_HOST_MISMATCH"}


def test_the_operators_trust_store_plays_no_part(authority, plan_for, now):
    from tlswitness.delivery.verdict import judge

    issued = authority.issue(MX)
    nothing = TrustStore(())
    plan = plan_for(sts=True, tlsa=[issued.tlsa(2, 0, 1, above=1)])
    verdict = judge(Chain(issued.chain), plan, nothing, now)
    assert verdict.tlsa == ()
    assert verdict.sts is not None
    assert [failure.cause.name for failure in verdict.sts] == ["CERT_UNKNOWN_ISSUER"]


def test_no_usable_record_demands_no_certificate(under_tlsa):
    assert under_tlsa(()) == set()
    assert under_tlsa(Chain((b"junk",), "TLSv1", "RC4-MD5")) == set()


@pytest.mark.rfc(7672, "3.1.3")
def test_records_of_other_usages_match_nothing(authority, under_tlsa):
    issued = authority.issue(MX).presenting(root=True)
    for usage in (0, 1, 4, 255):
        assert under_tlsa(issued, replace(issued.tlsa(3, 1, 1), usage=usage)) == {"DANE_NO_MATCH"}


def test_many_records_are_bounded(authority, under_tlsa):
    issued = authority.issue(MX)
    useless = [wrong(issued.tlsa(3, 1, 1))] * module.MAX_RECORDS
    assert under_tlsa(issued, *useless[1:], issued.tlsa(3, 1, 1)) == set()
    assert under_tlsa(issued, *useless, issued.tlsa(3, 1, 1)) == {"DANE_NO_MATCH"}
    anchors = [wrong(issued.tlsa(2, 1, 0))] * (module.MAX_ANCHORS)
    assert under_tlsa(issued, *anchors[1:], issued.tlsa(2, 1, 0)) == set()
    assert under_tlsa(issued, *anchors, issued.tlsa(2, 1, 0)) == {"DANE_NO_MATCH"}
