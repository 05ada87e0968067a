"""What a scenario showed, held against what its cell says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlswitness.datapoint import DataPoint
from tlswitness.lab.table import Cell, ExpectedPoint, Mail, Where

_REASON_PREFIX = " [internal] "


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of a scenario."""

    cell: Cell
    mail: Mail
    text: str
    """What a DSN would say."""
    points: tuple[DataPoint, ...]
    accepted: int
    """Messages that the lab's MXs took."""
    seconds: float

    @property
    def differences(self) -> tuple[str, ...]:
        """Where the scenario ended otherwise than its cell says, in words; empty is as it should be."""
        return tuple(_differences(self))

    @property
    def as_expected(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class NotShown:
    """A cell that loopback, or this machine, cannot show."""

    cell: Cell
    reason: str


Result = Shown | NotShown


def describe(point: DataPoint) -> ExpectedPoint:
    """A data point in the terms of the table."""
    return ExpectedPoint(
        policy=point.policy.policy_type,
        result=point.result_type or "success",
        words=(point.failure_reason_code or "").partition(_REASON_PREFIX)[2] or None,
        further=tuple(failure.result_type for failure in point.further_failures),
        where=_where(point),
        base=_base(point),
    )


def _where(point: DataPoint) -> Where:
    if point.receiving_ip is not None:
        return Where.SESSION
    return Where.DOMAIN if point.receiving_mx_hostname is None else Where.HOST


def _base(point: DataPoint) -> str | None:
    base, host = point.policy.policy_domain, point.receiving_mx_hostname
    if point.policy.policy_type != "tlsa" or host is None or host.lower() == base:
        return None
    return base.removesuffix(f".{point.recipient_domain}")


def _differences(shown: Shown) -> Iterator[str]:
    cell = shown.cell
    if shown.mail is not cell.mail:
        yield f"the mail was {shown.mail.words}, not {cell.mail.words if cell.mail else 'shown'}: {shown.text}"
    delivered = shown.mail in (Mail.TLS, Mail.CLEAR)
    if delivered != bool(shown.accepted):
        yield f"the client says {shown.mail.words!r}, and the MXs accepted {shown.accepted}"
    yield from _missing(cell.points, [describe(point) for point in shown.points])
    for point in shown.points:
        yield from _unfilled(point, cell)


def _missing(expected: Sequence[ExpectedPoint], actual: Sequence[ExpectedPoint]) -> Iterator[str]:
    left = list(actual)
    for point in expected:
        if point in left:
            left.remove(point)
        else:
            yield f"no such data point: {point}"
    for point in left:
        yield f"a data point too many: {point}"
    if list(expected) != list(actual) and sorted(map(str, expected)) == sorted(map(str, actual)):
        yield "the data points come in another order"


def _unfilled(point: DataPoint, cell: Cell) -> Iterator[str]:
    """The field matrix: what a point of its place must have, and must not have."""
    where = _where(point)
    for name, value in (("sending-mta-ip", point.sending_mta_ip), ("receiving-mx-helo", point.receiving_mx_helo)):
        if (value is not None) != (where is Where.SESSION):
            yield f"{name} is {value!r} in a point of a {where}"
    if where is Where.SESSION and not point.receiving_mx_hostname:
        yield "receiving-mx-hostname is missing"
    if point.policy.policy_type == "tlsa":
        if point.recipient_domain != cell.domain:
            yield f"recipient-domain is {point.recipient_domain}, not {cell.domain}"
        domains = point.policy.policy_domain.endswith(cell.domain)
    else:
        domains = point.policy.policy_domain == cell.domain
    if not domains:
        yield f"policy-domain is {point.policy.policy_domain}, not {cell.domain}"
    yield from _unfilled_policy(point, cell)


def _unfilled_policy(point: DataPoint, cell: Cell) -> Iterator[str]:
    """Whether the policy's own text is there, which only a policy that was found has."""
    policy = point.policy
    text, patterns = _policy_shown(point, cell)
    if bool(policy.policy_string) != text:
        yield f"policy-string is {'missing' if text else 'there'} in a point of {policy.policy_type}"
    if bool(policy.mx_host) != patterns:
        yield f"mx-host is {'missing' if patterns else 'there'} in a point of {policy.policy_type}"


def _policy_shown(point: DataPoint, cell: Cell) -> tuple[bool, bool]:
    """Whether `point` is to have a policy-string, and an mx-host."""
    known = describe(point)
    match known:
        case ExpectedPoint(policy="no-policy-found"):
            return False, False
        case ExpectedPoint(policy="tlsa"):
            return known.where is Where.SESSION or known.result == "tlsa-invalid", False
        case ExpectedPoint(where=Where.DOMAIN, result="sts-policy-invalid", words=str(words)) if ":" in words:
            return True, False  # the lines that could not be read, though not as patterns (RFC 8460 section 4.5)
        case ExpectedPoint(where=Where.DOMAIN):
            cached = cell.setup.cached and not cell.setup.expired
            return cached, cached
        case _:
            return True, True
