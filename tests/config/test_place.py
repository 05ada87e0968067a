from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.config.place import (
    Address,
    AddressAndPort,
    EhloName,
    Endpoint,
    Hop,
    Host,
    Network,
    ReportAddresses,
    ReportIp,
    RouteHost,
    address_literal,
)

KINDS = [Address(), Address(4), Address(6), AddressAndPort(53), Network(), Host(), EhloName(), Hop(), ReportAddresses()]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Address(), "2001:DB8:0::1", "2001:db8::1"),
        (Address(4), "192.0.2.1", "192.0.2.1"),
        (AddressAndPort(53), "192.0.2.1", Endpoint("192.0.2.1", 53)),
        (AddressAndPort(53), "192.0.2.1:5353", Endpoint("192.0.2.1", 5353)),
        (AddressAndPort(53), "2001:db8::1", Endpoint("2001:db8::1", 53)),
        (AddressAndPort(53), "[2001:db8::1]:5353", Endpoint("2001:db8::1", 5353)),
        (Network(), "10.0.0.0/8", ip_network("10.0.0.0/8")),
        (Host(), "MX.Bücher.example", "mx.xn--bcher-kva.example"),
        (EhloName(), "Mail.example.com", "Mail.example.com"),
        (EhloName(), "[192.0.2.1]", "[192.0.2.1]"),
        (EhloName(), "[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
        (EhloName(), "[2001:db8::1]", "[IPv6:2001:db8::1]"),
        (Hop(), "relay.example.net:2525", RouteHost("relay.example.net", 2525, lookup_mx=True)),
        (Hop(), "Relay.example.net", RouteHost("relay.example.net", lookup_mx=True)),
        (Hop(), "[mx.example.net]", RouteHost("mx.example.net")),
        (Hop(), "[mx.example.net]:26", RouteHost("mx.example.net", 26)),
        (Hop(), "[192.0.2.1]:25", RouteHost("192.0.2.1", 25)),
        (Hop(), "[IPv6:2001:db8::1]", RouteHost("2001:db8::1")),
        (Hop(), "[2001:db8::1]:587", RouteHost("2001:db8::1", 587)),
        (ReportAddresses(), "192.0.2.1", ReportIp("192.0.2.1")),
        (ReportAddresses(), ["2001:db8::1", "192.0.2.1"], ReportIp("192.0.2.1", "2001:db8::1")),
    ],
)
def test_read(kind, value, read):
    assert kind.read(value) == read
    assert kind.read(kind.show(read)) == read


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Address(4), "2001:db8::1"),
        (Address(6), "192.0.2.1"),
        (Address(), "fe80::1%eth0"),
        (Address(), "mx.example.com"),
        (Address(), 3232235777),
        (AddressAndPort(53), "192.0.2.1:0"),
        (AddressAndPort(53), "192.0.2.1:65536"),
        (AddressAndPort(53), "192.0.2.1:٣"),
        (AddressAndPort(53), "dns.example"),
        (Network(), "10.0.0.1/8"),
        (Network(), "ten"),
        (Host(), "a..b"),
        (EhloName(), "mail"),
        (EhloName(), "a b.example"),
        (Hop(), "192.0.2.1"),
        (Hop(), "192.0.2.1:25"),
        (Hop(), "2001:db8::1"),
        (Hop(), "mx.example:0"),
        (Hop(), "mx.example:smtp"),
        (Hop(), "[a..b]"),
        (Hop(), ""),
        (Hop(), "[]"),
        (ReportAddresses(), ["192.0.2.1", "192.0.2.2"]),
        (ReportAddresses(), [["192.0.2.1"]]),
    ],
)
def test_refused(kind, value):
    assert isinstance(kind.read(value), list)


@given(st.sampled_from(KINDS), st.text() | st.integers() | st.lists(st.text(alphabet="[]:.0129afx"), max_size=3))
def test_anything_is_read_or_refused(kind, value):
    read = kind.read(value)
    if not isinstance(read, list):
        assert kind.read(kind.show(read)) == read


@given(st.ip_addresses(), st.integers(1, 65535))
def test_endpoints_and_hops_round_trip(address, port):
    endpoint = Endpoint(str(address), port)
    assert AddressAndPort(53).read(str(endpoint)) == endpoint
    hop = RouteHost(str(address), port)
    assert Hop().read(str(hop)) == hop
    assert hop.is_address
    assert EhloName().read(address_literal(str(address))) == address_literal(str(address))


def test_an_endpoint_reads_as_one():
    assert str(Endpoint("127.0.0.1", 9)) == "127.0.0.1:9"
    assert str(Endpoint("::1", 9)) == "[::1]:9"
