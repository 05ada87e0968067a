"""Who is killed, and when: at a random moment of each life. Then the books are compared."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab import Internet
from tlswitness.lab.internet import HTTPS, SMTP
from tlswitness.net import MappedDialer
from tlswitness.policy.sts import PolicyStore
from tools.faults import child
from tools.faults.account import DELIVERED, UNCERTAIN, Policy, Said, SaidBySend, mail_faults, store_faults
from tools.faults.life import PATIENCE, live
from tools.faults.town import MX, Town, found_in, town

LONGEST = 0.6
"""Seconds of a life."""
YOUNG = 0.08
"""Seconds of every third life, which ends while the process starts."""
SHORT = 0.3
"""Seconds of a life of `tlswitness send`, which comes to its end by itself."""
BREATH = 0.01
"""Seconds to wait when the server is away."""
RECIPIENTS = 120
"""Of one message of `tlswitness send`."""
SENDERS = 8
"""Messages at the same time to the server that is killed."""
TEMPORARY = ".tmp-"


@dataclass
class Tally:
    """What came of all lives, in numbers; `faults` in words."""

    what: str
    numbers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, number: int = 1) -> None:
        self.numbers[name] = self.numbers.get(name, 0) + number

    def words(self) -> str:
        numbers = ", ".join(f"{number} {name}" for name, number in self.numbers.items())
        return f"{self.what}: {numbers}; {len(self.faults)} faults"


async def kill_engine(kills: int, dice: random.Random) -> Tally:
    """Kill an engine that delivers and fetches policies, each time on the same state directory."""
    tally = Tally("an engine, killed")
    async with Internet(time.time) as internet, town(internet, dice) as here, _meanwhile(here.restless()):
        before: dict[str, Policy] = {}
        config = here.config("killed")
        for number in range(kills):
            life = child.Life(f"m{number}", config, here.surroundings(), here.domains)
            said = Said()
            status = await live(child.deliver, (life,), _moment(dice, number), said.hear)
            tally.faults += _own_end(status)
            before = _compare(here, said, before, config.mta_sts_policy_store, tally)
        _clear(config.mta_sts_policy_store, tally)
    return tally


async def kill_send(kills: int, dice: random.Random) -> Tally:
    """Kill `tlswitness send`: what it had printed is true."""
    tally = Tally("`tlswitness send`, killed")
    async with Internet(time.time) as internet, town(internet, dice) as here:
        options = ("--config", str(_config_file(internet, here)))
        for number in range(kills):
            recipients = tuple(f"r{n}@{here.domains[n % len(here.domains)]}" for n in range(RECIPIENTS))
            said = SaidBySend()
            args = (f"s{number}", recipients, options)
            most = dice.randrange(1, 2 * RECIPIENTS) if number % 2 else None
            moment = PATIENCE if most else dice.uniform(0, SHORT)
            status = await live(child.send, args, moment, said.hear, most=most)
            taken = {recipient for each in here.accepted.values() for recipient in each}
            here.server.received.clear()
            tally.add("kills", status == -signal.SIGKILL)
            tally.add("ends before the kill", status == 0)
            tally.add("attempts told", len(said.attempts))
            tally.add("outcomes told", len(said.outcomes))
            tally.add("recipients served and not told", len(taken - said.outcomes.keys()))
            tally.faults += [] if status == 0 else _own_end(status)
            tally.faults += mail_faults(said.outcomes, taken)
            served = {recipient.rpartition("@")[2] for recipient in taken}
            tally.faults += [f"an attempt at {domain} is called good" for domain in said.attempts - served]
    return tally


async def kill_server(kills: int, dice: random.Random) -> Tally:
    """Kill the server that an engine delivers to."""
    tally = Tally("a server, killed")
    taken: set[str] = set()
    outcomes: dict[str, str] = {}
    async with Internet(time.time) as internet, town(internet, dice) as here:
        address, port = internet.place().mx, _free_port()
        internet.zone.address(MX, address, secure=False)
        certificate = _certificate_file(internet)
        ways = MappedDialer(ports={HTTPS: internet.policy_host.port}, endpoints={(address, SMTP): port})
        engine = Engine(here.config("sender"), surroundings=Surroundings(dialer=ways))
        async with engine, _meanwhile(_deliver(engine, here, outcomes)):
            for number in range(kills):
                status = await live(child.serve, (certificate, address, port), _moment(dice, number), taken.add)
                tally.faults += _own_end(status)
    tally.add("kills", kills)
    for name, words in ((DELIVERED, "delivered"), ("Deferred", "deferred"), (UNCERTAIN, "deferred as uncertain")):
        tally.add(words, sum(word == name for word in outcomes.values()))
    tally.add("of them taken", sum(outcomes[name] == UNCERTAIN for name in taken & outcomes.keys()))
    tally.faults += mail_faults(outcomes, taken)
    tally.faults += [f"{name} was taken and came to nothing" for name in taken - outcomes.keys()]
    return tally


def _moment(dice: random.Random, number: int) -> float:
    return dice.uniform(0, YOUNG if number % 3 == 0 else LONGEST)


def _own_end(status: int | None) -> list[str]:
    return [] if status == -signal.SIGKILL else [f"the process ended by itself, with {status}"]


def _compare(here: Town, said: Said, before: dict[str, Policy], directory: Path, tally: Tally) -> dict[str, Policy]:
    """Book one life; what is on disk after it."""
    accepted = here.accepted
    here.server.received.clear()
    tally.add("kills")
    tally.add("while starting", not said.up)
    tally.add("within a write of a policy", said.in_a_put)
    tally.add("outcomes told", len(said.outcomes))
    tally.add("messages taken and not told", len(accepted.keys() - said.outcomes.keys()))
    tally.add("policies kept", said.kept)
    tally.faults += mail_faults(said.outcomes, accepted)
    tally.faults += [f"{name} is {word}" for name, word in said.outcomes.items() if word != DELIVERED]
    try:
        found = found_in(directory)
    except ValueError as error:
        tally.faults.append(str(error))
        return before
    tally.faults += store_faults(said.possible(before), found)
    return found


def _clear(directory: Path, tally: Tally) -> None:
    """One half-written file for each kill at most; those that are old go when a store is opened."""
    left = list(directory.glob(f"{TEMPORARY}*"))
    tally.add("half-written files left and cleared", len(left))
    if len(left) > tally.numbers["kills"]:
        tally.faults.append(f"{len(left)} half-written files after {tally.numbers['kills']} kills")
    for path in left:
        os.utime(path, (1, 1))
    PolicyStore(directory)
    tally.faults += [f"{path.name} was not cleared" for path in directory.glob(f"{TEMPORARY}*")]


async def _deliver(engine: Engine, here: Town, outcomes: dict[str, str]) -> None:
    """Until cancelled; what is under way then comes to its end."""
    numbers = itertools.count()
    stop = asyncio.Event()

    async def one() -> None:
        while not stop.is_set():
            number = next(numbers)
            name = f"k{number}"
            content = child.message(name, child.LONG if number % 5 == 0 else 0)
            envelope = Envelope(child.SENDER, (f"{name}@{here.domains[number % 3]}",))
            done = await engine.deliver(content, envelope)
            outcomes[name] = child.word_for(done.recipients[0])
            if outcomes[name] != DELIVERED:
                await asyncio.sleep(BREATH)

    senders = [asyncio.create_task(one()) for _ in range(SENDERS)]
    try:
        await asyncio.gather(*map(asyncio.shield, senders))
    finally:
        stop.set()
        await asyncio.gather(*senders)


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that never ends goes on within; what it raises is raised."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        (end,) = await asyncio.gather(task, return_exceptions=True)
    if not isinstance(end, asyncio.CancelledError):
        raise RuntimeError("it ended") from end  # noqa: TRY004 - it should not have


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _certificate_file(internet: Internet) -> Path:
    issued = internet.authority.issue([MX])
    path = internet.directory / "killed.pem"
    path.write_bytes(issued.key_pem() + issued.chain_pem())
    return path


def _config_file(internet: Internet, here: Town) -> Path:
    """For the command, which finds its way to the MX by the port, and to no policy host."""
    server = internet.nameserver.server
    path = internet.directory / "send.toml"
    path.write_text(
        f'state_dir = "{internet.directory / "state" / "send"}"\nehlo_name = "sender.test"\n'
        f'tls_ca = "{internet.trust_file}"\nresolvers = ["{server.address}:{server.port}"]\n'
        f"port = {here.server.port}\nuse_mta_sts = false\n[smtp]\nconnections_per_destination = 3\n"
    )
    return path
