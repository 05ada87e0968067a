import errno
import time

import dns.asyncquery
import dns.message
import pytest

from tlswitness.lab.authority import Authority
from tlswitness.lab.choose import choose
from tlswitness.lab.internet import Internet, Ports
from tlswitness.lab.mx import BEHAVIOURS
from tlswitness.lab.site import Mx, site


async def test_two_at_the_same_time_and_nothing_left_behind():
    async with Internet(time.time) as one, Internet(time.time) as other:
        assert one.nameserver.server != other.nameserver.server
        assert one.trust_file.read_bytes() == one.authority.trust_pem
        assert one.directory != other.directory
    assert not one.directory.exists()


async def test_places_are_fresh():
    internet = Internet(time.time)
    places = [internet.place() for _ in range(200)]
    addresses = {address for place in places for address in (place.mx, place.second, place.nowhere)}
    assert len(addresses) == 600
    assert internet.policy_host.address not in addresses


async def test_what_is_published_is_answered_until_it_is_withdrawn():
    (cell,) = choose(["D1/none"])
    async with Internet(time.time) as internet:
        this = site(cell, internet.authority, internet.place())
        internet.publish(this)
        query = dns.message.make_query(f"mx.{cell.domain}", "A")
        where = internet.nameserver.server
        answer = await dns.asyncquery.udp(query, where.address, port=where.port, timeout=5)
        assert answer.answer[0][0].to_text() == this.mxs[0].address
        internet.withdraw(this)
        answer = await dns.asyncquery.udp(query, where.address, port=where.port, timeout=5)
        assert answer.answer == []


async def test_the_dialer_finds_the_servers():
    async with Internet(time.time) as internet:
        mx = Mx("mx.example.test", internet.place().mx, internet.authority.issue(["x"]), BEHAVIOURS["ok"])
        server = await internet.serve(mx)
        (await internet.dialer([server]).dial(mx.address, 25)).close()
        (await internet.dialer([server]).dial(internet.policy_host.address, 443)).close()
        await server.stop()


async def test_a_port_that_is_taken_is_named():
    async with Internet(time.time) as one:
        port = one.nameserver.server.port
        with pytest.raises(OSError, match=rf"for DNS on 127\.0\.0\.1 port {port}") as caught:
            await Internet(time.time, Ports(dns=port)).__aenter__()
        assert caught.value.errno == errno.EADDRINUSE
        other = Internet(time.time, Ports(https=one.policy_host.port))
        other.policy_host.address = one.policy_host.address
        with pytest.raises(OSError, match="for policy hosts on 127"):
            await other.__aenter__()


async def test_an_address_that_is_not_ours_is_named():
    async with Internet(time.time) as internet:
        mx = Mx("mx.example.test", "192.0.2.1", internet.authority.issue(["x"]), BEHAVIOURS["ok"])
        with pytest.raises(OSError, match=r"for an MX on 192\.0\.2\.1: ") as caught:
            await internet.serve(mx)
        assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_the_configuration():
    async with Internet(time.time) as internet:
        config = internet.config("x.test", {"dane_required": True}, {"dns": 3})
        assert config.dane_required
        assert config.timeouts.dns == 3
        assert config.tls_ca == internet.trust_file
        assert internet.directory in config.state_dir.parents


async def test_a_second_root():
    async with Internet(time.time) as internet:
        internet.trust(Authority(time.time()).root)
        assert internet.trust_file.read_bytes().count(b"BEGIN CERTIFICATE") == 2
