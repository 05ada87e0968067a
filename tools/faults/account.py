"""What a process said before it was killed, held against what the servers and the disk have. Pure.

Separate from the killing so that each rule can be shown to fail. The rules are those of mail and of the store:

    a message called delivered was accepted by the server (RFC 5321 section 6.1: else it is lost);
    one that was accepted is never called failed, nor deferred without `uncertain` (else it is sent twice);
    the policy of a domain on disk is the last one whose write was over, or a later one, and always a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

DELIVERED = "Delivered"
DEFERRED = "Deferred"
UNCERTAIN = "Uncertain"
"""Deferred with `uncertain=True`."""
FAILED = "Failed"
CERTAIN = frozenset({DEFERRED, FAILED})
"""Words that promise that the server does not have the message."""

_ATTEMPT = re.compile(r" delivery: domain=(\S+) .* dsn=2")
_OUTCOME = re.compile(r"(\S+@\S+): (delivered|deferred|failed)\b")


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as the store has it, told apart from all others of its domain by the numbers in it."""

    domain: str
    id: int
    """In the TXT record that led to the fetch."""
    version: int
    """In the body."""


@dataclass(slots=True)
class _Put:
    """A write of a policy, by the number of the lines that told of its beginning and of its end."""

    policy: Policy
    began: int
    ended: int | None = None


@dataclass(slots=True)
class Said:
    """What one process said, line by line."""

    outcomes: dict[str, str] = field(default_factory=dict)
    """By the message's id: one of the words above."""
    up: bool = False
    """It had come so far that its engine was open."""
    lines: int = 0
    _puts: list[_Put] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """`up`, `put DOMAIN ID VERSION`, `kept DOMAIN ID VERSION`, `mail ID WORD`."""
        self.lines += 1
        match line.split():
            case ["up"]:
                self.up = True
            case ["put", domain, number, version]:
                self._puts.append(_Put(Policy(domain, int(number), int(version)), self.lines))
            case ["kept", domain, number, version]:
                policy = Policy(domain, int(number), int(version))
                next(put for put in self._puts if put.policy == policy and put.ended is None).ended = self.lines
            case ["mail", name, word]:
                self.outcomes[name] = word
            case _:
                raise ValueError(f"the process said {line!r}")

    @property
    def kept(self) -> int:
        """Policies whose write was over."""
        return sum(put.ended is not None for put in self._puts)

    @property
    def in_a_put(self) -> bool:
        """It ended while a policy was being written."""
        return any(put.ended is None for put in self._puts)

    def possible(self, before: Mapping[str, Policy]) -> dict[str, set[Policy | None]]:
        """What the disk may hold now, by domain, if it held `before` at first; None is no policy.

        A write is overwritten for sure by one that began after its end and has ended, too.
        """
        result: dict[str, set[Policy | None]] = {domain: {policy} for domain, policy in before.items()}
        for domain in {put.policy.domain for put in self._puts}:
            puts = [put for put in self._puts if put.policy.domain == domain]
            last = max((put.began for put in puts if put.ended is not None), default=0)
            left: set[Policy | None] = {put.policy for put in puts if put.ended is None or put.ended > last}
            result[domain] = left if last else left | {before.get(domain)}
        return result


@dataclass(slots=True)
class SaidBySend:
    """What `tlswitness send -v` printed. Raises ValueError on a traceback."""

    outcomes: dict[str, str] = field(default_factory=dict)
    """By recipient."""
    attempts: set[str] = field(default_factory=set)
    """Domains at which an attempt was good."""

    def hear(self, line: str) -> None:
        if line.startswith("Traceback"):
            raise ValueError(line)
        if (attempt := _ATTEMPT.search(line)) is not None:
            self.attempts.add(attempt[1])
        elif (outcome := _OUTCOME.match(line)) is not None:
            recipient, fate = outcome.groups()
            uncertain = line.endswith("the server may have it all the same")
            self.outcomes[recipient] = UNCERTAIN if uncertain else fate.capitalize()


def mail_faults(outcomes: Mapping[str, str], accepted: Iterable[str]) -> Iterator[str]:
    """What was said of messages and is not true; `accepted` are the ids that the server took."""
    taken = set(accepted)
    for name, word in outcomes.items():
        if word == DELIVERED and name not in taken:
            yield f"{name} is called delivered, and no server has it"
        if word in CERTAIN and name in taken:
            yield f"{name} is called {word.lower()}, and a server has it"


def store_faults(possible: Mapping[str, set[Policy | None]], found: Mapping[str, Policy]) -> Iterator[str]:
    """What is on disk and cannot be; `possible` is what was said to be written, by domain."""
    for domain in possible.keys() | found.keys():
        policy = found.get(domain)
        if policy not in possible.get(domain, {None}):
            yield f"the store has {policy} for {domain}, not one of {possible.get(domain)}"
        elif policy is not None and policy.version < policy.id:
            yield f"the store has a body for {domain} that is older than its id: {policy}"
