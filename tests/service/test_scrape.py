import asyncio
import gzip
import socket
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from tests.service.support import module, status

from tlswitness.config import Endpoint
from tlswitness.service.metrics import Metrics
from tlswitness.service.scrape import MAX_REQUEST, MetricsServer


@pytest.fixture
async def server():
    metrics = Metrics()

    async def refresh() -> None:
        metrics.show(status(module()))

    server = MetricsServer(Endpoint("127.0.0.1", 0), metrics.registry, refresh)
    await server.start()
    yield server
    await server.close()


async def fetched(server, path="/metrics", **headers):
    def fetch():
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.headers, response.read()

    return await asyncio.to_thread(fetch)


async def raw(server, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(octets)
        return await reader.read()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/metrics", "/"])
async def test_the_metrics_are_as_they_are_now(server, path):
    headers, body = await fetched(server, path)
    assert headers["Content-Type"].startswith("text/plain")
    assert int(headers["Content-Length"]) == len(body)
    assert b'tlswitness_hook_calls_total{module="told"} 7.0' in body


async def test_the_client_chooses_the_form(server):
    headers, body = await fetched(
        server, Accept="application/openmetrics-text; version=1.0.0", **{"Accept-Encoding": "gzip"}
    )
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert gzip.decompress(body).endswith(b"# EOF\n")
    _, some = await fetched(server, "/metrics?name[]=tlswitness_hook_calls_total")
    assert some.count(b"\n") == 3


async def test_another_path(server):
    with pytest.raises(urllib.error.HTTPError) as caught:
        await fetched(server, "/secrets")
    with caught.value as response:
        assert response.code == 404
        assert b"/metrics" in response.read()


async def test_head_has_no_body(server):
    answer = await raw(server, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "octets", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * (2 * MAX_REQUEST) + b"\r\n\r\n", b"\0" * 100_000]
)
async def test_who_speaks_no_http_or_too_much_of_it(server, octets):
    with suppress(ConnectionError):
        assert not (await raw(server, octets)).startswith(b"HTTP/1.1 200")
    await fetched(server)


async def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = MetricsServer(Endpoint("127.0.0.1", other.getsockname()[1]), Metrics().registry, lambda: None)
        with pytest.raises(OSError):
            await server.start()
        await server.close()
