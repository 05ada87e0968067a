"""Building and walking paths, and OpenSSL's own opinion on the same chains."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from OpenSSL._util import lib

from tlswitness.delivery.verdict import Chain, TrustStore, judge
from tlswitness.delivery.verdict import path as module
from tlswitness.delivery.verdict.certificate import Certificate, read_certificate
from tlswitness.delivery.verdict.path import Broken, anchored_path, trusted_path, walk
from tlswitness.lab.authority import DAY, Authority, Issued, KeyKind, Purpose, Signer, wrong

MX = ("mx.example.com",)


def read(*ders: bytes) -> tuple[Certificate, ...]:
    found = tuple(map(read_certificate, ders))
    assert None not in found
    return found


def common_names(path) -> list[str]:
    return [certificate.common_names[0] for certificate in path]


def test_a_trusted_path_ends_at_the_anchor(authority, trust):
    leaf, *others = read(*authority.issue(MX).chain)
    path = trusted_path(leaf, tuple(others), trust)
    assert common_names(path.certificates) == ["mx.example.com", "Lab Intermediate", "Lab Root"]
    assert (path.anchored, path.failures) == (True, ())


def test_a_path_without_an_anchor_goes_as_far_as_it_links(authority, trust):
    issuer = authority.signer("Middle", parent=authority.signer("Upper", parent=authority.unknown))
    leaf, *others = read(*authority.issue(MX, issuer=issuer).chain)
    path = trusted_path(leaf, (*reversed(others), *read(authority.intermediate.der)), trust)
    assert common_names(path.certificates) == ["mx.example.com", "Middle", "Upper"]
    assert not path.anchored


def test_an_anchored_path_ends_at_its_anchor_even_if_it_goes_on(authority):
    leaf, middle, root = read(*authority.issue(MX).presenting(root=True).chain)
    path = anchored_path(leaf, (middle, root), middle)
    assert path is not None
    assert common_names(path.certificates) == ["mx.example.com", "Lab Intermediate"]
    (stranger,) = read(authority.unknown.der)
    assert anchored_path(leaf, (middle, root), stranger) is None


def test_a_walk_is_bounded_in_depth(authority):
    top: Signer = authority.root
    for number in range(2 * module.MAX_DEPTH):
        top = authority.signer(f"Level {number}", parent=top)
    leaf, *others = read(*authority.issue(MX, issuer=top).chain)
    assert len(walk(leaf, tuple(others))) == module.MAX_DEPTH


def test_a_walk_is_bounded_in_signatures(authority, monkeypatch):
    namesakes = [authority.signer("Namesake") for _ in range(2 * module.MAX_SIGNATURE_CHECKS)]
    leaf, *others = read(authority.issue(MX, issuer=namesakes[-1]).der, *(signer.der for signer in namesakes))
    checks = []
    real = Certificate.signed_by
    monkeypatch.setattr(Certificate, "signed_by", lambda self, key: checks.append(key) or real(self, key))
    assert walk(leaf, tuple(others)) == (leaf,)
    assert len(checks) == module.MAX_SIGNATURE_CHECKS
    assert len(walk(leaf, tuple(reversed(others)))) == 2


def test_two_that_signed_each_other_make_no_endless_walk(authority):
    one = authority.signer("One", parent=None)
    other = authority.signer("Other", parent=one)
    again = authority.signer("One", parent=other, private=one.key)
    leaf, *others = read(authority.issue(MX, issuer=again).der, other.der, again.der)
    assert common_names(walk(leaf, tuple(others))) == ["mx.example.com", "One", "Other"]


@pytest.mark.parametrize("code", [*module.NO_ISSUER, *module._CHAIN_WORDS, 0, 9999])
def test_every_refusal_has_a_name(code):
    assert Broken(code).failure().words


def test_nothing_is_left_in_the_error_queue_of_openssl(authority, under_sts, monkeypatch):
    def left_behind() -> bool:
        under_sts((leaf, bytes(broken)))
        found = lib.ERR_peek_error() != 0
        lib.ERR_clear_error()
        return found

    leaf, middle = authority.issue(MX).chain
    broken = bytearray(middle)
    broken[middle.index(bytes.fromhex("06072a8648ce3d0201")) + 25] ^= 1  # the issuer's key is no point of its curve
    assert not left_behind()
    # the test would see it
    monkeypatch.setattr(module, "_drain_errors", lambda: None)
    assert left_behind()


# OpenSSL's own opinion. It knows the time of day only, so these certificates are of today.

FAULTS = {
    "none": {},
    "expired": {"not_before": -9 * DAY, "not_after": -DAY},
    "not yet valid": {"not_before": DAY},
    "wrong name": {"names": ["mx.example.net"]},
    "CN only": {"san": False},
    "self-signed": {"issuer": None},
    "unknown issuer": {"issuer": "unknown"},
    "missing intermediate": {},
    "expired intermediate": {"issuer": "expired_intermediate"},
    "wrong purpose": {"purpose": Purpose.CLIENT},
    "weak key": {"key": KeyKind.RSA1024},
}


@pytest.fixture(scope="module")
def today() -> Authority:
    return Authority(time.time())


@pytest.fixture(scope="module")
def faulty(today):
    def make(fault: str) -> Issued:
        options = dict(FAULTS[fault])
        names = options.pop("names", MX)
        if isinstance(issuer := options.get("issuer"), str):
            options["issuer"] = getattr(today, issuer)
        return today.issue(names, **options).presenting(intermediates=fault != "missing intermediate")

    return make


def verify_code(issued: Issued, trust_pem: bytes) -> int:
    """What `ssl` says in a real handshake, over memory; 0 where it is content."""
    context = ssl.create_default_context(cadata=trust_pem.decode())
    context.set_ciphers("DEFAULT:@SECLEVEL=2")
    context.hostname_checks_common_name = False
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(ours, theirs, server_hostname=MX[0])
    server = issued.server_context().wrap_bio(theirs, ours, server_side=True)
    try:
        for _ in range(4):
            for side in (client, server):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_code
    return 0


@pytest.mark.rfc(8460, "4.3.1")
@pytest.mark.parametrize(
    ("fault", "code", "causes"),
    [
        ("none", 0, []),
        ("expired", 10, ["CERT_EXPIRED"]),
        ("not yet valid", 9, ["CERT_NOT_YET_VALID"]),
        ("wrong name", 62, ["CERT_HOST_MISMATCH"]),
        ("CN only", 62, ["CERT_HOST_MISMATCH"]),
        ("self-signed", 18, ["CERT_SELF_SIGNED"]),
        ("unknown issuer", 20, ["CERT_UNKNOWN_ISSUER"]),
        ("missing intermediate", 20, ["CERT_UNKNOWN_ISSUER"]),
        ("expired intermediate", 10, ["CERT_ISSUER_EXPIRED"]),
        ("wrong purpose", 26, ["CERT_PURPOSE"]),
        ("weak key", 66, ["CERT_WEAK_KEY"]),
    ],
)
def test_ssl_says_the_same_of_single_faults(fault, code, causes, today, faulty, plan_for):
    issued = faulty(fault)
    assert verify_code(issued, today.trust_pem) == code
    verdict = judge(Chain(issued.chain), plan_for(sts=True), TrustStore.from_pem(today.trust_pem), today.now)
    assert [failure.cause.name for failure in verdict.sts] == causes


@contextmanager
def serving(issued: Issued) -> Iterator[int]:
    """A TLS server on a port of loopback that shakes hands with all comers."""
    context = issued.server_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with peer, suppress(OSError), context.wrap_socket(peer, server_side=True) as tls:
                        tls.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


OPENSSL = shutil.which("openssl")
S_CLIENT_SAYS = re.compile(r"Verif(?:y return code|ication)[^0-9\n]*: (\d+|OK)")


def openssl_passes(port: int, record) -> bool:
    data = f"{record.usage} {record.selector} {record.matching_type} {record.data.hex()}"
    command = [OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-dane_tlsa_domain", MX[0], "-servername", MX[0]]
    command += ["-dane_ee_no_namechecks", "-dane_tlsa_rrdata", data, "-cipher", "DEFAULT:@SECLEVEL=1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    found = S_CLIENT_SAYS.findall(done.stdout)
    assert found, done.stdout + done.stderr
    return found[-1] in ("0", "OK")


# OpenSSL at this level has no objection to RSA-1024; we have, except under DANE-EE.
STRICTER = {("weak key", 2)}


@pytest.mark.rfc(7671, "5.1")
@pytest.mark.rfc(7671, "5.2")
@pytest.mark.skipif(OPENSSL is None, reason="there is no openssl command here")
@pytest.mark.parametrize("fault", FAULTS)
def test_openssl_says_the_same_under_dane(fault, today, faulty, plan_for):
    issued = faulty(fault).presenting(intermediates=fault != "missing intermediate", root=True)
    trust = TrustStore.from_pem(today.trust_pem)
    kinds = [(3, 1, 1), (2, 0, 1), (2, 1, 0)] if issued.issuers else [(3, 0, 1), (2, 1, 1)]
    records = [issued.tlsa(*kind) for kind in kinds]
    with serving(issued) as port:
        for record in [*records, wrong(records[0]), wrong(records[1])]:
            plan = plan_for(tlsa=[record], references=MX)
            ours = judge(Chain(issued.chain), plan, trust, today.now).tlsa == ()
            stricter = (fault, record.usage) in STRICTER
            assert openssl_passes(port, record) == (ours or (stricter and record in records)), (fault, record)


@pytest.mark.rfc(7671, "5.2.2")
@pytest.mark.rfc(7671, "5.2.3")
@pytest.mark.skipif(OPENSSL is None, reason="there is no openssl command here")
def test_openssl_says_the_same_of_anchors_that_are_not_presented(today, faulty, plan_for):
    issued = faulty("none")
    trust = TrustStore.from_pem(today.trust_pem)
    with serving(issued) as port:
        for kind in ((2, 0, 0), (2, 1, 0), (2, 0, 1), (2, 1, 1)):
            record = issued.tlsa(*kind)
            ours = judge(Chain(issued.chain), plan_for(tlsa=[record], references=MX), trust, today.now).tlsa == ()
            assert ours == (kind[2] == 0)
            assert openssl_passes(port, record) == ours
