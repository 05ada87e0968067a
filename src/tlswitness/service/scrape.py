"""Where Prometheus fetches the metrics: HTTP, answered by the daemon's own event loop.

Separate from the metrics because what is said, and in which form, is prometheus-client's matter: it is handed the
request. On loopback, unless the operator says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import h11
from prometheus_client import CollectorRegistry, make_wsgi_app

from tlswitness.config import Endpoint
from tlswitness.service.door import Door

MAX_REQUEST = 16 * 1024
"""Octets of a request's head."""
PATHS = ("/", "/metrics")

Refresh = Callable[[], Awaitable[object]]


class MetricsServer:
    """Answers from `start` to `close`."""

    def __init__(self, listen: Endpoint, registry: CollectorRegistry, refresh: Refresh) -> None:
        """`refresh` is awaited before each answer."""
        self.listen = listen
        self._app = make_wsgi_app(registry)
        self._refresh = refresh
        self._server: asyncio.Server | None = None
        self._door = Door(self._talk)

    @property
    def port(self) -> int:
        """The port, also where it was left to the system."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Raises OSError where the port cannot be had."""
        self._server = await asyncio.start_server(self._door.serve, self.listen.address, self.listen.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            await self._door.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST)
        try:
            while (event := talk.next_event()) is h11.NEED_DATA:
                talk.receive_data(await reader.read(MAX_REQUEST))
        except h11.RemoteProtocolError:
            return  # no HTTP
        if not isinstance(event, h11.Request):
            return
        status, headers, body = await self._answer(event)
        headers += [("Content-Length", str(len(body))), ("Connection", "close")]
        response = h11.Response(status_code=status, headers=headers)
        for part in (response, h11.Data(data=b"" if event.method == b"HEAD" else body), h11.EndOfMessage()):
            writer.write(talk.send(part) or b"")

    async def _answer(self, request: h11.Request) -> tuple[int, list[tuple[str, str]], bytes]:
        path, _, query = request.target.decode("ascii", "replace").partition("?")
        if path not in PATHS:
            return 404, [("Content-Type", "text/plain")], b"the metrics are at /metrics\n"
        await self._refresh()
        given = {name: value.decode("latin-1") for name, value in request.headers}
        environ = {
            "REQUEST_METHOD": request.method.decode("ascii", "replace"),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_ACCEPT": given.get(b"accept", ""),
            "HTTP_ACCEPT_ENCODING": given.get(b"accept-encoding", ""),
        }
        return _called(self._app, environ)


def _called(app: Any, environ: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    """What a WSGI application answers."""
    said: list[tuple[str, list[tuple[str, str]]]] = []
    body: Iterable[bytes] = app(environ, lambda status, headers: said.append((status, headers)))
    octets = b"".join(body)
    ((status, headers),) = said
    return int(status[:3]), [(name, value) for name, value in headers if name.lower() != "content-length"], octets
