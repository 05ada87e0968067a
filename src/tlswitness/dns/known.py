"""Names that are known to lead to a secure TLSA RRset, so that losing validation cannot take them down to clear text.

Separate because it must also know the way: without validation the MX RRset and the addresses look insecure, and the
TLSA records behind them would never be asked for. So the MX domain and the aliases of a protected host are protected
too.
Bounded; in memory only. RFC 7672 section 2.1.2 (no downgrade by lookup errors).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from tlswitness.dns.answer import Answer, Found, MxRecord, RecordType

MAX_NAMES = 20_000
"""Hosts, MX domains and aliases kept, each; the least recently seen go first. Strangers' domains fill this."""
MAX_LINKS = 64
"""MX hosts kept for one domain."""

_T = TypeVar("_T")
_ADDRESS_TYPES = frozenset({RecordType.A, RecordType.AAAA, RecordType.CNAME})


class KnownSecure:
    """What secure answers have shown."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        self._hosts: OrderedDict[str, None] = OrderedDict()
        self._exchanges: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._aliases: OrderedDict[str, str] = OrderedDict()

    def learn(self, name: str, rtype: RecordType, answer: Answer) -> None:
        """Take in a secure answer for `name` (lower case); other answers are for `forget` or for nothing."""
        if not isinstance(answer, Found):
            if rtype is RecordType.TLSA:
                self.forget(name)
            elif rtype is RecordType.MX:
                self._exchanges.pop(name, None)
            return
        if rtype is RecordType.TLSA:
            self._keep(self._hosts, tlsa_host(name), None)
        elif rtype is RecordType.MX:
            hosts = (record.exchange.lower() for record in answer.records if isinstance(record, MxRecord))
            self._keep(self._exchanges, name, tuple(hosts)[:MAX_LINKS])
        elif rtype in _ADDRESS_TYPES and answer.chain:
            self._keep(self._aliases, name, answer.chain[-1].target.lower())
        elif rtype in (RecordType.A, RecordType.AAAA):
            self._aliases.pop(name, None)

    def forget(self, tlsa_name: str) -> None:
        """The host of this TLSA name has secure TLSA records no more, as a validating resolver says."""
        self._hosts.pop(tlsa_host(tlsa_name), None)

    def protects(self, name: str, rtype: RecordType) -> bool:
        """Whether an insecure answer for `name` (lower case) would open a way around a host's TLSA records."""
        if not self._hosts:
            return False
        if rtype is RecordType.TLSA:
            return tlsa_host(name) in self._hosts
        if rtype in _ADDRESS_TYPES:
            return self._protects_host(name)
        if rtype is RecordType.MX:
            return self._protects_host(name) or any(map(self._protects_host, self._exchanges.get(name, ())))
        return False

    def _protects_host(self, host: str) -> bool:
        return host in self._hosts or self._aliases.get(host) in self._hosts

    def _keep(self, table: OrderedDict[str, _T], name: str, value: _T) -> None:
        table[name] = value
        table.move_to_end(name)
        if len(table) > self._max_names:
            table.popitem(last=False)


def tlsa_host(name: str) -> str:
    """`mx.example.com` of `_25._tcp.mx.example.com` (RFC 6698 section 3)."""
    labels = name.split(".")
    return ".".join(labels[2:]) if len(labels) > 2 and all(label[:1] == "_" for label in labels[:2]) else name
