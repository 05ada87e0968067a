"""Asking a running daemon: the other end of its status socket.

Separate because it runs in other processes, with none of what the daemon needs.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from tlswitness.service.socket import path_fault
from tlswitness.service.status import Status, decode

DEADLINE = 10.0
"""Seconds for the answer."""
MAX_ANSWER = 64 << 20
"""Octets: thousands of modules with long stories would stay below."""
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class NoDaemon:
    """There is no answer, and why."""

    reason: str
    running: bool = False
    """Whether there is a daemon all the same: it is busy, or not ours to ask."""
    forbidden: bool = False
    """Whether it is somebody else's."""


def ask(path: Path) -> Status | NoDaemon:
    """The status of the daemon that answers at `path`."""
    fault = path_fault(path)
    if fault:
        return NoDaemon(fault)
    try:
        octets = _asked(path, b"status\n")
    except (FileNotFoundError, ConnectionRefusedError):
        return NoDaemon(f"no daemon is running here: nobody answers at {path}")
    except TimeoutError:
        return NoDaemon(f"the daemon at {path} does not answer within {DEADLINE:g} s", running=True)
    except PermissionError:
        return NoDaemon(f"{path} is another user's: ask as that user, as with `sudo -u`", running=True, forbidden=True)
    except OSError as error:
        return NoDaemon(f"the daemon cannot be asked at {path}: {os.strerror(error.errno or 0)}", running=True)
    return _understood(octets, path)


def _asked(path: Path, question: bytes) -> bytes:
    answer = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(path))
        sock.sendall(question)
        while len(answer) < MAX_ANSWER and (piece := sock.recv(_PIECE)):
            answer += piece
    return bytes(answer)


def _understood(octets: bytes, path: Path) -> Status | NoDaemon:
    try:
        return decode(octets)
    except ValueError:
        pass
    try:
        error = json.loads(octets)["error"]
    except (ValueError, LookupError, TypeError):
        error = f"it answers in a way that this version does not understand: {octets[:80]!r}"
    return NoDaemon(f"the daemon at {path}: {error}", running=True)
