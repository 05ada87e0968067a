from pathlib import Path

import pytest

from tlswitness.dns.servers import FALLBACK, MAX_SERVERS, Server, is_trusted, parse_resolv_conf, system_servers


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize(
    ("address", "named", "trusted"),
    [
        ("127.0.0.1", (), True),
        ("::1", (), True),
        ("0:0:0:0:0:0:0:1", (), True),
        ("127.0.0.53", (), False),
        ("127.0.0.11", (), False),
        ("192.0.2.1", (), False),
        ("8.8.8.8", (), False),
        ("127.0.0.53", ("127.0.0.53",), True),
        ("192.0.2.1", ("192.0.2.1",), True),
        ("192.0.2.1", ("192.0.2.2", "nonsense"), False),
        ("2001:db8::1", ("2001:0db8:0::0001",), True),
        ("nonsense", ("nonsense",), False),
        ("", ("",), False),
    ],
)
def test_only_loopback_and_named_addresses_are_trusted(address: str, named: tuple[str, ...], trusted: bool) -> None:
    assert is_trusted(Server(address, 5353), named) is trusted


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", ("192.0.2.1", "192.0.2.2")),
        ("# nameserver 192.0.2.9\n; nameserver 192.0.2.8\nnameserver\t::1 # local\n", ("::1",)),
        ("nameserver fe80::1%eth0\noptions trust-ad edns0\n", ("fe80::1%eth0",)),
        ("nameserver not-an-address\nnameserver 192.0.2.1\nnameserver 192.0.2.1", ("192.0.2.1",)),
        ("search example.com\nnameserver\n", tuple(server.address for server in FALLBACK)),
        ("", tuple(server.address for server in FALLBACK)),
    ],
)
def test_resolv_conf(text: str, servers: tuple[str, ...]) -> None:
    assert tuple(server.address for server in parse_resolv_conf(text)) == servers


def test_resolv_conf_is_bounded() -> None:
    text = "\n".join(f"nameserver 192.0.2.{number}" for number in range(100))
    assert len(parse_resolv_conf(text)) == MAX_SERVERS


def test_the_system_file_or_its_absence(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    assert system_servers(path) == FALLBACK
    path.write_bytes(b"nameserver 192.0.2.7\n\xff\xfe\n")
    assert system_servers(path) == (Server("192.0.2.7"),)


def test_text_of_a_server() -> None:
    assert [str(Server("::1")), str(Server("::1", 5300)), str(Server("127.0.0.1", 5300))] == [
        "::1",
        "[::1]:5300",
        "127.0.0.1:5300",
    ]
