"""Trust anchors are read at the start."""

from pathlib import Path

import pytest

from tlswitness.delivery.verdict.trust import TrustStore
from tlswitness.engine.trust import Anchors, TrustStores
from tlswitness.lab.authority import Authority

AUTHORITY = Authority(1_767_225_600.0)


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes("# Autorité\n".encode() + AUTHORITY.trust_pem)
    return path


def stores(*paths):
    return TrustStores(Anchors(path, "tls_ca") for path in paths)


def test_a_file(pem):
    found = stores(pem)
    assert len(found.memo(str(pem)).trust) == 1
    assert found.pem(str(pem)).encode() + b"\n" == AUTHORITY.trust_pem


def test_a_file_is_read_once(pem):
    found = stores(pem, pem)
    assert found.memo(str(pem)) is found.memo(str(pem))


def test_two_files_are_two_memos(pem, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(AUTHORITY.unknown.pem)
    found = stores(pem, other)
    assert found.memo(str(pem)) is not found.memo(str(other))


def test_a_directory(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "README").write_bytes(b"\xff no certificate")
    (tmp_path / "a.pem").write_bytes(AUTHORITY.trust_pem)
    (tmp_path / "b.pem").write_bytes(AUTHORITY.unknown.pem)
    found = stores(tmp_path)
    assert len(found.memo(str(tmp_path)).trust) == 2
    assert found.pem(str(tmp_path)).count("BEGIN CERTIFICATE") == 2


def test_the_systems(monkeypatch):
    monkeypatch.setattr(TrustStore, "system", lambda: TrustStore.from_pem(AUTHORITY.trust_pem))
    found = stores(None)
    assert len(found.memo(None).trust) == 1
    assert found.pem(None) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"nothing", "the trust store has no certificate: PEM with at least one is needed"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 1 of the trust store cannot be read",
        ),
    ],
)
def test_an_error_says_what_and_where_and_why(tmp_path, content, why):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OSError) as raised:
        TrustStores([Anchors(path, '[domain."example.com"] tls_ca')])
    assert str(raised.value) == f'[domain."example.com"] tls_ca: {path} cannot be used: {why}'


def test_a_machine_without_anchors(monkeypatch):
    def nothing():
        raise FileNotFoundError("no trust store on this machine")

    monkeypatch.setattr(TrustStore, "system", nothing)
    with pytest.raises(
        OSError, match="tls_ca: the system's trust store cannot be used: no trust store on this machine"
    ):
        stores(None)


def test_a_path_is_a_path():
    assert Anchors(Path("ca.pem"), "tls_ca").path == Path("ca.pem")
