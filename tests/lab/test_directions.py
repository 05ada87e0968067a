from importlib import import_module

import pytest

from tlswitness.config import parse_config
from tlswitness.lab.choose import choose
from tlswitness.lab.directions import configuration, directions
from tlswitness.lab.serve import Served, serve


async def test_all_that_one_needs_to_know(ports):
    async with serve(choose(["C3/none", "C2n/dane"]), ports) as served:
        told = list(directions(served))
        text = "\n".join(told)
        assert str(served.internet.trust_file) in text
        assert f"{ports.dns}, UDP and TCP" in text
        for host in served.hosts:
            for server in host.servers:
                assert any(host.cell.domain in line and server.address in line for line in told)
        assert all(f"  {line}" in told for line in configuration(served).splitlines())
        assert f"    forward-addr: 127.0.0.1@{ports.dns}" in told
        assert "each fetch is" in text


async def test_the_configuration_can_be_read(ports):
    async with serve(choose(["D1/none"]), ports) as served:
        config = parse_config(configuration(served))
        assert config.port == ports.smtp
        assert [str(each) for each in config.resolvers] == [f"127.0.0.1:{ports.dns}"]
        assert config.tls_ca == served.internet.trust_file


async def test_on_the_well_known_ports_others_can_come_too(ports, monkeypatch):
    async with serve(choose(["D1/none"]), ports) as served:
        told = list(directions(well_known(served, monkeypatch)))
    assert "  nameserver 127.0.0.1" in told
    assert "  smtp_tls_security_level = dane" in told
    assert not any("unshare" in line or line.startswith("  port") for line in told)


def well_known(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The same, as it looks to who is allowed to listen there."""
    ports = served.internet.ports
    module = import_module("tlswitness.lab.directions")
    for name, port in (("DNS", ports.dns), ("SMTP", ports.smtp), ("HTTPS", ports.https)):
        monkeypatch.setattr(module, name, port)
    return served
