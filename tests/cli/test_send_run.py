import json

import pytest

from tlswitness.cli.send_run import Job, in_words, run_send, status_of
from tlswitness.cli.status import Status
from tlswitness.delivery.outcome import Deferred, Delivered, DeliveryOutcome, Failed, Relay, TlsFacts

MESSAGE = b"From: a@sender.example\nSubject: hello\n\n.\nJust this.\n"
RELAY = Relay("mx.example.com", "192.0.2.1", 25)


def job(*recipients: str, message: bytes = MESSAGE, sender: str = "a@sender.example") -> Job:
    return Job(sender, recipients, message)


async def test_a_message_is_delivered(stage, capsys):
    site = await stage("S6-1/both")
    recipients = [f"{name}@{site.site.domain}" for name in ("one", "two")]
    assert await run_send(site.config, job(*recipients), surroundings=site.surroundings) == Status.OK
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == recipients
    assert f"delivered to mx.{site.site.domain}[" in out
    assert "over TLSv1.3 (tlsa, sts): 2.0.0" in out
    assert err == ""
    (received,) = site.servers[0].received
    assert received.recipients == tuple(recipients)
    assert received.data.replace(b"\r\n", b"\n") == MESSAGE, "nothing is added, nothing is taken out"


async def test_data_points_on_demand(stage, capsys):
    site = await stage("C3/testing")
    sent = job(f"a@{site.site.domain}")
    assert await run_send(site.config, sent, verbose=True, surroundings=site.surroundings) == Status.OK
    out, err = capsys.readouterr()
    assert "in clear text" in out
    (line,) = [line for line in err.splitlines() if line.startswith("data point: ")]
    assert json.loads(line.removeprefix("data point: "))["result-type"] == "starttls-not-supported"


async def test_json(stage, capsys):
    site = await stage("D1/dane")
    sent = job(f"a@{site.site.domain}", "nobody")
    assert await run_send(site.config, sent, json=True, surroundings=site.surroundings) == Status.NO_USER
    said = json.loads(capsys.readouterr().out)
    assert said["tag"] == "normal"
    good, bad = said["recipients"]
    assert (good["outcome"], good["tls"]["verified-by"]) == ("delivered", ["tlsa"])
    assert (bad["outcome"], bad["status"]) == ("failed", "5.1.3")
    assert "relay" not in bad
    (point,) = said["data-points"]
    assert point["policy"]["policy-type"] == "tlsa"


@pytest.mark.rfc(8689, "4.2.1")
@pytest.mark.rfc(8689, "4.3")
@pytest.mark.rfc(8689, "5")
async def test_a_message_that_requires_tls(stage, capsys):
    good, bad = await stage("C16g/enforce"), await stage("C16/enforce")
    for site, status in ((good, Status.OK), (bad, Status.UNAVAILABLE)):
        sent = Job("a@sender.example", (f"a@{site.site.domain}",), MESSAGE, require_tls=True)
        assert await run_send(site.config, sent, json=True, surroundings=site.surroundings) == status
        said = json.loads(capsys.readouterr().out)
        assert said["tag"] == "require-tls", "which is how a bounce is to be made"
        assert [point["type"] for point in said["data-points"]] == [1]
        (recipient,) = said["recipients"]
        assert recipient["status"] == ("2.0.0" if status == Status.OK else "5.7.30")
    (received,) = good.servers[0].received
    assert "REQUIRETLS" in received.parameters
    assert bad.servers[0].received == []


@pytest.mark.rfc(8689, "4.2.2")
async def test_a_message_whose_header_says_that_tls_is_optional(stage, capsys):
    site = await stage("C3/enforce")
    message = b"TLS-Required: No\n" + MESSAGE
    sent = job(f"a@{site.site.domain}", message=message)
    assert await run_send(site.config, sent, json=True, surroundings=site.surroundings) == Status.OK
    said = json.loads(capsys.readouterr().out)
    assert said["tag"] == "tls-optional"
    assert [point["result-type"] for point in said["data-points"]] == ["starttls-not-supported"]
    (received,) = site.servers[0].received
    assert received.data.startswith(b"TLS-Required: No\r\n"), "it may be of use to the next relay"


@pytest.mark.parametrize("json", [False, True])
async def test_what_cannot_be_printed_is_delivered_all_the_same(stage, monkeypatch, json):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    site = await stage("D1/dane")
    monkeypatch.setattr("click.echo", full)
    monkeypatch.setattr("tlswitness.cli.send_run.give_up_printing", lambda: None)
    sent = job(f"a@{site.site.domain}")
    assert await run_send(site.config, sent, json=json, surroundings=site.surroundings) == Status.OK


@pytest.mark.parametrize(
    ("scenario", "status", "text"),
    [
        ("C3/enforce", Status.TEMPFAIL, "deferred: 4.7.5 "),
        ("N1/none", Status.NO_HOST, "failed: 5.1.10 "),
        ("N2/none", Status.NO_HOST, "failed: 5.1.2 "),
        ("C13/none", Status.UNAVAILABLE, "failed: 5.1.8 "),
        ("C13r/none", Status.TEMPFAIL, "deferred: 4.2.1 "),
    ],
)
async def test_what_is_not_delivered(stage, capsys, scenario, status, text):
    site = await stage(scenario)
    recipient = f"a@{site.site.domain}"
    assert await run_send(site.config, job(recipient), surroundings=site.surroundings) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{recipient}: {text}" in err


def test_the_exit_status():
    delivered, deferred = Delivered("a", "2.0.0", "", RELAY), Deferred("b", "4.0.0", "")
    unknown, nowhere, refused = (Failed("c", status, "") for status in ("5.1.1", "5.4.4", "5.7.1"))

    def status(*outcomes):
        return status_of(DeliveryOutcome(outcomes))

    assert status(delivered, delivered) == Status.OK
    assert status(delivered, unknown, unknown) == Status.NO_USER
    assert status(nowhere, delivered) == Status.NO_HOST
    assert status(refused) == status(unknown, nowhere) == Status.UNAVAILABLE
    assert status(delivered, deferred, unknown) == Status.TEMPFAIL


def test_in_words():
    tls = TlsFacts("TLSv1.3", "X")
    assert in_words(Delivered("a", "2.0.0", "ok", RELAY, tls)) == f"a: delivered to {RELAY} over TLSv1.3: 2.0.0 ok"
    uncertain = Deferred("a", "4.4.2", "lost", RELAY, uncertain=True)
    assert in_words(uncertain) == "a: deferred: 4.4.2 lost; the server may have it all the same"
    assert in_words(Failed("a", "5.0.0", "\x1b[31mno\n")) == "a: failed: 5.0.0 ?[31mno?"


@pytest.mark.rfc(6531, "3.4")
@pytest.mark.parametrize(
    ("recipient", "message", "needed"),
    [
        ("a@example.com", MESSAGE, False),
        ("a@bücher.example", MESSAGE, False),
        ("ä@example.com", MESSAGE, True),
        ("a@example.com", "Subject: Grüße\r\n\r\nx".encode(), True),
        ("a@example.com", "Subject: x\r\n\r\nGrüße".encode(), False),
        ("a@example.com", "Subject: Grüße\n\nx".encode("latin-1"), False),
    ],
)
def test_what_needs_smtputf8(recipient, message, needed):
    assert job(recipient, message=message).envelope().smtputf8 == needed
