"""From the configuration to the settings of each room that an engine is made of: the one place that knows both.

What the daemon alone has is translated there (`tlswitness.service.translate`).
"""

from __future__ import annotations

from tlswitness.config import Config, DaneDigest, DomainConfig, RouteHost
from tlswitness.config import Sessions as ConfigSessions
from tlswitness.delivery.settings import Destination, Family, Hop, Limits, Sender
from tlswitness.delivery.smtp.talk import Timeouts
from tlswitness.dns.resolver import ResolverSettings
from tlswitness.dns.servers import Server
from tlswitness.engine.trust import Anchors
from tlswitness.journal.settings import DAY, MIB, Fsync, JournalSettings
from tlswitness.names import Domain, HostName, parse_host
from tlswitness.policy.dane import Matching
from tlswitness.policy.plan import DaneAndSts, LocalRules, TlsWanted


def destination(config: Config, domain: Domain) -> Destination:
    """How mail for `domain` travels under `config`."""
    own = config.for_domain(domain)
    return Destination(
        domain=domain,
        sender=_sender(config, own),
        local=LocalRules(
            tls=TlsWanted(own.tls),
            tls_verify=own.tls_verify,
            dane_required=own.dane_required,
            dane_and_sts=DaneAndSts(own.dane_and_sts),
        ),
        use_mta_sts=own.use_mta_sts,
        enable_mta_sts=own.enable_mta_sts,
        dane=own.use_dane and own.enable_dane,
        digests=_digests(own.dane_strongest),
        report_without_policy=own.report_sessions is ConfigSessions.ALL,
        port=own.port,
        hops=tuple(_hop(host) for host in own.route),
        family=Family(own.address_family),
        limits=_limits(own),
        timeouts=_timeouts(own),
        deadline=own.timeouts.delivery,
        trust=str(own.tls_ca) if own.tls_ca is not None else None,
    )


def _digests(strongest: DaneDigest) -> tuple[Matching, ...]:
    match strongest:
        case DaneDigest.SHA512:
            return (Matching.SHA2_512, Matching.SHA2_256)
        case DaneDigest.SHA256:
            return (Matching.SHA2_256, Matching.SHA2_512)


def resolver_settings(config: Config) -> ResolverSettings:
    """Whom to ask, and whose word counts."""
    return ResolverSettings(
        servers=tuple(Server(endpoint.address, endpoint.port) for endpoint in config.resolvers),
        trusted=frozenset(config.trusted_resolvers),
        timeout=config.timeouts.dns / 4,
        tcp_timeout=config.timeouts.dns / 2,
        deadline=config.timeouts.dns,
    )


def trust_anchors(config: Config) -> list[Anchors]:
    """All that some destination's certificates may be held against; the first is for policy hosts, too."""
    scopes = [(f'[domain."{name}"] tls_ca', scope.config.tls_ca) for name, scope in config.domains.items()]
    return [Anchors(path, option) for option, path in [("tls_ca", config.tls_ca), *scopes]]


def journal_settings(config: Config) -> JournalSettings:
    """How the journal is kept, for who writes to it."""
    journal = config.journal
    return JournalSettings(
        directory=journal.directory,
        fsync=Fsync(journal.fsync),
        interval=journal.fsync_interval,
        segment_bytes=journal.segment_size * MIB,
        keep_seconds=journal.keep_days * DAY,
        max_bytes=journal.max_size * MIB,
    )


def _sender(config: Config, own: DomainConfig) -> Sender:
    names = [parse_host(name) for name in (*config.own_names, own.ehlo_name)]
    return Sender(
        ehlo_name=own.ehlo_name,
        source_ipv4=own.source_ipv4,
        source_ipv6=own.source_ipv6,
        report_ipv4=own.report_ip.ipv4 if own.report_ip else None,
        report_ipv6=own.report_ip.ipv6 if own.report_ip else None,
        own_names=frozenset(name for name in names if isinstance(name, HostName)),
    )


def _hop(host: RouteHost) -> Hop:
    if host.is_address:
        return Hop(None, host.host, host.port)
    name = parse_host(host.host)
    assert isinstance(name, HostName), "the configuration validated it"
    return Hop(name, None, host.port, host.lookup_mx)


def _limits(own: DomainConfig) -> Limits:
    smtp = own.smtp
    return Limits(
        connections=smtp.connections_per_destination,
        messages=smtp.messages_per_connection,
        recipients=smtp.recipients_per_message,
        idle=smtp.idle_seconds,
        pipelining=smtp.pipelining,
        chunking=smtp.chunking,
    )


def _timeouts(own: DomainConfig) -> Timeouts:
    times = own.timeouts
    return Timeouts(
        connect=times.connect,
        greeting=times.greeting,
        hello=times.ehlo,
        starttls=times.starttls,
        handshake=times.handshake,
        mail=times.mail,
        rcpt=times.rcpt,
        data=times.data,
        block=times.block,
        dot=times.dot,
        quit=times.quit,
        conversation=times.delivery,
    )
