"""One POST at a time to one URL, over a connection that is kept.

Separate from the module that sends points because it knows nothing of them: only that a request ends in time whatever
the server does, that its certificate is checked, that no redirect is followed, no proxy of the environment used, and
no more of a response read than is needed.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

SILENCE = 10.0
"""Seconds that a server may be silent."""
PATIENCE = 10.0
"""Seconds for connecting, and as many for a request: a server that drips must not outlast the deadline of a call."""
MAX_RESPONSE = 64 * 1024
"""Octets of a response's body that are read, so that the connection can be used again."""

HTTPS_PORT, HTTP_PORT = 443, 80


@dataclass(frozen=True, slots=True)
class Response:
    """What the server said."""

    status: int
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class NoResponse:
    """It said nothing that counts, and why."""

    reason: str


class Poster:
    """Sends bodies to `url`, one after the other. Not for several threads."""

    def __init__(
        self,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        patience: float = PATIENCE,
        context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """`url` of http or https; `patience` in seconds. `context` says whose certificates are believed."""
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = context() if parts.scheme == "https" else None
        self._port = parts.port or (HTTPS_PORT if self._tls else HTTP_PORT)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = dict(headers)
        self._patience = min(patience, PATIENCE)
        self._connection: http.client.HTTPConnection | None = None
        self._dial: _Dial | None = None
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.server = f"{parts.scheme}://{shown}{f':{parts.port}' if parts.port else ''}"
        """The server alone: a path and a query may be secrets."""

    def post(self, body: bytes, headers: Mapping[str, str]) -> Response | NoResponse:
        """Send `body`. A connection that the server has closed meanwhile is made anew, once."""
        again = self._connection is not None
        answer = self._try(body, headers)
        if answer is None and again:
            answer = self._try(body, headers)
        return answer or NoResponse("it hung up")

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _try(self, body: bytes, headers: Mapping[str, str]) -> Response | NoResponse | None:
        """None where the server has hung up without a word."""
        late = threading.Event()
        timer: threading.Timer | None = None
        try:
            connection = self._connected()
            timer = threading.Timer(self._patience, _cut, (connection, late))
            timer.daemon = True
            timer.start()
            connection.request("POST", self._path, body, {**self._headers, **headers})
            answer = self._response(connection)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            return self._late() if late.is_set() else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return self._late() if late.is_set() else NoResponse(_words(error))
        finally:
            if timer is not None:
                timer.cancel()
        if not late.is_set():
            return answer
        self.close()  # the end of what was read may be where it was cut off
        return self._late()

    def _late(self) -> NoResponse:
        return NoResponse(f"no whole response within {self._patience:g} s")

    def _connected(self) -> http.client.HTTPConnection:
        """A connection, within the patience. Raises what connecting raises."""
        if self._connection is None:
            if self._dial is None:
                self._dial = _Dial(self._unconnected())
            dial = self._dial
            if not dial.done(self._patience):  # it goes on, and the next request finds it
                raise TimeoutError
            self._dial = None
            self._connection = dial.connected()
        return self._connection

    def _unconnected(self) -> http.client.HTTPConnection:
        silence = min(SILENCE, self._patience)
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=silence)
        return http.client.HTTPSConnection(self._host, self._port, timeout=silence, context=self._tls)

    def _response(self, connection: http.client.HTTPConnection) -> Response:
        response = connection.getresponse()
        body = response.read(MAX_RESPONSE + 1)
        if len(body) > MAX_RESPONSE or response.will_close:
            self.close()
        return Response(response.status, response.getheader("Retry-After"))


class _Dial:
    """A connection being made in a thread of its own: a name server that is silent can be waited for, not hurried."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="dial", daemon=True)
        self._thread.start()

    def done(self, patience: float) -> bool:
        self._thread.join(patience)
        return not self._thread.is_alive()

    def connected(self) -> http.client.HTTPConnection:
        if self._error is not None:
            raise self._error
        return self._connection

    def _run(self) -> None:
        try:
            self._connection.connect()
        except Exception as error:  # noqa: BLE001 - whoever asked for the connection has it
            self._connection.close()
            self._error = error


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """End a request that takes too long: whoever reads or writes has an error."""
    late.set()
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # beneath TLS, which is another thread's


def _words(error: Exception) -> str:
    """What went wrong; what the server said is not repeated."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {error.verify_message}"
        case TimeoutError():
            return "it is silent for too long"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return f"it does not speak HTTP ({type(error).__name__})"
