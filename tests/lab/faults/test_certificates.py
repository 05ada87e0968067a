"""What each fault does is shown by the lab's scenarios; here: each makes a certificate, and an unknown one none."""

import time

import pytest

from tlswitness.lab.authority import Authority
from tlswitness.lab.faults import certificates
from tlswitness.lab.table import Setup, cells

NOW = time.time()
NAME = "mx.example.test"
FAULTS = sorted({cell.setup.certificate for cell in cells()})


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_can_be_presented(authority, fault):
    issued = certificates.mx(authority, NAME, Setup(certificate=fault))
    issued.server_context()
    intermediates = {"missing-intermediate": 0, "unknown-issuer": 0, "self-signed": 0, "path-length": 2}
    intermediates |= dict.fromkeys(("long-chain", "stuffed-chain"), certificates.LONG - 1)
    assert len(issued.chain) == 1 + intermediates.get(fault, 1)
    expired = issued.certificate.not_valid_after_utc.timestamp() < NOW
    assert expired == (fault in ("expired", "expired-wrong-name"))


def test_under_dane_ta_the_anchor_is_presented(authority):
    issued = certificates.mx(authority, NAME, Setup(policies=("dane-ta",)))
    assert issued.chain[-1] == authority.root.der
    alone = certificates.mx(authority, NAME, Setup(policies=("dane-ta",), certificate="self-signed"))
    assert alone.chain == (alone.der,)


def test_an_unknown_fault_is_refused(authority):
    with pytest.raises(ValueError, match="no such certificate: 'expird'"):
        certificates.mx(authority, NAME, Setup(certificate="expird"))


@pytest.mark.parametrize("fault", ["ok", *certificates.POLICY_HOST_FAULTS])
def test_policy_hosts(authority, fault):
    issued = certificates.policy_host(authority, NAME, fault)
    good = issued.certificate.issuer == authority.intermediate.certificate.subject
    assert good == (fault not in ("cert-unknown-issuer", "cert-self-signed"))
