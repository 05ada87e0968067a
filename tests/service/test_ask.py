import asyncio
import json
import os
import socket
import threading
from contextlib import contextmanager

import pytest
from tests.service.support import module, status

from tlswitness.service import ask as ask_module
from tlswitness.service.ask import NoDaemon, ask
from tlswitness.service.socket import StatusSocket
from tlswitness.service.status import encode


@contextmanager
def answering(path, octets):
    """Answers once with `octets`; with None, never."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        over = threading.Event()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                if octets is None:
                    over.wait(10)
                else:
                    client.sendall(octets)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


async def test_the_status_of_a_daemon(tmp_path):
    sent = status(*(module(f"m{number}", last_error="x" * 2000) for number in range(200)))

    async def answer() -> bytes:
        return encode(sent)

    server = StatusSocket(tmp_path / "sock", {"status": answer})
    await server.start()
    assert await asyncio.to_thread(ask, tmp_path / "sock") == sent
    await server.close()


def test_no_daemon(tmp_path):
    said = ask(tmp_path / "sock")
    assert said == NoDaemon(f"no daemon is running here: nobody answers at {tmp_path / 'sock'}")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "sock"))
    assert ask(tmp_path / "sock") == said
    assert "at most 107 octets" in ask(tmp_path / ("x" * 200)).reason


def test_one_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(ask_module, "DEADLINE", 0.2)
    with answering(tmp_path / "sock", None):
        assert ask(tmp_path / "sock") == NoDaemon(
            f"the daemon at {tmp_path / 'sock'} does not answer within 0.2 s", running=True
        )


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (json.dumps({"error": "too many"}).encode(), "too many"),
        (b"hello", "in a way that this version does not understand: b'hello'"),
        (b"", "in a way that this version does not understand"),
        (b"[1]", "in a way that this version does not understand"),
    ],
)
def test_another_answer(tmp_path, octets, words):
    with answering(tmp_path / "sock", octets):
        said = ask(tmp_path / "sock")
    assert said.running
    assert words in said.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="needs: root, to be somebody else")
def test_somebody_elses(tmp_path):
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o600)
        for directory in (tmp_path, *tmp_path.parents):
            if directory.owner() == "root" and directory != directory.parent and directory.name != "tmp":
                directory.chmod(0o711)
        pid = os.fork()
        if pid == 0:
            os.setuid(65534)
            answer = ask(path)
            os._exit(0 if isinstance(answer, NoDaemon) and answer.forbidden else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
