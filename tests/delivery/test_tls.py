"""TLS in memory against OpenSSL servers of every kind."""

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.smtp.talk import Strength
from tlswitness.delivery.tls import DEMANDED_CIPHERS, MAX_HANDSHAKE, TlsContexts, TlsLayer, _words
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.lab.authority import Authority, KeyKind
from tlswitness.lab.mx import Suite, server_context
from tlswitness.names import HostName, parse_host

CONTEXTS = TlsContexts.make()
_name = parse_host("mx_1.Example.com")
assert isinstance(_name, HostName)
NAME = _name


class Peer:
    """A server in memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.up = False
        self.rest = b""
        """What was said after the handshake: tickets, or an alert."""

    def say(self, data: bytes) -> bytes:
        self.object.write(data)
        rest, self.rest = self.rest, b""
        return rest + self.outgoing.read()

    def feed(self, data: bytes) -> bytes:
        self.incoming.write(data)
        try:
            self.object.do_handshake()
            self.up = True
        except ssl.SSLError:
            pass
        return self.outgoing.read()


def shake(layer: TlsLayer, peer: Peer) -> Chain | Failure | None:
    result = layer.handshake(b"")
    while result is None:
        answer = peer.feed(layer.output())
        if not answer:
            return None
        result = layer.handshake(answer)
    peer.rest = peer.feed(layer.output())
    return result


def connect(strength: Strength, context: ssl.SSLContext) -> tuple[TlsLayer, Peer, Chain | Failure | None]:
    layer, peer = TlsLayer(CONTEXTS.of(strength), NAME), Peer(context)
    return layer, peer, shake(layer, peer)


def server(authority: Authority, suite: Suite = Suite.MODERN, key: KeyKind = KeyKind.EC) -> ssl.SSLContext:
    context = server_context(suite)
    if suite is not Suite.ANONYMOUS:
        authority.issue(["mx.example.com"], key=key).load_into(context)
    return context


@pytest.mark.rfc(7672, "8.1")
@pytest.mark.rfc(8461, "7.1")
@pytest.mark.rfc(7671, "3")
@pytest.mark.parametrize("strength", list(Strength))
def test_chain_is_as_presented(authority: Authority, strength: Strength) -> None:
    issued = authority.issue(["mx.example.com"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.load_into(context)
    names: list[str | None] = []
    context.sni_callback = lambda _object, name, _context: names.append(name)
    layer, peer, result = connect(strength, context)
    assert isinstance(result, Chain)
    assert result.certificates == issued.chain
    assert (result.protocol, result.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert names == ["mx_1.Example.com"]
    layer.encrypt(b"EHLO me\r\n")
    peer.incoming.write(layer.output())
    assert peer.object.read() == b"EHLO me\r\n"
    assert layer.decrypt(peer.say(b"250 one\r\n") + peer.say(b"250 two\r\n")) == b"250 one\r\n250 two\r\n"
    assert layer.broken is None
    assert layer.close()


def test_wrong_certificates_do_not_matter_here(authority: Authority) -> None:
    issued = authority.issue(["other.example"], issuer=None, not_before=-200_000.0, not_after=-100_000.0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.load_into(context)
    for strength in Strength:
        assert isinstance(connect(strength, context)[2], Chain)


def test_weak_keys_are_the_verdicts(authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    authority.issue(["mx.example.com"], key=KeyKind.RSA1024).load_into(context)
    assert isinstance(connect(Strength.DEMANDED, context)[2], Chain)


@pytest.mark.rfc(8461, "7.2")
@pytest.mark.rfc(7672, "8.2")
@pytest.mark.rfc(7671, "3")
@pytest.mark.parametrize(
    ("suite", "wide", "demanded"),
    [
        (Suite.TLS10, "TLSv1", Failure(Cause.TLS_ALERT, "protocol version")),
        (Suite.ANONYMOUS, "TLSv1.2", Failure(Cause.TLS_ALERT, "handshake failure")),
    ],
)
def test_old_and_anonymous(authority: Authority, suite: Suite, wide: str, demanded: Failure) -> None:
    context = server(authority, suite)
    _, _, result = connect(Strength.WIDE, context)
    assert isinstance(result, Chain)
    assert result.protocol == wide
    assert bool(result.certificates) is (suite is not Suite.ANONYMOUS)
    judged = connect(Strength.JUDGED, context)[2]
    assert isinstance(judged, Chain) is (suite is not Suite.ANONYMOUS)
    # Without a protocol in common a server says so by alert; one in a hurry just closes.
    assert connect(Strength.DEMANDED, context)[2] in (demanded, None)


@pytest.mark.rfc(7672, "8.2")
def test_anonymous_suites_come_last(authority: Authority) -> None:
    """A server that can do both, and obeys our order, presents its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    authority.issue(["mx.example.com"]).load_into(context)
    _, _, result = connect(Strength.WIDE, context)
    assert isinstance(result, Chain)
    assert result.certificates


@pytest.mark.rfc(7672, "8.2")
def test_a_server_that_prefers_anonymous_suites(authority: Authority) -> None:
    """It presents its certificate only where nothing else is offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("AECDH-AES256-SHA:ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.issue(["mx.example.com"]).load_into(context)
    presented = {}
    for strength in Strength:
        _, _, result = connect(strength, context)
        assert isinstance(result, Chain)
        presented[strength] = bool(result.certificates)
    assert presented == {Strength.WIDE: False, Strength.JUDGED: True, Strength.DEMANDED: True}


@pytest.mark.rfc(9325, "4.2")
@pytest.mark.rfc(7672, "8.2")
@pytest.mark.rfc(8461, "7.2")
def test_demanded_suites() -> None:
    names = [cipher["name"] for cipher in CONTEXTS.demanded.get_ciphers()]
    assert names
    assert not [name for name in names if "NULL" in name or "RC4" in name or "DES" in name or "ADH" in name]
    assert not [cipher for cipher in CONTEXTS.demanded.get_ciphers() if cipher["strength_bits"] < 112]
    assert "SECLEVEL=2" in DEMANDED_CIPHERS


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (bytes.fromhex("15030300020228"), Failure(Cause.TLS_ALERT, "handshake failure")),
        (bytes.fromhex("15030300020246"), Failure(Cause.TLS_ALERT, "protocol version")),
        (bytes.fromhex("15030300020270"), Failure(Cause.TLS_ALERT, "unrecognized name")),
        (bytes.fromhex("15030300020250"), Failure(Cause.TLS_ALERT, "internal error")),
        (bytes.fromhex("15030300020228")[:3], None),
        (b"500 what do you mean\r\n", Failure(Cause.TLS_LOCAL, "wrong version number")),
        (b"250-injected\r\n", Failure(Cause.TLS_LOCAL, "wrong version number")),
        (b"", None),
    ],
)
def test_failures(data: bytes, failure: Failure | None) -> None:
    layer = TlsLayer(CONTEXTS.wide, NAME)
    assert layer.handshake(b"") is None
    assert layer.output()
    assert layer.handshake(data) == failure


def test_unknown_alert_is_told_without_a_name() -> None:
    layer = TlsLayer(CONTEXTS.wide, NAME)
    layer.handshake(b"")
    failure = layer.handshake(bytes.fromhex("150303000202c8"))
    assert isinstance(failure, Failure)
    assert failure.cause in (Cause.TLS_LOCAL, Cause.TLS_ALERT)


def test_endless_handshake() -> None:
    layer = TlsLayer(CONTEXTS.wide, NAME)
    layer.handshake(b"")
    assert layer.handshake(b"\x16" * (MAX_HANDSHAKE + 1)) == Failure(Cause.TLS_LOCAL, "handshake too large")


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_in_a_handshake(data: bytes) -> None:
    layer = TlsLayer(CONTEXTS.wide, NAME)
    layer.handshake(b"")
    result = layer.handshake(data)
    assert result is None or isinstance(result, Failure)


def test_late_alert(authority: Authority) -> None:
    """In TLS 1.3 the demand for a client certificate shows only after our side is done."""
    layer, peer, result = connect(Strength.WIDE, server(authority, Suite.CLIENT_CERTIFICATE))
    assert isinstance(result, Chain)
    assert not peer.up
    assert layer.decrypt(peer.rest) == b""
    assert layer.broken == "alert certificate required"


def test_broken_records(authority: Authority) -> None:
    layer, peer, _ = connect(Strength.WIDE, server(authority))
    data = bytearray(peer.say(b"250 ok\r\n"))
    data[-1] ^= 1
    assert layer.decrypt(bytes(data)) == b""
    assert layer.broken
    assert "mac" in layer.broken or "decrypt" in layer.broken
    layer.encrypt(b"dropped")
    assert isinstance(layer.close(), bytes)


def test_orderly_close(authority: Authority) -> None:
    layer, peer, _ = connect(Strength.WIDE, server(authority))
    bye = peer.say(b"221 bye\r\n")
    with pytest.raises(ssl.SSLWantReadError):
        peer.object.unwrap()
    assert layer.decrypt(bye + peer.outgoing.read()) == b"221 bye\r\n"
    assert layer.broken == ""


def test_no_resumption(authority: Authority) -> None:
    context = server(authority)
    for _ in range(2):
        _, peer, result = connect(Strength.WIDE, context)
        assert isinstance(result, Chain)
        assert result.certificates
        assert not peer.object.session_reused


def test_our_own_faults_are_raised() -> None:
    error = ssl.SSLError(1, "[SSL] malloc failure")
    error.reason = "MALLOC_FAILURE"
    with pytest.raises(ssl.SSLError):
        _words(error)


def test_handshake_in_single_octets(authority: Authority) -> None:
    layer, peer = TlsLayer(CONTEXTS.demanded, NAME), Peer(server(authority))
    layer.handshake(b"")
    flight = peer.feed(layer.output())
    results = [layer.handshake(bytes([octet])) for octet in flight]
    assert isinstance(results[-1], Chain)
    assert results[:-1] == [None] * (len(flight) - 1)
