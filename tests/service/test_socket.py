import asyncio
import json
import socket
import stat

import pytest

from tlswitness.service import door
from tlswitness.service.socket import MAX_REQUEST, SocketLive, SocketUnusable, StatusSocket, path_fault


async def answer() -> bytes:
    return b'{"well": true}'


@pytest.fixture
async def server(tmp_path):
    server = StatusSocket(tmp_path / "state" / "sock", {"status": answer})
    await server.start()
    yield server
    await server.close()


async def asked(path, question: bytes, *, end=False) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(question)
        if end:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def test_an_answer_is_one_line(server):
    assert await asked(server.path, b"status\n") == b'{"well": true}\n'
    assert await asked(server.path, b"status", end=True) == b'{"well": true}\n'


async def test_it_is_for_its_user_alone(server):
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (b"weather\n", "'weather' cannot be asked; what can: status"),
        (b"\xff\n", "cannot be asked"),
        (b"\n", "cannot be asked"),
        (b"x" * (2 * MAX_REQUEST), f"a question has {MAX_REQUEST} octets at most"),
        (b"x" * (2 * MAX_REQUEST) + b"\n", f"a question has {MAX_REQUEST} octets at most"),
    ],
)
async def test_what_cannot_be_asked(server, question, words):
    assert words in json.loads(await asked(server.path, question))["error"]


async def test_one_too_many_is_told(server, monkeypatch):
    monkeypatch.setattr(door, "MAX_CLIENTS", 0)
    assert "too many" in json.loads(await asked(server.path, b""))["error"]


async def test_one_that_was_left_behind_is_replaced(tmp_path):
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = StatusSocket(path, {"status": answer})
    await server.start()
    assert await asked(path, b"status\n") == b'{"well": true}\n'
    await server.close()
    assert not path.exists()


async def test_one_that_is_live_is_left_alone(server):
    second = StatusSocket(server.path, {"status": answer})
    with pytest.raises(SocketLive, match="another program answers"):
        await second.start()
    await second.close()
    assert await asked(server.path, b"status\n") == b'{"well": true}\n'


async def test_one_that_is_another_ones_by_now_is_left_alone(server):
    server.path.rename(server.path.with_name("moved"))
    second = StatusSocket(server.path, {"status": answer})
    await second.start()
    await server.close()
    assert await asked(server.path, b"status\n") == b'{"well": true}\n'
    await second.close()


async def test_what_is_no_socket_is_not_removed(tmp_path):
    path = tmp_path / "precious"
    path.write_text("mine")
    with pytest.raises(SocketUnusable, match="something else with this name"):
        await StatusSocket(path, {}).start()
    assert path.read_text() == "mine"


async def test_a_path_that_is_too_long_is_told(tmp_path):
    path = tmp_path / ("x" * 200)
    with pytest.raises(SocketUnusable, match="at most 107 octets, this one") as caught:
        await StatusSocket(path, {}).start()
    assert not isinstance(caught.value, SocketLive)
    assert str(caught.value) == path_fault(path)
    assert path_fault(tmp_path / "ü") == ""


async def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SocketUnusable, match=r"Not a directory|File exists"):
        await StatusSocket(tmp_path / "file" / "sock", {}).start()
