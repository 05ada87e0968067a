from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from ipaddress import ip_network
from typing import Any

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.results import ResultType
from tlswitness.dns.answer import Alias, Found, RecordType, Security
from tlswitness.lab.authority import Purpose
from tlswitness.lab.fakes import FakeResolver, until
from tlswitness.lab.policyhost import (
    Alert,
    Close,
    Framing,
    Hang,
    Plain,
    Reset,
    Serve,
    Silent,
    Speak,
    gzipped,
    policy_text,
    redirect,
)
from tlswitness.names import Domain
from tlswitness.net import AddressGuard
from tlswitness.policy.sts.fetch import MAX_ADDRESSES, Fetched, FetchFailed, FetchLimits, PolicyFetcher, policy_context
from tlswitness.policy.sts.model import Mode

DOMAIN = Domain("example.com")
HOST = "mta-sts.example.com"
BODY = policy_text("mx.example.com")


async def failure_of(world: Any) -> Failure:
    outcome = await world.fetch(DOMAIN)
    assert isinstance(outcome, FetchFailed)
    assert outcome.lines == ()
    return outcome.failure


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8461, "7.1")
async def test_a_policy_comes_from_the_well_known_address_by_sni(world: Any) -> None:
    outcome = await world.fetch(DOMAIN)
    assert isinstance(outcome, Fetched)
    assert outcome.body == BODY
    assert outcome.policy.mode is Mode.ENFORCE
    (request,) = world.host.requests
    assert request.server_name == HOST
    assert request.target == "/.well-known/mta-sts.txt"
    assert ("host", HOST) in request.headers


@pytest.mark.parametrize(
    "behaviour",
    [
        Serve(BODY, framing=Framing.CHUNKED, piece=7),
        Serve(BODY, framing=Framing.CLOSE),
        Serve(BODY, headers=(("ETag", '"1"'), ("Cache-Control", "max-age=99999"))),
        gzipped(BODY),
        Serve(BODY, piece=5, pause=0.001),
    ],
)
async def test_policies_in_every_framing(world: Any, behaviour: Serve) -> None:
    world.behave(behaviour)
    outcome = await world.fetch(DOMAIN)
    assert isinstance(outcome, Fetched)
    assert outcome.body == BODY
    await world.fetch(DOMAIN)
    assert world.fetches == 2  # no HTTP cache
    assert not any(name.startswith("if-") for name, _ in world.host.requests[1].headers)


@pytest.mark.rfc(8461, "3.3")
async def test_a_wildcard_stands_for_one_whole_label(world: Any) -> None:
    authority = world.certificates.authority
    world.host.publish(HOST, authority.issue(["*.example.com"]), Serve(BODY))
    assert isinstance(await world.fetch(DOMAIN), Fetched)
    for name in ("mta-*.example.com", "*.com", "*.*.com"):
        world.host.publish(HOST, authority.issue([name]), Serve(BODY))
        assert await failure_of(world) == Failure(Cause.STS_CERT, "host mismatch")


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8460, "4.3.2.2")
@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("expired", "expired"),
        ("not yet valid", "not yet valid"),
        ("wrong name", "host mismatch"),
        ("common name only", "host mismatch"),
        ("self-signed", "self-signed"),
        ("unknown issuer", "unknown issuer"),
        ("missing intermediate", "unknown issuer"),
    ],
)
async def test_certificates(world: Any, kind: str, word: str) -> None:
    world.present(kind)
    failure = await failure_of(world)
    assert failure == Failure(Cause.STS_CERT, word)
    assert failure.result_type is ResultType.STS_WEBPKI_INVALID
    assert world.fetches == 0  # nothing was asked of a host that was not who it should be
    assert world.host.connections[HOST] == 1


async def test_a_certificate_of_another_purpose_is_refused(world: Any) -> None:
    authority = world.certificates.authority
    world.host.publish(HOST, authority.issue([HOST], purpose=Purpose.CLIENT), Serve(BODY))
    assert await failure_of(world) == Failure(Cause.STS_CERT, "wrong purpose")


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8460, "4.3.2.2")
@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (Alert(), Failure(Cause.STS_TLS, "alert protocol version")),
        (Alert(40), Failure(Cause.STS_TLS, "alert handshake failure")),
        (Alert(112), Failure(Cause.STS_TLS, "alert unrecognized name")),
        (Reset(), Failure(Cause.STS_TLS, "connection closed")),
        (Close(), Failure(Cause.STS_TLS, "connection closed")),
        (Plain(), Failure(Cause.STS_TLS, "wrong version number")),
        (Speak(b"220 mx.example.com ESMTP\r\n\r\n"), Failure(Cause.STS_HTTP, "protocol error")),
        (Speak(b""), Failure(Cause.STS_HTTP, "connection closed")),
        (Serve(BODY, 404), Failure(Cause.STS_HTTP_STATUS, "404")),
        (redirect(301, "https://example.com/"), Failure(Cause.STS_HTTP_REDIRECT, "301")),
        (Serve(BODY, media_type="text/html"), Failure(Cause.STS_MEDIA_TYPE)),
        (Serve(b"x" * 70_000), Failure(Cause.STS_TOO_LARGE)),
        (gzipped(b"\0" * 5_000_000), Failure(Cause.STS_TOO_LARGE)),
        (Serve(BODY, missing=1), Failure(Cause.STS_HTTP, "connection closed")),
        (Serve(BODY, missing=1, framing=Framing.CHUNKED), Failure(Cause.STS_HTTP, "connection closed")),
        (Serve(BODY, framing=Framing.CLOSE, rude=True), Failure(Cause.STS_HTTP, "connection closed")),
    ],
    ids=str,
)
async def test_failures(world: Any, behaviour: Any, failure: Failure) -> None:
    world.behave(behaviour)
    assert await failure_of(world) == failure


@pytest.mark.rfc(8461, "8.2")
async def test_an_alias_changes_neither_sni_nor_the_name_to_verify(world: Any) -> None:
    aliases = (Alias(HOST, "mta-sts.provider.example"),)
    world.resolver.set(HOST, RecordType.A, Found(("127.0.0.1",), Security.INSECURE, 60, aliases))
    assert isinstance(await world.fetch(DOMAIN), Fetched)
    (request,) = world.host.requests
    assert request.server_name == HOST
    assert ("host", HOST) in request.headers
    world.host.publish(HOST, world.certificates.good("mta-sts.provider.example"), Serve(BODY))
    assert await failure_of(world) == Failure(Cause.STS_CERT, "host mismatch")


async def test_a_name_that_the_host_does_not_serve(world: Any) -> None:
    world.resolver.add("mta-sts.example.net", RecordType.A, "127.0.0.1")
    outcome = await world.fetch(Domain("example.net"))
    assert outcome == FetchFailed(Failure(Cause.STS_TLS, "alert unrecognized name"))


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize("behaviour", [Silent(), Hang(), Serve(BODY, piece=1, pause=0.05)], ids=str)
async def test_time_is_limited_for_the_whole(world: Any, behaviour: Any) -> None:
    world.impatient()
    world.behave(behaviour)
    assert await failure_of(world) == Failure(Cause.STS_TIMEOUT)


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.rfc(8460, "4.5")
@pytest.mark.rfc(8460, "4.3.2.2")
async def test_an_invalid_policy_comes_with_its_lines(world: Any) -> None:
    world.serve(b"version: STSv1\r\nmode: enforce\r\nmax_age: 60\r\n")
    lines = ("version: STSv1", "mode: enforce", "max_age: 60")
    assert await world.fetch(DOMAIN) == FetchFailed(Failure(Cause.STS_GRAMMAR, "no mx"), lines)


class Dialer:
    """Notes what is dialled; every address has its own fate."""

    def __init__(self, fates: dict[str, OSError | str] | None = None, host: Any = None) -> None:
        self.fates = fates or {}
        self.host = host
        self.dialled: list[str] = []

    async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
        assert port == 443
        self.dialled.append(address)
        fate = self.fates.get(address, OSError(errno.ECONNREFUSED, "refused"))
        if isinstance(fate, OSError):
            raise fate
        if fate == "hangs":
            await asyncio.Event().wait()
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (self.host.address, self.host.port))
        return sock


def fetcher(resolver: FakeResolver, dialer: Dialer, context: ssl.SSLContext | None = None) -> PolicyFetcher:
    limits = FetchLimits(total=20, connect=0.05)
    return PolicyFetcher(resolver, dialer, AddressGuard(), context or policy_context(), limits)


def addresses(*v4: str, v6: tuple[str, ...] = ()) -> FakeResolver:
    resolver = FakeResolver()
    if v4:
        resolver.add(HOST, RecordType.A, *v4)
    if v6:
        resolver.add(HOST, RecordType.AAAA, *v6)
    return resolver


async def test_every_address_is_tried_in_turn(world: Any) -> None:
    fates: dict[str, OSError | str] = {"8.8.4.4": "hangs", "1.1.1.1": "connects"}
    dialer = Dialer(fates, world.host)
    resolver = addresses("8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9", v6=("2606:4700::1",))
    assert isinstance(await fetcher(resolver, dialer, world.context).fetch(DOMAIN), Fetched)
    assert dialer.dialled == ["8.8.8.8", "2606:4700::1", "8.8.4.4", "1.1.1.1"]


async def test_one_failed_family_does_not_matter(world: Any) -> None:
    resolver = addresses("8.8.8.8")
    resolver.fail(HOST, RecordType.AAAA)
    dialer = Dialer({"8.8.8.8": "connects"}, world.host)
    assert isinstance(await fetcher(resolver, dialer, world.context).fetch(DOMAIN), Fetched)


async def test_the_number_of_addresses_is_bounded() -> None:
    dialer = Dialer()
    await fetcher(addresses(*(f"8.8.8.{n}" for n in range(1, 30))), dialer).fetch(DOMAIN)
    assert len(dialer.dialled) == MAX_ADDRESSES


@pytest.mark.parametrize(
    ("fates", "failure"),
    [
        ([OSError(errno.ECONNREFUSED, "")], Failure(Cause.STS_CONNECT, "connection refused")),
        ([OSError(errno.ENETUNREACH, "")], Failure(Cause.STS_CONNECT, "network unreachable")),
        ([OSError(errno.EHOSTUNREACH, "")], Failure(Cause.STS_CONNECT, "host unreachable")),
        ([OSError(errno.EMFILE, "")], Failure(Cause.STS_CONNECT, "EMFILE")),
        ([OSError("odd")], Failure(Cause.STS_CONNECT, "connection failed")),
        (["hangs"], Failure(Cause.STS_TIMEOUT)),
        ([TimeoutError(errno.ETIMEDOUT, "")], Failure(Cause.STS_TIMEOUT)),
        (["hangs", OSError(errno.ECONNREFUSED, "")], Failure(Cause.STS_CONNECT, "connection refused")),
        (
            [OSError(errno.EHOSTUNREACH, ""), OSError(errno.ECONNREFUSED, "")],
            Failure(Cause.STS_CONNECT, "connection refused"),
        ),
    ],
    ids=str,
)
async def test_what_an_unreachable_host_is_called(fates: list[OSError | str], failure: Failure) -> None:
    by_address = {f"8.8.8.{n}": fate for n, fate in enumerate(fates)}
    outcome = await fetcher(addresses(*by_address), Dialer(by_address)).fetch(DOMAIN)
    assert outcome == FetchFailed(failure)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1"])
@pytest.mark.rfc(8461, "10.3")
async def test_addresses_that_are_not_public_are_not_dialled(address: str) -> None:
    resolver = addresses(v6=(address,)) if ":" in address else addresses(address)
    dialer = Dialer()
    assert await fetcher(resolver, dialer).fetch(DOMAIN) == FetchFailed(Failure(Cause.STS_ADDRESS_REFUSED))
    assert dialer.dialled == []
    resolver.add(HOST, RecordType.A, "8.8.8.8")
    outcome = await fetcher(resolver, dialer).fetch(DOMAIN)
    assert outcome == FetchFailed(Failure(Cause.STS_CONNECT, "connection refused"))
    assert dialer.dialled == ["8.8.8.8"]


@pytest.mark.parametrize(
    ("a", "aaaa", "code"),
    [
        (None, None, "NXDOMAIN"),
        ("SERVFAIL", None, "SERVFAIL"),
        (None, "timeout", "timeout"),
        ("SERVFAIL EDE 6", "timeout", "SERVFAIL EDE 6"),
    ],
)
async def test_lookups_that_give_no_address(a: str | None, aaaa: str | None, code: str) -> None:
    resolver = FakeResolver()
    if a:
        resolver.fail(HOST, RecordType.A, a, Security.BOGUS)
    if aaaa:
        resolver.fail(HOST, RecordType.AAAA, aaaa)
    outcome = await fetcher(resolver, Dialer()).fetch(DOMAIN)
    assert outcome == FetchFailed(Failure(Cause.STS_HOST_LOOKUP, code))


async def test_a_name_without_addresses() -> None:
    resolver = FakeResolver()
    resolver.add_txt(HOST, "something else")
    outcome = await fetcher(resolver, Dialer()).fetch(DOMAIN)
    assert outcome == FetchFailed(Failure(Cause.STS_HOST_LOOKUP, "NODATA"))


async def test_a_name_that_is_too_long_is_not_asked_for() -> None:
    resolver = FakeResolver()
    outcome = await fetcher(resolver, Dialer()).fetch(Domain(".".join(["a" * 60] * 4) + ".example"))
    assert outcome == FetchFailed(Failure(Cause.STS_HOST_LOOKUP, "name too long"))
    assert resolver.questions == []


async def test_a_fetch_that_is_cancelled_closes_its_connection(world: Any) -> None:
    world.behave(Hang())
    task = asyncio.create_task(world.fetch(DOMAIN))
    await until(lambda: world.host.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task  # a socket left open would be a ResourceWarning, which is an error here


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8461, "7.2")
def test_the_tls_rules(tmp_path: Any, certificates: Any) -> None:
    pem = certificates.authority.trust_pem.decode()
    file = tmp_path / "ca.pem"
    file.write_text(pem)
    for context in (policy_context(), policy_context(ca_data=pem), policy_context(ca_file=str(file))):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert not context.hostname_checks_common_name
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):
        policy_context(ca_file=str(tmp_path / "none.pem"))


def test_loopback_is_only_open_to_the_lab() -> None:
    assert AddressGuard().refuses("127.0.0.1")
    assert not AddressGuard.allowing([ip_network("127.0.0.0/8")]).refuses("127.0.0.1")
