import time
from dataclasses import replace

import pytest

from tlswitness.dns.answer import MxRecord, RecordType, TxtRecord
from tlswitness.lab.authority import Authority
from tlswitness.lab.choose import choose
from tlswitness.lab.policyhost import Serve
from tlswitness.lab.site import Place, Site, earlier, site
from tlswitness.lab.table import cells
from tlswitness.lab.zone import NXDOMAIN, Missing, Records, Zone

PLACE = Place("127.9.0.1", "127.9.0.2", "127.9.0.3", "127.9.0.4")
TXT, MX, A, TLSA = RecordType.TXT, RecordType.MX, RecordType.A, RecordType.TLSA


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(time.time())


def build(authority: Authority, name: str) -> tuple[Site, Zone]:
    (cell,) = choose([name])
    zone = Zone()
    this = site(cell, authority, PLACE)
    this.publish(zone)
    return this, zone


def test_every_cell_has_a_site(authority):
    for cell in cells():
        site(cell, authority, PLACE).publish(Zone())


def test_a_good_site(authority):
    this, zone = build(authority, "S6-1/both")
    assert zone.find(this.domain, MX) == Records((MxRecord(10, f"mx.{this.domain}"),))
    assert zone.find(f"mx.{this.domain}", A) == Records((PLACE.mx,))
    assert zone.find(f"_mta-sts.{this.domain}", TXT) == Records((TxtRecord((b"v=STSv1; id=2;",)),))
    assert zone.find(f"mta-sts.{this.domain}", A) == Records((PLACE.policy_host,))
    assert zone.find(f"_25._tcp.mx.{this.domain}", TLSA) == Records((this.mxs[0].certificate.tlsa(3, 1, 1),))
    assert isinstance(this.host, Serve)
    assert f"mx: mx.{this.domain}\r\n".encode() in this.host.body


def test_two_mxs(authority):
    this, zone = build(authority, "C2n/dane")
    assert [mx.address for mx in this.mxs] == [PLACE.mx, PLACE.second]
    assert [mx.behaviour.refuses_connection for mx in this.mxs] == [True, False]
    found = zone.find(this.domain, MX)
    assert isinstance(found, Records)
    assert len(found.records) == 2


@pytest.mark.parametrize(
    ("name", "host", "address"), [("N3/none", "n3-none.test", "127.9.0.1"), ("N5/none", "", "::1")]
)
def test_where_the_mx_is(authority, name, host, address):
    this, _ = build(authority, name)
    assert this.mxs[0].name == (host or f"mx.{this.domain}")
    assert this.mxs[0].address == address


def test_a_domain_without_mta_sts(authority):
    this, zone = build(authority, "D1/none")
    assert this.policy_id is None
    assert zone.find(f"_mta-sts.{this.domain}", TXT) == NXDOMAIN


def test_earlier_the_policy_was_right(authority):
    now, zone = build(authority, "A4/cache")
    assert zone.find(now.policy_host, A) == NXDOMAIN
    before = earlier(now, authority)
    before.publish(zone)
    assert zone.find(now.policy_host, A) == Records((PLACE.policy_host,))
    assert before.policy_id != now.policy_id
    assert before.mxs == now.mxs


def test_publishing_replaces_and_withdrawing_forgets(authority):
    this, zone = build(authority, "D1/dane")
    plain = replace(this, setup=replace(this.setup, policies=()))
    plain.publish(zone)
    assert zone.find(f"_25._tcp.mx.{this.domain}", TLSA) == Missing()
    plain.withdraw(zone)
    assert not zone.has(this.domain)
    assert not zone.has(f"mx.{this.domain}")
