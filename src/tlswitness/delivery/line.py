"""The one log line of an attempt: where mail went, over which TLS, under which policy, and what came of it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, fields

from tlswitness.delivery.outcome import TlsFacts
from tlswitness.policy.plan import Plan, Tag

LOGGER = logging.getLogger("tlswitness.delivery")

_PLAIN = re.compile(r"[^\s\"=]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Line:
    """One attempt at one MX."""

    domain: str
    relay: str
    tls: str
    """`TLSv1.3 TLS_AES_256_GCM_SHA384`, `clear` or `none`."""
    policy: str
    """`tlsa`, `sts-enforce`, `sts-testing`, and how the message is tagged, joined by `+`; or `none`."""
    verdict: str
    """`ok`, or what stood in the way."""
    dsn: str
    """Enhanced status code."""
    seconds: float
    text: str = ""

    def __str__(self) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in self.members().items() if value != "")

    def members(self) -> dict[str, str | float]:
        """Each field by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def log(self) -> None:
        """As a record whose `attempt` attribute holds the fields, for formatters of JSON."""
        if wanted():
            LOGGER.info("%s", self, extra={"attempt": self.members()})


def wanted() -> bool:
    """Whether anyone reads these lines: a busy sender without this log does not pay for it."""
    return LOGGER.isEnabledFor(logging.INFO)


def tls_words(tls: TlsFacts, clear: str = "clear") -> str:
    """The `tls` field of a session; `clear` where there was no TLS."""
    return f"{tls.protocol} {tls.cipher}".strip() or clear


def policy_words(plan: Plan) -> str:
    """The `policy` field of a plan."""
    words = ["tlsa"] if plan.dane else []
    if plan.sts:
        words.append(f"sts-{plan.sts.policy.mode}")
    if plan.tag is not Tag.NORMAL:
        words.append(plan.tag)
    return "+".join(words) or "none"


def _quoted(value: str | float) -> str:
    """One word, or words in quotes; a peer's text can begin neither a new field nor a new line."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = _UNPRINTABLE.sub("?", value)
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', "'") + '"'
