"""Delivery to Debian's Postfix and Exim: sessions, data points, and what is in their mailboxes."""

import pytest
from tests.real.support.expect import (
    EXIM,
    EXIM_6,
    EXIM_UNREADY,
    NO_STARTTLS,
    POSTFIX,
    POSTFIX_ANONYMOUS,
    POSTFIX_CLEAR,
    POSTFIX_HASTY,
    POSTFIX_OLD,
    POSTFIX_STEPWISE,
    REFUSED,
    none,
    session,
    tlsa,
)
from tests.real.support.servers import EXIM_MESSAGES, MAX_MESSAGE

pytestmark = pytest.mark.slow

MTAS = {
    "postfix": ("open", "open2", "plain.unsigned.example", POSTFIX),
    "exim": ("exim", "exim2", "exim.unsigned.example", EXIM),
}


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize("server", MTAS)
def test_three_messages_on_one_connection_are_one_point(real, server):
    name, _, mx, peer = MTAS[server]
    domain = f"{name}.unsigned.example"
    done = real.deliver(domain, domain, domain)
    assert done.kinds == ["Delivered"] * 3
    assert done.points == [session(none(domain), mx, peer)]
    assert done.stored == [(server, f"someone@{domain}", "TLSv1.3")] * 3
    assert done.connections == {"postfix": 0, "exim": 0} | {server: 1}


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize("server", MTAS)
def test_a_second_domain_on_the_same_mx_is_another_point(real, server):
    first, second, mx, peer = MTAS[server]
    domains = [f"{first}.unsigned.example", f"{second}.unsigned.example"]
    done = real.deliver(*domains)
    assert done.points == [session(none(domain), mx, peer) for domain in domains]
    assert done.stored == [(server, f"someone@{domain}", "TLSv1.3") for domain in domains]
    assert done.connections[server] == 2


def test_one_message_to_both(real):
    done = real.deliver(("someone@open.unsigned.example", "someone@exim.unsigned.example"))
    assert done.kinds == ["Delivered", "Delivered"]
    assert sorted(done.stored) == [
        ("exim", "someone@exim.unsigned.example", "TLSv1.3"),
        ("postfix", "someone@open.unsigned.example", "TLSv1.3"),
    ]
    assert sorted(point["policy"]["policy-domain"] for point in done.points) == [
        "exim.unsigned.example",
        "open.unsigned.example",
    ]


@pytest.mark.rfc(3207, "4")
def test_a_server_without_starttls(real):
    domain = "clear.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), domain, POSTFIX_CLEAR, NO_STARTTLS)]
    assert done.stored == [("postfix", f"someone@{domain}", "")]


@pytest.mark.rfc(3207, "4")
def test_a_server_that_has_no_certificate_and_says_so(real):
    """Exim offers STARTTLS and answers 454: the session goes on in clear text."""
    domain = "unready.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), domain, EXIM_UNREADY, REFUSED)]
    assert done.stored == [("exim", f"someone@{domain}", "")]
    assert done.connections["exim"] == 1


@pytest.mark.parametrize(
    ("name", "peer", "version"), [("old", POSTFIX_OLD, "TLSv1"), ("anonymous", POSTFIX_ANONYMOUS, "TLSv1.2")]
)
def test_weak_tls_beats_clear_text(real, name, peer, version):
    domain = f"{name}.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), domain, peer)]
    assert done.stored == [("postfix", f"someone@{domain}", version)]


@pytest.mark.rfc(8460, "4.3.4")
def test_a_server_that_turns_us_away_in_its_greeting(real):
    """No event of TLS; the next MX takes the mail."""
    domain = "turned.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), "plain.unsigned.example", POSTFIX)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]
    assert done.connections["postfix"] == 2


def test_a_domain_beyond_ascii(real):
    domain, mx = "xn--bcher-kva.signed.example", "postfix.signed.example"
    done = real.deliver("b\u00fccher.signed.example")
    policy = tlsa(mx, real.tlsa["postfix_key"])
    assert done.points == [session(policy, mx, POSTFIX, recipient=domain)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


def test_tls_required_without_starttls(real):
    domain = "clear.unsigned.example"
    done = real.deliver(domain, tls="required")
    assert done.kinds == ["Deferred"]
    assert done.points == [session(none(domain), domain, POSTFIX_CLEAR, NO_STARTTLS)]
    assert done.stored == []
    assert done.connections["postfix"] == 1


@pytest.mark.rfc(5321, "5.2")
def test_an_mx_with_an_ipv6_address_alone(real):
    domain = "six.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), domain, EXIM_6)]
    assert done.stored == [("exim", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.parametrize("server", MTAS)
def test_an_unknown_user_is_a_bounce_and_a_success_of_tls(real, server):
    name, _, mx, peer = MTAS[server]
    domain = f"{name}.unsigned.example"
    done = real.deliver((f"nobody@{domain}", f"someone@{domain}"))
    assert [(outcome["kind"], outcome["status"][:3]) for outcome in done.outcomes] == [
        ("Failed", "5.1"),
        ("Delivered", "2.0"),
    ]
    assert done.points == [session(none(domain), mx, peer)]
    assert done.stored == [(server, f"someone@{domain}", "TLSv1.3")]


@pytest.mark.parametrize("server", MTAS)
def test_a_long_message(real, server):
    domain = f"{MTAS[server][0]}.unsigned.example"
    done = real.deliver(domain, lines=3000)
    assert done.kinds == ["Delivered"]
    assert done.stored == [(server, f"someone@{domain}", "TLSv1.3")]


def test_a_message_that_is_too_long(real):
    domain = "open.unsigned.example"
    done = real.deliver(domain, lines=MAX_MESSAGE // 1000 + 1)
    assert [(outcome["kind"], outcome["status"]) for outcome in done.outcomes] == [("Failed", "5.3.4")]
    assert done.points == [session(none(domain), "plain.unsigned.example", POSTFIX)]


def test_as_many_points_as_connections(real):
    domain = "open.unsigned.example"
    done = real.deliver(*[domain] * 30, parallel=True)
    assert done.kinds == ["Delivered"] * 30
    assert len(done.stored) == 30
    assert done.points == [session(none(domain), "plain.unsigned.example", POSTFIX)] * done.connections["postfix"]


def test_a_server_that_wants_no_more_messages_on_a_connection(real):
    domain = "exim.unsigned.example"
    count = EXIM_MESSAGES + 2
    done = real.deliver(*[domain] * count)
    assert done.kinds == ["Delivered"] * count
    assert done.connections["exim"] == 2
    assert done.points == [session(none(domain), domain, EXIM)] * 2


def test_a_server_that_hung_up_while_we_were_idle(real):
    """It said 421 to nobody and closed; the next message takes a new session, which is a new point."""
    domain = "hasty.unsigned.example"
    done = real.deliver(domain, domain, pause=1.5)
    assert done.kinds == ["Delivered", "Delivered"]
    assert done.points == [session(none(domain), domain, POSTFIX_HASTY)] * 2
    assert done.connections["postfix"] == 2


def test_a_server_without_pipelining(real):
    domain = "stepwise.unsigned.example"
    recipients = (f"nobody@{domain}", f"someone@{domain}")
    done = real.deliver(recipients, recipients)
    assert done.kinds == ["Failed", "Delivered"] * 2
    assert done.points == [session(none(domain), domain, POSTFIX_STEPWISE)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")] * 2


@pytest.mark.rfc(3030, "4.2")
@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize("server", MTAS)
def test_many_messages_on_their_way_at_once(real, server, chunking):
    """With refused ones among them: each answer belongs to its own message, and no message is lost or sent twice."""
    name, _, mx, peer = MTAS[server]
    domain = f"{name}.unsigned.example"
    steps = [(f"nobody@{domain}",) if number % 3 == 1 else domain for number in range(40)]
    options = {"smtp.connections_per_destination": 1, "smtp.chunking": chunking}
    done = real.deliver(*steps, parallel=True, **options)
    assert done.kinds == ["Failed" if number % 3 == 1 else "Delivered" for number in range(40)]
    assert done.stored == [(server, f"someone@{domain}", "TLSv1.3")] * 27
    if server == "postfix":
        assert done.connections["postfix"] == 1
    assert done.points == [session(none(domain), mx, peer)] * done.connections[server]
