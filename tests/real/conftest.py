"""The world of real servers, started once for all tests here; they skip by name where it cannot be had."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.real.support import namespace, world

from tools import debian

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Delivered:
    """What one or more deliveries of one engine came to."""

    outcomes: list[dict]
    points: list[dict]
    """Without their epochs, which were looked at."""
    mail: list[dict]
    connections: dict[str, int]
    trusts: list[str]
    """What was believed of the resolvers after each."""

    @property
    def trust(self) -> str:
        return self.trusts[-1]

    @property
    def kinds(self) -> list[str]:
        return [outcome["kind"] for outcome in self.outcomes]

    @property
    def stored(self) -> list[tuple[str, str, str]]:
        """Server, recipient and TLS version of each mail in a mailbox, in the order of the deliveries."""
        assert all(mail["intact"] for mail in self.mail)
        return [(mail["server"], mail["recipient"], mail["tls"]) for mail in self.mail]


class World:
    """The process in the namespace."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.tlsa: dict[str, str] = self._read()

    def deliver(
        self,
        *steps: str | tuple[str, ...],
        lines: int = 0,
        parallel: bool = False,
        pause: float = 0,
        turns: Sequence[dict | None] = (),
        later: float = 0,
        asks: str = "",
        **options: object,
    ) -> Delivered:
        """Each step is the domain of one message's recipient, or the recipients; `options` configure the engine."""
        began = int(time.time())
        recipients = [(f"someone@{step}",) if isinstance(step, str) else step for step in steps]
        how = {"lines": lines, "parallel": parallel, "pause": pause, "turns": turns, "later": later, "asks": asks}
        order = {"steps": recipients, "options": options, **how}
        answer = self._ask({"deliver": order})
        assert "error" not in answer, answer["error"]
        for point in answer["points"]:
            assert began <= point.pop("epoch") <= time.time()
        return Delivered(**answer)

    def tally(self) -> dict[str, int]:
        """Mail that was said to be delivered, and mail in mailboxes."""
        return self._ask({"tally": True})

    def _ask(self, order: dict) -> dict:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)


@pytest.fixture(scope="session")
def real() -> Iterator[World]:
    lacking = debian.missing()
    if lacking:
        pytest.skip(f"needs: {', '.join(lacking)} (`make servers` fetches them, and installs nothing)")
    if os.geteuid() != 0:
        pytest.skip("needs: root, to run real servers in a namespace of their own")
    refused = namespace.probe()
    if refused is not None:
        pytest.skip(f"needs: namespaces, to run real servers in ({refused})")
    with tempfile.TemporaryDirectory(prefix="tlswitness-real-") as directory, contextlib.ExitStack() as stack:
        place = Path(directory)
        place.chmod(0o755)  # the servers give up root
        (place / "world").mkdir()
        words = stack.enter_context((place / "words").open("w+"))
        process = stack.enter_context(_start(place / "world", words))
        try:
            inside = _world(process, words)
            yield inside
            tally = inside.tally()
            assert tally["stored"] == tally["delivered"], "what the engine said is not what the servers have"
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()  # and with it all that it started
            words.seek(0)
            sys.stderr.write(words.read())  # shown where a test failed


def _start(place: Path, words: object) -> subprocess.Popen[str]:
    command = [*namespace.UNSHARE, sys.executable, "-m", "tests.real.support.world", str(debian.tree()), str(place)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, encoding="utf-8"
    )


def _world(process: subprocess.Popen[str], words) -> World:
    try:
        return World(process)
    except EOFError:
        process.wait(15)
        words.seek(0)
        text = words.read()
    if process.returncode == world.NOT_HERE:
        pytest.skip(f"needs: overlay mounts, to run real servers without installing them ({text.strip()})")
    raise RuntimeError(f"the real servers did not start:\n{text}")
