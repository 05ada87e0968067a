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


def describe(point: DataPoint) -> ExpectedPoint:
    """A data point in the terms of the table."""
    return ExpectedPoint(
        policy=point.policy.policy_type,
        result=point.result_type or "success",
        words=(point.failure_reason_code or "").partition(_REASON_PREFIX)[2] or None,
        further=tuple(failure.result_type for failure in point.further_failures),
        where=_where(point),
    )


def _where(point: DataPoint) -> Where:
    if point.receiving_ip is not None:
        return Where.SESSION
    return Where.DOMAIN if point.receiving_mx_hostname is None else Where.HOST


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
    if list(expected) == list(actual):
        return
    left = list(actual)
    for point in expected:
        if point in left:
            left.remove(point)
        else:
            yield f"no such data point: {point}"
    for point in left:
        yield f"a data point too many: {point}"
    if not left and len(expected) == len(actual) and all(point in actual for point in expected):
        yield "the data points come in another order"


def _unfilled(point: DataPoint, cell: Cell) -> Iterator[str]:
    """The field matrix: what a point of its place must have, and must not have."""
    where = _where(point)
    if (point.sending_mta_ip is not None) != (where is Where.SESSION):
        yield f"sending-mta-ip is {point.sending_mta_ip!r} in a point of {where}"
    if where is not Where.DOMAIN and not point.receiving_mx_hostname:
        yield "receiving-mx-hostname is missing"
    policy = point.policy
    match policy.policy_type:
        case "sts" | "no-policy-found" if policy.policy_domain != cell.domain:
            yield f"policy-domain is {policy.policy_domain}, not {cell.domain}"
        case "tlsa" if point.recipient_domain != cell.domain:
            yield f"recipient-domain is {point.recipient_domain}, not {cell.domain}"
        case _:
            pass
    if policy.policy_type == "no-policy-found" and (policy.policy_string or policy.mx_host):
        yield "a point without policy has a policy-string or mx-host"
    if policy.policy_type != "no-policy-found" and where is Where.SESSION and not policy.policy_string:
        yield "policy-string is missing"
