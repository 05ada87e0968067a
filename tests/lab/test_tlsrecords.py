import contextlib
import ssl

import pytest

from tlswitness.lab.tlsrecords import Sealer


class Pair:
    """A session of TLS 1.3 in memory, whose server has sent `sent` records of data, and its key log."""

    def __init__(self, authority, tmp_path, *, sent: int) -> None:
        self.log = tmp_path / "keys"
        context = authority.issue(["a.test"]).server_context()
        context.keylog_filename = str(self.log)
        context.num_tickets = 0
        how = ssl.create_default_context(cadata=authority.trust_pem.decode())
        self.to_client, self.to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self.to_server, self.to_client, server_side=True)
        self.client = how.wrap_bio(self.to_client, self.to_server, server_hostname="a.test")
        for side in (self.client, self.server, self.client, self.server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        for _ in range(sent):
            self.server.write(b"x")
        cipher = self.server.cipher()
        assert cipher is not None
        self.sealer = Sealer.of(self.log, cipher[0], sent)

    def give(self, record: bytes) -> None:
        self.to_client.write(record)


@pytest.fixture(params=[0, 3])
def pair(request, authority, tmp_path) -> Pair:
    return Pair(authority, tmp_path, sent=request.param)


def read_all(pair: Pair) -> None:
    while True:
        pair.client.read(100)


def test_the_client_takes_the_records_for_the_servers(pair):
    pair.give(pair.sealer.tickets() + pair.sealer.key_update() + pair.sealer.empty() + pair.sealer.key_update())
    pair.give(pair.sealer._seal(23, b"under the third keys"))
    heard = b""
    while not heard.endswith(b"keys"):
        heard += pair.client.read(100)
    assert heard.lstrip(b"x") == b"under the third keys"


def test_an_alert(pair):
    pair.give(pair.sealer.alert(80))
    with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_INTERNAL_ERROR"):
        read_all(pair)


def test_a_key_update_makes_the_client_answer(pair):
    """Each one, as soon as more comes from the server, or goes to it."""
    pair.to_server.read()
    pair.give(pair.sealer.key_update() + pair.sealer.key_update())
    with pytest.raises(ssl.SSLWantReadError):
        read_all(pair)
    assert pair.to_server.pending


@pytest.mark.parametrize("cipher", ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
def test_the_other_suites(cipher):
    secret = bytes(range(32))
    one, other = Sealer(secret, cipher, 0), Sealer(secret, cipher, 0)
    assert one.empty() == other.empty() != Sealer(secret, cipher, 1).empty()
    one.key_update()
    assert one.empty() != other.empty()


def test_no_session_in_the_log(tmp_path):
    (tmp_path / "keys").write_text("CLIENT_RANDOM 00 00\n")
    with pytest.raises(LookupError):
        Sealer.of(tmp_path / "keys", "TLS_AES_128_GCM_SHA256", 0)
