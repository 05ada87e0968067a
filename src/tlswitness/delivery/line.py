"""The one log line of an attempt: where mail went, over which TLS, under which policy, and what came of it."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from tlswitness.delivery.outcome import TlsFacts
from tlswitness.policy.plan import Plan

LOGGER = logging.getLogger("tlswitness.delivery")


@dataclass(frozen=True, slots=True)
class Line:
    """One attempt at one MX."""

    domain: str
    relay: str
    tls: str
    """`TLSv1.3 TLS_AES_256_GCM_SHA384`, `clear` or `none`."""
    policy: str
    """`tlsa`, `sts-enforce`, `sts-testing`, joined by `+`; or `none`."""
    verdict: str
    """`ok`, or what stood in the way."""
    dsn: str
    """Enhanced status code."""
    seconds: float
    text: str = ""

    def __str__(self) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in asdict(self).items() if value != "")

    def log(self) -> None:
        """As a record whose `attempt` attribute holds the fields, for formatters of JSON."""
        LOGGER.info("%s", self, extra={"attempt": asdict(self)})


def tls_words(tls: TlsFacts) -> str:
    """The `tls` field of a session."""
    return f"{tls.protocol} {tls.cipher}".strip() or "clear"


def policy_words(plan: Plan) -> str:
    """The `policy` field of a plan."""
    words = ["tlsa"] if plan.dane else []
    if plan.sts:
        words.append(f"sts-{plan.sts.policy.mode}")
    return "+".join(words) or "none"


def _quoted(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return text if text and " " not in text and '"' not in text else '"' + text.replace('"', "'") + '"'
