"""The data point itself: the seed's members first, ours after them, unknown ones last.

RFC 8460 section 4.4 defines most members; `epoch` and `type` are the seed's. A point that breaks the rules of its own
cannot be made: `ValueError` here is a bug of the caller, for the maker and the decoder look before.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from tlswitness.datapoint.limits import MAX_EPOCH
from tlswitness.datapoint.results import PolicyType

FAILURE = 0
SUCCESS = 1


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A frozen JSON object: its members in their order, each name once."""

    members: tuple[Member, ...] = ()


Json = None | bool | int | float | str | tuple["Json", ...] | JsonObject
"""A frozen JSON value; an array is a tuple. Python holds `1`, `1.0` and `True` equal: the text tells them apart."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a JSON object that the model does not know: kept, in its order, as it came."""

    name: str
    value: Json


SEED_TEXT_MEMBERS = {
    "result-type": "result_type",
    "failure-reason-code": "failure_reason_code",
    "sending-mta-ip": "sending_mta_ip",
    "receiving-mx-hostname": "receiving_mx_hostname",
    "receiving-ip": "receiving_ip",
}
"""The optional text members of the seed in its order, and the attributes that hold them."""
OUR_TEXT_MEMBERS = {
    "receiving-mx-helo": "receiving_mx_helo",
    "additional-information": "additional_information",
    "recipient-domain": "recipient_domain",
    "tlsrpt-record": "tlsrpt_record",
}
"""Those that follow the seed's, in their order."""
TEXT_MEMBERS = SEED_TEXT_MEMBERS | OUR_TEXT_MEMBERS
POINT_MEMBERS = frozenset({"epoch", "type", "policy", "further-failures", *TEXT_MEMBERS})
POLICY_MEMBERS = frozenset({"policy-type", "policy-domain", "policy-string", "mx-host"})
FURTHER_MEMBERS = frozenset({"result-type", "failure-reason-code"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The policy that a session was held against."""

    policy_type: PolicyType
    policy_domain: str
    """sts: the recipient domain (or smarthost); tlsa: the TLSA base domain (RFC 8460 section 1.1). A-labels."""
    policy_string: tuple[str, ...] = ()
    """sts: the lines as served; tlsa: one element for each TLSA record (RFC 8460 section 4.5)."""
    mx_host: tuple[str, ...] = ()
    """The `mx` patterns of an sts policy."""
    unknown: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        if not self.policy_domain:
            raise ValueError("a policy has a domain")
        _check_unknown(self.unknown, POLICY_MEMBERS)


@dataclass(frozen=True, slots=True)
class FurtherFailure:
    """What else was wrong in the same session under the same policy."""

    result_type: str
    failure_reason_code: str | None = None
    unknown: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        if not self.result_type or self.failure_reason_code == "":
            raise ValueError("a further failure has a result type, and no empty reason")
        _check_unknown(self.unknown, FURTHER_MEMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPoint:
    """One TLS session's outcome under one policy. `None` and `()` mean absent; nothing absent is written."""

    epoch: int
    """Seconds since 1970 when the outcome became known."""
    type: int
    """1 success, 0 failure."""
    policy: Policy
    result_type: str | None = None
    """On failures. One of `ResultType` in points of ours; a foreign source may name one that the registry got later."""
    failure_reason_code: str | None = None
    """On failures."""
    sending_mta_ip: str | None = None
    receiving_mx_hostname: str | None = None
    receiving_ip: str | None = None
    receiving_mx_helo: str | None = None
    additional_information: str | None = None
    recipient_domain: str | None = None
    """The domain whose TLSRPT record applies; always on tlsa points of ours."""
    tlsrpt_record: str | None = None
    further_failures: tuple[FurtherFailure, ...] = ()
    """On failures what else was wrong, gravest first; on successes what went wrong on the way (libtlsrpt)."""
    unknown: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.epoch <= MAX_EPOCH:
            raise ValueError(f"epoch is {self.epoch}: allowed is 0 to {MAX_EPOCH}")
        if self.type == SUCCESS:
            if self.result_type is not None or self.failure_reason_code is not None:
                raise ValueError("a success has neither result type nor reason")
        elif self.type != FAILURE or not self.result_type:
            raise ValueError("the type is 0 or 1, and a failure has a result type")
        if "" in _texts(self):
            raise ValueError("what is unknown is None, never empty")
        _check_unknown(self.unknown, POINT_MEMBERS)

    @property
    def failed(self) -> bool:
        return self.type == FAILURE


_texts = attrgetter(*TEXT_MEMBERS.values())


def _check_unknown(unknown: tuple[Member, ...], known: frozenset[str]) -> None:
    """No member may stand twice in the text."""
    if unknown:
        names = {member.name for member in unknown}
        if len(names) < len(unknown) or names & known:
            raise ValueError("an unknown member repeats another one")
