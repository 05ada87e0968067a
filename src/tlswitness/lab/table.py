"""The decision table, read from `outcomes.toml`: rows of events, columns of policies, a cell where they meet.

Scenarios, the test list and the documentation all grow from these cells.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

_POINT = re.compile(
    r"(?P<policy>tlsa|sts|no-policy-found)(?:\[(?P<base>[a-z0-9]+)\])? (?P<result>[a-z-]+)"
    r"(?: \((?P<words>[^()]*)\))?(?P<further>(?: \+ [a-z-]+)*)(?: @(?P<where>domain|host))?"
)


class Mail(StrEnum):
    """What becomes of the message."""

    TLS = "tls"
    CLEAR = "clear"
    DEFERRED = "deferred"
    FAILED = "failed"

    @property
    def words(self) -> str:
        return _MAIL_WORDS[self]


_MAIL_WORDS = {
    Mail.TLS: "delivered over TLS",
    Mail.CLEAR: "delivered in clear text",
    Mail.DEFERRED: "deferred",
    Mail.FAILED: "bounced",
}


class Where(StrEnum):
    """How far a delivery had come: which of `receiving-*` and `sending-mta-ip` a point has."""

    DOMAIN = "domain"
    HOST = "host"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class ExpectedPoint:
    """What a cell says of one data point."""

    policy: str
    result: str
    """A result type, or `success`."""
    words: str | None = None
    """The words of the failure-reason-code."""
    further: tuple[str, ...] = ()
    where: Where = Where.SESSION
    base: str | None = None
    """The TLSA base domain where it is not the MX host, below the recipient's domain (RFC 7672 section 2.2.3)."""

    def __str__(self) -> str:
        base = f"[{self.base}]" if self.base else ""
        words = f" ({self.words})" if self.words else ""
        further = "".join(f" + {result}" for result in self.further)
        where = "" if self.where is Where.SESSION else f" @{self.where}"
        return f"{self.policy}{base} {self.result}{words}{further}{where}"


@dataclass(frozen=True, slots=True)
class Setup:
    """How the lab makes an event happen, in tokens that `tlswitness.lab.faults` and `lab.mx` understand."""

    policies: tuple[str, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    cached: bool = False
    """An earlier delivery fetched the policy, when nothing was wrong with it."""
    cached_body: str = ""
    expired: bool = False
    """The cached policy has expired by now."""
    twice: bool = False
    """Two messages, of which the second is shown."""
    txt: str = "ok"
    policyhost: str = "ok"
    body: str = ""
    dns: str = "ok"
    tlsa: str = ""
    mx: str = "ok"
    second: str = ""
    certificate: str = "ok"
    message: str = ""
    """What the message asks for (RFC 8689)."""
    local: str = ""
    """What is wrong with ourselves."""
    resolver: str = ""
    """What is wrong with our resolver; `stops-...` only after a message was delivered."""

    @property
    def standing(self) -> bool:
        """The fault is in what the domain publishes: nothing has to happen first, and nothing is wrong with us."""
        return not (self.cached or self.twice or self.local or self.resolver)


@dataclass(frozen=True, slots=True)
class Cell:
    """One event under one policy."""

    id: str
    part: str
    """The part of the table, in words."""
    event: str
    policy: str
    """The column, in words."""
    rfc: str
    """Number and section of the RFC that decides."""
    setup: Setup
    mail: Mail | None = None
    points: tuple[ExpectedPoint, ...] = ()
    not_shown: str | None = None
    """Why loopback cannot show it."""

    @property
    def row(self) -> str:
        return self.id.partition("/")[0]

    @property
    def domain(self) -> str:
        """The lab's domain for this cell."""
        return f"{self.id.lower().replace('/', '-')}.test"


@cache
def cells() -> tuple[Cell, ...]:
    """All cells in the order of the table. Raises ValueError where the table is wrong: a bug of ours."""
    table = tomllib.loads(files("tlswitness.lab").joinpath("outcomes.toml").read_text("utf-8"))
    columns, parts = table["columns"], table["parts"]
    return tuple(
        _cell(parts[event["id"][0]], event, column, columns[column], body)
        for event in table["event"]
        for column, body in event["cells"].items()
    )


def _cell(
    part: str, event: Mapping[str, Any], column: str, defaults: Mapping[str, Any], body: Mapping[str, Any]
) -> Cell:
    setup = {key: value for key, value in defaults.items() if key != "words"} | event["setup"]
    setup["policies"] = tuple(setup.get("policies", ()))
    return Cell(
        id=f"{event['id']}/{column}",
        part=part,
        event=event["event"],
        policy=defaults["words"],
        rfc=event["rfc"],
        setup=Setup(**setup),
        mail=Mail(body["mail"]) if "mail" in body else None,
        points=tuple(expected(text) for text in body.get("points", ())),
        not_shown=body.get("not_shown"),
    )


def expected(text: str) -> ExpectedPoint:
    """A point as the table writes it. Raises ValueError on anything else."""
    found = _POINT.fullmatch(text)
    if found is None:
        raise ValueError(f"outcomes.toml: not a point: {text!r}")
    return ExpectedPoint(
        policy=found["policy"],
        result=found["result"],
        words=found["words"],
        further=tuple(part for part in found["further"].split(" + ") if part),
        where=Where(found["where"] or "session"),
        base=found["base"],
    )
