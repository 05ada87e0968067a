"""From the configuration to the settings of each room."""

from pathlib import Path

import pytest

from tlswitness.config import Config, parse_config
from tlswitness.delivery.settings import Destination, Family, Hop, Limits, Sender
from tlswitness.delivery.smtp.talk import Timeouts
from tlswitness.dns.servers import Server
from tlswitness.engine import translate
from tlswitness.engine.trust import Anchors
from tlswitness.journal.settings import Fsync, JournalSettings
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane import Matching
from tlswitness.policy.plan import DaneAndSts, LocalRules, TlsWanted

DOMAIN = Domain("example.com")
EHLO = 'ehlo_name = "us.example.org"\n'


def to(text, domain=DOMAIN):
    return translate.destination(parse_config(EHLO + text), domain)


def host(name):
    return HostName(name, name)


def test_the_defaults_are_the_defaults_of_delivery():
    sender = Sender("us.example.org", own_names=frozenset({host("us.example.org")}))
    assert to("") == Destination(DOMAIN, sender, timeouts=Timeouts(conversation=1800.0))


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ('tls = "required"', "local", LocalRules(tls=TlsWanted.REQUIRED)),
        ('tls = "no"', "local", LocalRules(tls=TlsWanted.NO)),
        ("tls_verify = true", "local", LocalRules(tls_verify=True)),
        ("dane_required = true", "local", LocalRules(dane_required=True)),
        ('dane_and_sts = "dane"', "local", LocalRules(dane_and_sts=DaneAndSts.DANE)),
        ('dane_strongest = "sha256"', "digests", (Matching.SHA2_256, Matching.SHA2_512)),
        ("use_mta_sts = false", "use_mta_sts", False),
        ("enable_mta_sts = false", "enable_mta_sts", False),
        ("use_dane = false", "dane", False),
        ("enable_dane = false", "dane", False),
        ('report_sessions = "policy"', "report_without_policy", False),
        ("port = 2525", "port", 2525),
        ('route = ["relay.example.net:587"]', "hops", (Hop(host("relay.example.net"), None, 587, True),)),
        ('route = ["[relay.example.net]"]', "hops", (Hop(host("relay.example.net")),)),
        ('route = ["[192.0.2.9]:26"]', "hops", (Hop(None, "192.0.2.9", 26),)),
        ('route = ["[2001:db8::9]"]', "hops", (Hop(None, "2001:db8::9"),)),
        ('address_family = "prefer-ipv4"', "family", Family.PREFER_IPV4),
        (
            (
                "smtp = {connections_per_destination = 1, messages_per_connection = 2, recipients_per_message = 3, "
                "idle_seconds = 4, pipelining = false}"
            ),
            "limits",
            Limits(1, 2, 3, 4.0, pipelining=False),
        ),
        (
            (
                "[timeouts]\nconnect = 1\ngreeting = 2\nehlo = 3\nstarttls = 4\nhandshake = 5\nmail = 6\nrcpt = 7\n"
                "data = 8\nblock = 9\ndot = 10\nquit = 11\ndelivery = 12"
            ),
            "timeouts",
            Timeouts(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        ),
        ("[timeouts]\ndelivery = 12", "deadline", 12),
    ],
)
def test_each_option_arrives(text, part, expected):
    assert getattr(to(text), part) == expected


def test_who_we_are():
    sender = to(
        'own_names = ["mail.example.org", "MX.Example.org"]\nsource_ipv4 = "192.0.2.10"\n'
        'source_ipv6 = "2001:db8::10"\nreport_ip = ["198.51.100.1", "2001:db8::1"]'
    ).sender
    own = frozenset(map(host, ["us.example.org", "mail.example.org", "mx.example.org"]))
    assert sender == Sender("us.example.org", "192.0.2.10", "2001:db8::10", "198.51.100.1", "2001:db8::1", own)


def test_an_address_as_our_name_is_no_host():
    config = parse_config('ehlo_name = "[192.0.2.10]"')
    assert translate.destination(config, DOMAIN).sender.own_names == frozenset()


def test_a_scope_is_for_its_domain():
    text = '[domain."example.com"]\ntls = "required"'
    assert to(text).local.tls is TlsWanted.REQUIRED
    assert to(text, Domain("other.example.com")).local.tls is TlsWanted.IF_AVAILABLE


def test_trust_anchors_of_all_scopes(tmp_path):
    config = parse_config(
        'tls_ca = "/ca.pem"\n[domain."example.com"]\ntls_ca = "/own.pem"\n[domain."example.net"]', files=False
    )
    assert translate.trust_anchors(config) == [
        Anchors(Path("/ca.pem"), "tls_ca"),
        Anchors(Path("/own.pem"), '[domain."example.com"] tls_ca'),
        Anchors(Path("/ca.pem"), '[domain."example.net"] tls_ca'),
    ]
    assert translate.destination(config, DOMAIN).trust == "/own.pem"
    assert translate.trust_anchors(Config()) == [Anchors(None, "tls_ca")]
    assert translate.destination(Config(), DOMAIN).trust is None


def test_every_destination_finds_its_anchors():
    config = parse_config('[domain."example.com"]\ntls_ca = "/own.pem"', files=False)
    known = {None if a.path is None else str(a.path) for a in translate.trust_anchors(config)}
    for domain in ("example.com", "example.net"):
        assert translate.destination(config, Domain(domain)).trust in known


def test_whom_to_ask():
    settings = translate.resolver_settings(
        parse_config(
            'resolvers = ["192.0.2.53", "[2001:db8::53]:5353"]\ntrusted_resolvers = ["192.0.2.53"]\n[timeouts]\ndns = 8'
        )
    )
    assert settings.servers == (Server("192.0.2.53", 53), Server("2001:db8::53", 5353))
    assert settings.trusted == {"192.0.2.53"}
    assert (settings.timeout, settings.tcp_timeout, settings.deadline) == (2.0, 4.0, 8.0)


def test_the_journal():
    config = parse_config(
        'state_dir = "/s"\n[journal]\nfsync = "always"\nkeep_days = 2\nmax_size = 100\nsegment_size = 1\n'
        "fsync_interval = 1"
    )
    assert translate.journal_settings(config) == JournalSettings(
        directory=Path("/s/journal"),
        fsync=Fsync.ALWAYS,
        interval=1,
        segment_bytes=1 << 20,
        keep_seconds=172_800,
        max_bytes=100 << 20,
    )
    assert translate.journal_settings(Config(state_dir=Path("/s"))) == JournalSettings(directory=Path("/s/journal"))
