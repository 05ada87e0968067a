"""Canonical addresses, and which of them a stranger's name may lead to."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.net import AddressGuard, canonical_ip


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_canonical_text(text, canonical):
    assert canonical_ip(text) == canonical


@pytest.mark.parametrize("text", ["", "mx.example", "192.0.2.256", "192.0.2.01", "1.2.3", ":::", "[::1]"])
def test_what_is_no_address(text):
    with pytest.raises(ValueError):
        canonical_ip(text)


@given(st.ip_addresses())
def test_canonical_text_is_stable(address):
    assert canonical_ip(canonical_ip(str(address))) == canonical_ip(str(address))


@pytest.mark.rfc(8461, "10.3")
@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:101:101::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address):
    assert AddressGuard().refuses(address) == f"{canonical_ip(address)} is not a public address"


@pytest.mark.parametrize(
    ("address", "inner"),
    [("64:ff9b::a9fe:a9fe", "169.254.169.254"), ("64:ff9b::7f00:1", "127.0.0.1")],
)
def test_an_ipv4_address_in_an_ipv6_one_is_no_way_round(address, inner):
    assert AddressGuard().refuses(address) == f"{address} stands for {inner}, which is not a public address"


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_may_be_connected_to(address):
    assert AddressGuard().refuses(address) is None


def test_the_operator_may_name_networks():
    guard = AddressGuard.allowing([ip_network("127.0.0.0/8"), ip_network("fc00::/7")])
    assert guard.refuses("127.3.2.1") is None
    assert guard.refuses("::ffff:127.0.0.1") is None
    assert guard.refuses("64:ff9b::7f00:1") is None
    assert guard.refuses("fc00::1") is None
    assert guard.refuses("10.0.0.1") == "10.0.0.1 is not a public address"


def test_a_name_is_refused():
    assert AddressGuard().refuses("localhost") == "'localhost' is not an address"


@given(st.text(max_size=40))
def test_any_text_has_an_answer(text):
    AddressGuard().refuses(text)
