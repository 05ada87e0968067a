import contextlib
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tlswitness.hooks.host.builtin import post
from tlswitness.hooks.host.builtin.post import MAX_RESPONSE, NoResponse, Poster, Response
from tlswitness.lab.authority import Authority


class Handler(BaseHTTPRequestHandler):
    """Answers by path; notes what came."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body, self.client_address[1]))
        if self.path == "/hangs-up":
            self.close_connection = True
            return
        if self.path == "/drips":
            with contextlib.suppress(OSError):
                for octet in b"HTTP/1.1 200 OK\r\nX-" + b"a" * 1000:
                    self.wfile.write(bytes([octet]))
                    time.sleep(0.02)
            return
        if self.path == "/rubbish":
            self.wfile.write(b"220 mx.example ESMTP\r\n")
            self.close_connection = True
            return
        self.send_response(int(self.path[1:].partition("?")[0] or 200))
        self.send_header("Location", "/200")
        self.send_header("Retry-After", "7")
        large = b"x" * (MAX_RESPONSE * 3 if self.path.endswith("?large") else 3)
        self.send_header("Content-Length", str(len(large)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(large)
        self.close_connection = self.path.endswith("?then-hangs-up")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    server.seen = []
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def poster(server):
    made = []

    def make(path="/200", **more):
        made.append(Poster(f"http://127.0.0.1:{server.server_port}{path}", **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_request(server, poster, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    sending = poster("/200?a=b", headers=[("Authorization", "Bearer x"), ("User-Agent", "me")])
    for _ in range(2):
        assert sending.post(b'{"points":[]}', {"Idempotency-Key": "k"}) == Response(200, "7")
    (path, headers, body, port), (_, _, _, again) = server.seen
    assert (path, body) == ("/200?a=b", b'{"points":[]}')
    assert headers["Authorization"] == "Bearer x"
    assert headers["User-Agent"] == "me"
    assert headers["Idempotency-Key"] == "k"
    assert headers["Host"] == f"127.0.0.1:{server.server_port}"
    assert port == again, "the connection is kept"


@pytest.mark.parametrize("status", [204, 301, 307, 400, 429, 503])
def test_redirects_are_not_followed_and_every_status_is_told(server, poster, status):
    assert poster(f"/{status}").post(b"", {}) == Response(status, "7")
    assert len(server.seen) == 1


def test_a_large_response_is_not_read_and_the_connection_not_used_again(server, poster):
    sending = poster("/500?large")
    assert [sending.post(b"", {}).status for _ in range(2)] == [500, 500]
    assert server.seen[0][3] != server.seen[1][3]


def test_a_connection_that_was_closed_meanwhile_is_made_anew(server, poster):
    sending = poster("/200?then-hangs-up")
    assert [sending.post(b"", {}) for _ in range(3)] == [Response(200, "7")] * 3
    assert len(server.seen) == 3


def test_a_server_that_hangs_up_is_told_of(server, poster):
    assert poster("/hangs-up").post(b"", {}) == NoResponse("it hung up")
    assert len(server.seen) == 1


def test_a_server_that_drips_is_cut_off(poster):
    begun = time.monotonic()
    answer = poster("/drips", patience=0.5).post(b"", {})
    assert answer == NoResponse("no whole response within 0.5 s")
    assert time.monotonic() - begun < 5


def test_no_http(poster):
    answer = poster("/rubbish").post(b"", {})
    assert isinstance(answer, NoResponse)
    assert "does not speak HTTP" in answer.reason


def test_nobody_there_and_nobody_who_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sending = Poster(f"http://127.0.0.1:{port}/", patience=0.3)
        assert isinstance(sending.post(b"", {}), NoResponse)
        sending.close()
    assert Poster(f"http://127.0.0.1:{port}/").post(b"", {}) == NoResponse("Connection refused")


def test_a_name_server_that_is_silent_does_not_outlast_the_patience(monkeypatch, server):
    go_on = threading.Event()
    found = socket.getaddrinfo
    asked = []

    def slow(*args, **kwargs):
        asked.append(args)
        go_on.wait(20)
        return found(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    sending = Poster(f"http://localhost.localdomain:{server.server_port}/200", patience=0.1)
    monkeypatch.setattr(sending, "_host", "127.0.0.1")
    for _ in range(3):
        assert sending.post(b"", {}) == NoResponse("it is silent for too long")
    go_on.set()
    sending._patience = 10
    assert sending.post(b"", {}) == Response(200, "7")
    assert len(asked) == 1, "the one that was under way is used"
    sending.close()


@pytest.mark.parametrize(
    ("names", "trusted", "reason"),
    [
        (["hooks.example", "localhost"], True, ""),
        (["hooks.example"], True, "not valid"),
        (["localhost"], False, "not valid"),
    ],
)
def test_certificates_are_checked(names, trusted, reason):
    authority = Authority(time.time())

    def context():
        return ssl.create_default_context(cadata=authority.trust_pem.decode() if trusted else None)

    with serving(authority.issue(names).server_context()) as server:
        sending = Poster(f"https://localhost:{server.server_port}/200", context=context)
        answer = sending.post(b"{}", {})
        sending.close()
    if reason:
        assert isinstance(answer, NoResponse)
        assert reason in answer.reason
        assert not server.seen
    else:
        assert answer == Response(200, "7")
        assert server.seen[0][1]["Host"] == f"localhost:{server.server_port}"


def test_what_is_said_of_the_server_holds_no_secret():
    assert Poster("https://[::1]:8/hook/s3cret?token=s3cret").server == "https://[::1]:8"
    assert Poster("http://x.example/s3cret").server == "http://x.example"
    assert Poster("https://x.example")._port == post.HTTPS_PORT
