import pytest

from tlswitness.dns.answer import Alias, Answer, Denial, Denied, Found, LookupFailed, MxRecord, RecordType, Security
from tlswitness.dns.mx import MAX_MXS, MxAnswer, MxEntry, MxHosts, MxLookupFailed, NoSuchDomain, NullMx, find_mx
from tlswitness.lab.fakes import FakeResolver
from tlswitness.names import BadName, Domain, parse_host

DOMAIN = Domain("example.com")
ALIASES = (Alias("example.com", "mid.example"), Alias("mid.example", "Real.example"))
SECURE, INSECURE = Security.SECURE, Security.INSECURE


async def mx(answer: Answer) -> MxAnswer:
    return await find_mx(FakeResolver({(DOMAIN, RecordType.MX): answer}), DOMAIN)


def records(*pairs: tuple[int, str], security: Security = SECURE, chain: tuple[Alias, ...] = ()) -> Found:
    return Found(tuple(MxRecord(*pair) for pair in pairs), security, 60, chain)


@pytest.mark.rfc(7672, "2.2.1")
async def test_hosts_by_preference_with_their_case() -> None:
    found = await mx(records((20, "b.example"), (10, "Server.ectest.OMNITI.com"), (10, "a.example")))
    assert isinstance(found, MxHosts)
    assert [(entry.preference, str(entry.host)) for entry in found.entries] == [
        (10, "a.example"),
        (10, "Server.ectest.OMNITI.com"),
        (20, "b.example"),
    ]
    assert (found.secure, found.implicit, found.expanded, found.left_out) == (True, False, DOMAIN, 0)


async def test_bad_names_are_kept_with_their_reason() -> None:
    found = await mx(records((1, "a b.example"), (2, "192.0.2.1"), (3, "good.example"), (4, "x" * 64 + ".example")))
    assert isinstance(found, MxHosts)
    assert [isinstance(entry.host, BadName) for entry in found.entries] == [True, True, False, True]
    assert [str(host) for host in found.hosts] == ["good.example"]


@pytest.mark.rfc(7505, "3")
@pytest.mark.parametrize("pairs", [[(0, "")], [(10, "")], [(0, ""), (10, "")]])
@pytest.mark.parametrize("security", [SECURE, INSECURE])
async def test_null_mx(pairs: list[tuple[int, str]], security: Security) -> None:
    assert await mx(records(*pairs, security=security)) == NullMx(DOMAIN, security is SECURE)


@pytest.mark.rfc(7505, "3")
async def test_a_null_mx_beside_others_is_not_a_host() -> None:
    found = await mx(records((0, ""), (10, "a.example")))
    assert isinstance(found, MxHosts)
    assert [str(host) for host in found.hosts] == ["a.example"]
    assert "null MX" in str(found.entries[0].host)


@pytest.mark.rfc(7672, "2.2.2")
@pytest.mark.parametrize("security", [SECURE, INSECURE])
async def test_a_domain_without_mx_is_its_own_host(security: Security) -> None:
    found = await mx(Denied(Denial.NODATA, security, 60))
    host = parse_host("example.com")
    assert found == MxHosts(DOMAIN, (MxEntry(0, host),), security is SECURE, DOMAIN, implicit=True)


async def test_a_domain_that_does_not_exist() -> None:
    assert await mx(Denied(Denial.NXDOMAIN, SECURE, 60)) == NoSuchDomain(DOMAIN, secure=True)
    assert await mx(Denied(Denial.NXDOMAIN, INSECURE, 60, ALIASES)) == NoSuchDomain(DOMAIN, secure=False)


@pytest.mark.rfc(7672, "2.1.2")
async def test_a_failed_lookup_is_no_denial() -> None:
    failed = LookupFailed(Security.BOGUS, "SERVFAIL EDE 6")
    assert await mx(failed) == MxLookupFailed(DOMAIN, failed)


@pytest.mark.rfc(7672, "2.2.1")
@pytest.mark.parametrize(
    ("security", "chain", "expanded"),
    [
        (SECURE, ALIASES, "real.example"),
        (INSECURE, ALIASES, "example.com"),
        (SECURE, (), "example.com"),
        (SECURE, (Alias("example.com", "bad name.example"),), "example.com"),
    ],
)
async def test_the_expanded_domain(security: Security, chain: tuple[Alias, ...], expanded: str) -> None:
    found = await mx(records((1, "a.example"), security=security, chain=chain))
    assert isinstance(found, MxHosts)
    assert found.expanded == expanded
    implicit = await mx(Denied(Denial.NODATA, security, 60, chain))
    assert isinstance(implicit, MxHosts)
    assert implicit.expanded == expanded
    assert [str(host) for host in implicit.hosts] == ["example.com"]


async def test_the_number_of_hosts_is_bounded() -> None:
    found = await mx(records(*((number, f"h{number}.example") for number in range(MAX_MXS + 9, 0, -1))))
    assert isinstance(found, MxHosts)
    assert (len(found.entries), found.left_out) == (MAX_MXS, 9)
    assert found.entries[0].preference == 1
