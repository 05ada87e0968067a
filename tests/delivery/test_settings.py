"""What delivery is told."""

import pytest

from tlswitness.delivery.settings import Family, Sender

ADDRESSES = ("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3")


@pytest.mark.parametrize(
    ("family", "order"),
    [
        (Family.IPV4, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        (Family.IPV6, ["2001:db8::1", "2001:db8::2"]),
        (Family.PREFER_IPV4, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]),
        (Family.PREFER_IPV6, ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        (Family.ANY, ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]),
    ],
)
def test_the_order_of_addresses(family, order):
    assert list(family.arrange(ADDRESSES)) == order


@pytest.mark.parametrize("family", Family)
def test_no_addresses_stay_none(family):
    assert family.arrange(()) == ()


def test_source_and_reported_address_are_of_the_peers_family():
    sender = Sender("us.example", "192.0.2.10", "2001:db8::10", "198.51.100.1", None)
    assert sender.source("203.0.113.1") == "192.0.2.10"
    assert sender.source("2001:db8:1::1") == "2001:db8::10"
    assert sender.reported("192.0.2.10") == "198.51.100.1"
    assert sender.reported("2001:db8::10") == "2001:db8::10"


def test_the_system_chooses_where_nothing_is_said():
    sender = Sender("us.example")
    assert (sender.source("203.0.113.1"), sender.reported("192.0.2.10")) == (None, "192.0.2.10")
