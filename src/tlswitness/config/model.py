"""The configuration: every option there is, declared once.

`DomainConfig` holds what a domain's scope may change, `Config` adds what holds for the whole machine. The fields are
the table from which the parser, `config show` and docs/configuration.md come. Rooms do not see these classes: the
engine hands each its own small settings.
"""
# ruff: noqa: RUF009 - option() and its like make dataclass fields, which is what the rule asks for

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from tlswitness.config import machine
from tlswitness.config.daemon import UNSET, JournalConfig, ServeConfig
from tlswitness.config.hook import HookConfig, Sessions
from tlswitness.config.kind import Choice, Count, FilePath, Flag, ListOf, Moment, Seconds, Text
from tlswitness.config.option import derived, follows, maybe, option, section, sections, settle, settled
from tlswitness.config.place import (
    Address,
    AddressAndPort,
    EhloName,
    Endpoint,
    Hop,
    Host,
    Network,
    ReportAddresses,
    ReportIp,
    RouteHost,
)
from tlswitness.names import BadName, parse_domain

DNS_PORT = 53
HOUR = 3600.0
MIN_TIMEOUT = 0.01
"""A timeout of nothing would be a way to say "never"; there are options for that."""


class TlsWanted(StrEnum):
    NO = "no"
    IF_AVAILABLE = "ifavailable"
    REQUIRED = "required"


class DaneAndSts(StrEnum):
    BOTH = "both"
    DANE = "dane"


class DaneDigest(StrEnum):
    SHA512 = "sha512"
    SHA256 = "sha256"


class AddressFamily(StrEnum):
    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    PREFER_IPV4 = "prefer-ipv4"
    PREFER_IPV6 = "prefer-ipv6"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


_COMMAND = "RFC 5321 section 4.5.3.2"


def _timeout(default: float, text: str, rfc: str = "", most: float = HOUR) -> float:
    return option(Seconds(MIN_TIMEOUT, most), default, text, rfc=rfc)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTimeouts:
    """How long a peer may take for what."""

    connect: float = _timeout(30, "For the TCP connection to one address.")
    greeting: float = _timeout(300, "For the server's greeting.", f"{_COMMAND}.1")
    ehlo: float = _timeout(300, "For the reply to EHLO or HELO.")
    starttls: float = _timeout(300, "For the reply to STARTTLS.")
    handshake: float = _timeout(120, "For the TLS handshake.")
    mail: float = _timeout(300, "For the reply to MAIL.", f"{_COMMAND}.2")
    rcpt: float = _timeout(300, "For the reply to RCPT.", f"{_COMMAND}.3")
    data: float = _timeout(120, "For the reply to DATA.", f"{_COMMAND}.4")
    block: float = _timeout(180, "For the server to take a block of the message.", f"{_COMMAND}.5")
    dot: float = _timeout(600, "For the reply to the whole message.", f"{_COMMAND}.6")
    quit: float = _timeout(30, "For the reply to QUIT; nothing hangs on it.")
    delivery: float = _timeout(1800, "For one delivery over all MXs; then it is deferred.", most=24 * HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts(DomainTimeouts):
    """Those that no domain has for itself."""

    policy_fetch: float = _timeout(60, "For fetching an MTA-STS policy, as a whole.", "RFC 8461 section 3.3")
    dns: float = _timeout(10, "For one DNS lookup with its retries.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLimits:
    """How a destination is treated."""

    connections_per_destination: int = option(
        Count(1, 10_000), 20, "Connections for one recipient domain at the same time, also where several share a route."
    )
    messages_per_connection: int = option(Count(1, 100_000), 100, "Messages on one connection, then QUIT.")
    recipients_per_message: int = option(
        Count(1, 10_000),
        100,
        "Recipients in one transaction; the others follow in the next.",
        rfc="RFC 5321 section 4.5.3.1.8",
    )
    idle_seconds: float = option(Seconds(0, 300), 10, "How long a connection waits for another message; 0: not at all.")
    pipelining: bool = option(Flag(), True, "Use PIPELINING where it is offered.", rfc="RFC 2920")
    chunking: bool = option(
        Flag(),
        True,
        "Use CHUNKING where it is offered with PIPELINING: short messages go out several to a round trip.",
        rfc="RFC 3030",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainConfig:
    """What holds for mail to one domain."""

    use_mta_sts: bool = option(
        Flag(),
        True,
        "Look for MTA-STS policies: fetch, store and refresh them.",
        rfc="RFC 8461 section 3",
        momentum=True,
    )
    enable_mta_sts: bool = option(
        Flag(), True, "Apply the MTA-STS policies found.", rfc="RFC 8461 section 5", momentum=True
    )
    use_dane: bool = option(Flag(), True, "Look for TLSA records.", rfc="RFC 7672 section 2.2", momentum=True)
    enable_dane: bool = option(
        Flag(), True, "Hold sessions against the TLSA records found.", rfc="RFC 7672 section 3", momentum=True
    )
    tls: TlsWanted = option(
        Choice(TlsWanted),
        TlsWanted.IF_AVAILABLE,
        "TLS where no policy decides: where it is offered, or always; or never, whatever a policy says.",
        rfc="RFC 3207",
        momentum=True,
    )
    tls_verify: bool = option(
        Flag(), False, "Demand a certificate valid for the MX's name even where no policy does.", momentum=True
    )
    tls_ca: Path | None = maybe(
        FilePath("a PEM file, or of a directory of such"),
        "The authorities that certificates are held against.",
        none="the system's trust store",
        momentum=True,
    )
    dane_required: bool = option(
        Flag(), False, "Deliver under usable TLSA records only, else defer.", rfc="RFC 7672 section 6"
    )
    dane_and_sts: DaneAndSts = option(
        Choice(DaneAndSts),
        DaneAndSts.BOTH,
        "Where a domain has both: both must pass, or DANE alone decides about TLS.",
        rfc="RFC 8461 sections 2 and 5",
    )
    dane_strongest: DaneDigest = option(
        Choice(DaneDigest),
        DaneDigest.SHA512,
        "The digest that counts as the stronger one: where a host has TLSA records with both, the others do not count.",
        rfc="RFC 7671 section 9",
    )
    report_sessions: Sessions = option(
        Choice(Sessions),
        Sessions.ALL,
        "Make data points of all sessions, or of those under a policy.",
        rfc="RFC 8460 section 4.2",
    )
    ehlo_name: str = derived(
        EhloName(),
        machine.ehlo_name,
        "What EHLO says.",
        words="the machine's full name, else its address in brackets",
        rfc="RFC 5321 section 4.1.1.1",
    )
    source_ipv4: str | None = maybe(
        Address(4), "The local address of connections over IPv4.", none="the system chooses"
    )
    source_ipv6: str | None = maybe(
        Address(6), "The local address of connections over IPv6.", none="the system chooses"
    )
    report_ip: ReportIp | None = maybe(
        ReportAddresses(),
        "The address to report as `sending-mta-ip`, behind NAT.",
        none="the local address of each session",
        rfc="RFC 8460 section 4.4",
    )
    address_family: AddressFamily = option(
        Choice(AddressFamily),
        AddressFamily.ANY,
        "Which addresses of an MX to use, or to try first.",
        rfc="RFC 5321 section 5.2",
    )
    port: int = option(Count(1, 65535), 25, "The port of MXs, and of routes that name none.")
    route: tuple[RouteHost, ...] = option(
        ListOf(Hop()),
        (),
        "Send to these, in this order, in place of the domain's MXs. Their policies count, not the domain's.",
        default_words="the domain's MXs",
        rfc="RFC 8461 section 3.4",
    )
    timeouts: DomainTimeouts = section(DomainTimeouts, "How long a peer may take for what.")
    smtp: SmtpLimits = section(SmtpLimits, "How a destination is treated.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """The log."""

    level: LogLevel = option(Choice(LogLevel), LogLevel.INFO, "The least that is worth a line.")
    format: LogFormat = option(Choice(LogFormat), LogFormat.TEXT, "Words and `key=value`, or a JSON object a line.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeNotes:
    """What a domain's scope says of itself."""

    comment: str = option(Text(), "", "Why the scope is there, for people.", default_words="none")
    expires: datetime | None = maybe(
        Moment(),
        "A date is the last day (UTC) on which the scope holds. Afterwards, or from a time on, it is ignored, "
        "with a warning.",
        none="never",
    )


@dataclass(frozen=True, slots=True)
class DomainScope:
    """One `[domain."..."]` of the file."""

    domain: str
    """In A-labels, lower case."""
    config: DomainConfig
    """The global scope with this one laid over it."""
    notes: ScopeNotes = field(default_factory=ScopeNotes)

    def expired(self, now: float) -> bool:
        """Whether the scope no longer counts at `now`, in Unix seconds."""
        return self.notes.expires is not None and datetime.fromtimestamp(now, UTC) >= self.notes.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(DomainConfig):
    """The whole configuration; `Config()` is the one without a file."""

    timeouts: Timeouts = section(Timeouts, "How long a peer may take for what.")
    state_dir: Path = derived(
        FilePath("a directory"),
        machine.state_dir,
        "Where everything lives that survives a restart.",
        words="`/var/lib/tlswitness` for root, else `$XDG_STATE_HOME/tlswitness` or `~/.local/state/tlswitness`",
    )
    mta_sts_policy_store: Path = follows(
        FilePath("a directory"),
        UNSET,
        lambda config: config.state_dir / "mta-sts",
        "Where MTA-STS policies are kept.",
        words="`mta-sts` in `state_dir`",
        rfc="RFC 8461 section 3.3",
        momentum=True,
    )
    resolvers: tuple[Endpoint, ...] = option(
        ListOf(AddressAndPort(DNS_PORT)), (), "The DNS resolvers to ask.", default_words="those of /etc/resolv.conf"
    )
    trusted_resolvers: tuple[str, ...] = option(
        ListOf(Address()),
        ("127.0.0.1", "::1"),
        "Resolvers whose word that an answer is secure is believed; without one there is no DANE.",
        rfc="RFC 7672 section 2.1.1",
    )
    policy_fetch_allow: tuple[IPv4Network | IPv6Network, ...] = option(
        ListOf(Network()),
        (),
        "Networks beyond the public ones that policy hosts may be in.",
        default_words="none",
        rfc="RFC 8461 section 10.3",
    )
    destinations_at_once: int = derived(
        Count(1, 100_000),
        machine.destinations_at_once,
        "Destinations that are delivered to at the same time; mail to others waits. One message has half at most.",
        words=f"a tenth of the files that the process may open, {machine.MAX_DESTINATIONS:,} at most",
    )
    connections_at_once: int = derived(
        Count(1, 1_000_000),
        machine.connections_at_once,
        "SMTP connections to all destinations at the same time, idle ones included; then new ones wait.",
        words=f"a quarter of the files that the process may open, {machine.MAX_CONNECTIONS:,} at most",
    )
    own_names: tuple[str, ...] = option(
        ListOf(Host()),
        (),
        "Hosts that are this machine besides `ehlo_name`: an MX of that name, and all behind it, is a loop.",
        default_words="none",
        rfc="RFC 5321 section 5.1",
    )
    log: LogConfig = section(LogConfig, "The log.")
    journal: JournalConfig = section(JournalConfig, "The journal.")
    serve: ServeConfig = section(ServeConfig, "The daemon.")
    hook: tuple[HookConfig, ...] = sections(HookConfig, "Who is told of data points.")

    domains: Mapping[str, DomainScope] = field(default_factory=dict)
    """The scopes of domains, by `DomainScope.domain`."""
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)
    """Unix seconds: what the expiry of scopes is held against."""
    _told: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        settle(self)
        for name in ("journal", "serve"):
            object.__setattr__(self, name, settled(getattr(self, name), self))

    def for_domain(self, domain: str) -> DomainConfig:
        """What holds for mail to `domain`, whatever its case and form; scopes do not reach subdomains."""
        if not self.domains:
            return self
        scope = self.domains.get(domain) or self.domains.get(scope_key(domain))
        if scope is None:
            return self
        if not scope.expired(self.clock()):
            return scope.config
        if scope.domain not in self._told:
            self._told.add(scope.domain)
            logging.getLogger(__name__).warning("%s", expiry_warning(scope))
        return self

    def warnings(self) -> list[str]:
        """What an operator should hear although it is no error."""
        now = self.clock()
        return [expiry_warning(scope) for scope in self.domains.values() if scope.expired(now)]


def scope_key(domain: str) -> str:
    """The form in which domains are compared; what is no domain has no scope."""
    match parse_domain(domain):
        case BadName():
            return ""
        case key:
            return key


def expiry_warning(scope: DomainScope) -> str:
    """That a scope is ignored, in words."""
    when = f"{scope.notes.expires:%Y-%m-%d %H:%M} UTC" if scope.notes.expires else ""
    comment = f' ("{scope.notes.comment}")' if scope.notes.comment else ""
    return f'the scope [domain."{scope.domain}"]{comment} expired at {when} and is ignored'
