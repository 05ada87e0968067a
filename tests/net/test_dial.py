"""Connections over loopback."""

import asyncio
import socket

import pytest

from tlswitness.net import DirectDialer, MappedDialer


@pytest.fixture(params=["127.0.0.1", "::1"])
def listening(request):
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as server:
        try:
            server.bind((request.param, 0))
        except OSError:
            pytest.skip("needs: IPv6 on loopback")
        server.listen()
        yield request.param, server.getsockname()[1]


async def test_a_dialled_socket_is_connected_and_does_not_block(listening):
    address, port = listening
    with await DirectDialer().dial(address, port) as sock:
        assert sock.getpeername()[:2] == (address, port)
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_the_source_address_is_ours_to_choose():
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = await DirectDialer().dial("127.0.0.1", server.getsockname()[1], source="127.0.0.9")
    with sock:
        assert sock.getsockname()[0] == "127.0.0.9"


@pytest.mark.parametrize(
    ("address", "source"),
    [
        pytest.param("127.0.0.1", None, id="nobody listens"),
        pytest.param("127.0.0.1", "192.0.2.77", id="not an address of this machine"),
        pytest.param("localhost", None, id="a name, which only our resolver may look up"),
        pytest.param("fe80::zz", None, id="no address"),
    ],
)
async def test_what_fails_leaves_no_socket_behind(address, source):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError):
        await DirectDialer().dial(address, port, source=source)  # an open socket would be a ResourceWarning


async def test_a_cancelled_dial_leaves_no_socket_behind():
    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        task = asyncio.create_task(DirectDialer().dial(*server.getsockname()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Recorder:
    def __init__(self):
        self.calls = []

    async def dial(self, address, port, *, source=None):
        self.calls.append((address, port, source))
        return socket.socket()


@pytest.mark.parametrize(
    ("address", "port", "mapped"),
    [("127.0.0.1", 25, 10025), ("127.0.0.2", 25, 2525), ("127.0.0.1", 443, 443)],
)
async def test_a_map_of_ports_and_endpoints(address, port, mapped):
    recorder = Recorder()
    dialer = MappedDialer(ports={25: 10025}, endpoints={("127.0.0.2", 25): 2525}, inner=recorder)
    (await dialer.dial(address, port, source="127.0.0.9")).close()
    assert recorder.calls == [(address, mapped, "127.0.0.9")]
