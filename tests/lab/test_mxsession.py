import asyncio
import ssl
import warnings
from dataclasses import replace

import pytest

from tlswitness.lab import mxsession
from tlswitness.lab.mx import BEHAVIOURS
from tlswitness.lab.mxsession import OK, Received


def wide() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


async def test_a_message(serve, connect):
    server = await serve(OK)
    client = await connect(server)
    await client.reply()
    client.writer.write(b"EHLO a.test\r\n")
    assert (await client.reply())[-1] == "250 STARTTLS"
    assert await client.say("MAIL FROM:<a@b.test> SIZE=9") == OK.mail
    assert await client.say("RCPT TO:<c@d.test>") == OK.rcpt
    assert (await client.say("DATA")).startswith("354")
    assert await client.say("..dot\r\nline\r\n.") == OK.message
    assert (await client.say("QUIT")).startswith("221")
    assert await client.reader.read() == b""
    assert server.received == [Received("a@b.test", ("c@d.test",), b".dot\r\nline\r\n", "", ("SIZE=9",))]


@pytest.mark.rfc(3207, "4.2")
async def test_tls_forgets_what_was_said_before(serve, connect):
    server = await serve(OK)
    client = await connect(server)
    await client.reply()
    await client.say("EHLO a.test")
    await client.say("MAIL FROM:<a@b.test>")
    assert (await client.say("STARTTLS")).startswith("220")
    session = await client.starttls()
    assert (await client.say("RCPT TO:<c@d.test>")).startswith("503")
    client.writer.write(b"EHLO a.test\r\n")
    assert not any("STARTTLS" in line for line in await client.reply())
    assert (await client.say("STARTTLS")).startswith("503")
    await client.say("MAIL FROM:<>")
    await client.say("RCPT TO:<c@d.test>")
    await client.say("DATA")
    await client.say("x\r\n.")
    assert server.received == [Received("", ("c@d.test",), b"x\r\n", session.version())]


@pytest.mark.parametrize(
    ("name", "before", "within"),
    [("ok", False, False), ("requiretls-early", True, False), ("requiretls", False, True)],
)
async def test_where_requiretls_is_on_offer(serve, connect, name, before, within):
    client = await connect(await serve(BEHAVIOURS[name]))
    await client.reply()
    for offered in (before, within):
        client.writer.write(b"EHLO a.test\r\n")
        assert any("REQUIRETLS" in line for line in await client.reply()) == offered
        reply = await client.say("MAIL FROM:<a@b.test> REQUIRETLS")
        assert reply == (OK.mail if offered else "555 5.5.4 unknown parameter")
        if client.writer.get_extra_info("ssl_object") is None:
            await client.say("STARTTLS")
            await client.starttls()


async def test_no_mail_in_clear_text(serve, connect):
    client = await connect(await serve(BEHAVIOURS["insists-in-vain"]))
    await client.reply()
    assert (await client.say("STARTTLS")).startswith("454")
    assert (await client.say("MAIL FROM:<a@b.test>")).startswith("530")
    assert (await client.say("RCPT TO:<c@d.test>")).startswith("503")


async def test_order_is_asked_for(serve, connect):
    client = await connect(await serve(OK))
    await client.reply()
    replies = [await client.say(text) for text in ("RCPT TO:<a@b.test>", "DATA", "NOOP", "VRFY a", "RSET")]
    assert [reply[:3] for reply in replies] == ["503", "503", "250", "500", "250"]


@pytest.mark.parametrize(
    ("name", "dialogue"),
    [
        ("greeting-421", [(None, "421")]),
        ("greeting-554", [(None, "554")]),
        ("ehlo-refused", [(None, "220"), ("EHLO a.test", "550"), ("HELO a.test", "550")]),
        ("helo-only", [(None, "220"), ("EHLO a.test", "502"), ("HELO a.test", "250 mx.example.test")]),
        ("no-starttls", [(None, "220"), ("EHLO a.test", "250 ENHANCEDSTATUSCODES"), ("STARTTLS", "502")]),
        ("starttls-454", [(None, "220"), ("EHLO a.test", "250 STARTTLS"), ("STARTTLS", "454")]),
        ("starttls-501", [(None, "220"), ("STARTTLS", "501")]),
        ("starttls-injection", [(None, "220"), ("STARTTLS", "220"), (None, "250 2.0.0 injected")]),
        ("mail-550", [(None, "220"), ("MAIL FROM:<>", "550"), ("RCPT TO:<a@b.test>", "503")]),
        ("rcpt-450", [(None, "220"), ("MAIL FROM:<>", "250"), ("RCPT TO:<a@b.test>", "450"), ("DATA", "503")]),
    ],
)
async def test_faults_in_clear_text(serve, connect, name, dialogue):
    client = await connect(await serve(BEHAVIOURS[name]))
    for said, heard in dialogue:
        reply = (await client.reply())[-1] if said is None else await client.say(said)
        assert reply.startswith(heard)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("tls-alert", ssl.SSLError, "HANDSHAKE_FAILURE"),
        ("tls-garbage", ssl.SSLError, "WRONG_VERSION_NUMBER"),
        ("ssl3-only", ssl.SSLError, "UNSUPPORTED_PROTOCOL"),
        ("tls-close", OSError, None),
        ("tls-reset", ConnectionResetError, None),
    ],
)
async def test_faults_of_the_handshake(serve, connect, name, error, words):
    client = await connect(await serve(BEHAVIOURS[name]))
    await client.reply()
    assert (await client.say("STARTTLS")).startswith("220")
    with pytest.raises(error, match=words):
        await client.starttls(wide())


@pytest.mark.parametrize(
    ("name", "version"), [("ok", "TLSv1.3"), ("tls10-only", "TLSv1"), ("tls-anonymous", "TLSv1.2")]
)
async def test_suites(serve, connect, name, version):
    client = await connect(await serve(BEHAVIOURS[name]))
    await client.reply()
    await client.say("STARTTLS")
    session = await client.starttls(wide())
    assert session.version() == version
    assert (session.getpeercert(binary_form=True) is None) == (name == "tls-anonymous")


@pytest.mark.parametrize(("name", "words"), [("tls-late-close", None), ("tls-late-alert", "CERTIFICATE_REQUIRED")])
async def test_what_comes_after_the_handshake(serve, connect, name, words):
    client = await connect(await serve(BEHAVIOURS[name]))
    await client.reply()
    await client.say("STARTTLS")
    with pytest.raises((OSError, IndexError), match=words):
        await hear(client)


async def hear(client) -> str:
    await client.starttls()
    return (await client.reader.readline()).splitlines()[0]


async def test_nothing_is_said(serve, connect):
    client = await connect(await serve(BEHAVIOURS["greeting-silent"]))
    client.writer.write_eof()
    assert await client.reader.read() == b""


async def test_a_message_is_bounded(serve, connect, monkeypatch):
    monkeypatch.setattr(mxsession, "MAX_MESSAGE", 10)
    server = await serve(replace(OK))
    client = await connect(server)
    await client.reply()
    for text in ("MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA"):
        await client.say(text)
    assert (await client.say("x" * 11)).startswith("552")
    assert server.received == []


async def test_a_message_that_breaks_off_is_not_taken(serve, connect):
    server = await serve(OK)
    client = await connect(server)
    await client.reply()
    for text in ("MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA"):
        await client.say(text)
    client.writer.write(b"half\r\n")
    client.writer.write_eof()
    await asyncio.wait_for(client.reader.read(), 10)
    assert server.received == []


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("421@greeting", []),
        ("421@ehlo", ["EHLO me"]),
        ("421@starttls", ["EHLO me", "STARTTLS"]),
        ("421@mail", ["EHLO me", "MAIL FROM:<>"]),
        ("421@rcpt", ["EHLO me", "MAIL FROM:<>", "RCPT TO:<a@b>"]),
        ("421@data", ["EHLO me", "MAIL FROM:<>", "RCPT TO:<a@b>", "DATA"]),
        ("421@dot", ["EHLO me", "MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", "."]),
        ("421@rset", ["EHLO me", "RSET"]),
        ("421@quit", ["EHLO me", "QUIT"]),
    ],
)
async def test_malice_comes_at_its_point(serve, connect, name, commands):
    server = await serve(BEHAVIOURS[name])
    client = await connect(server)
    heard = [(await client.reply())[-1]] + [await client.say(command) for command in commands]
    assert [line[:3] == "421" for line in heard] == [False] * len(commands) + [True]
    assert await client.reader.read() == b""
    assert server.received == []


async def test_a_flood_ends_with_the_client(serve, connect):
    server = await serve(BEHAVIOURS["endless-lines@ehlo"])
    client = await connect(server)
    await client.reply()
    client.writer.write(b"EHLO me\r\n")
    assert len(await client.reader.readexactly(1_000_000)) == 1_000_000
    await client.close()
    await server.stop()


async def test_two_replies_at_a_time(serve, connect):
    client = await connect(await serve(BEHAVIOURS["unasked@mail"]))
    await client.reply()
    assert await client.say("MAIL FROM:<>") == "250 2.1.0 sender ok"
    assert await client.reply() == ["250 2.0.0 nobody asked"]
    assert await client.say("NOOP") == "250 2.0.0 ok"


async def test_within_tls_the_lab_seals_what_no_library_sends(serve, connect):
    client = await connect(await serve(BEHAVIOURS["alert@tls-ehlo"]))
    await client.reply()
    await client.say("STARTTLS")
    await client.starttls()
    client.writer.write(b"EHLO me\r\n")
    with pytest.raises(ssl.SSLError, match="ALERT_INTERNAL_ERROR"):
        await client.reader.read()


async def test_data_without_recipients(serve, connect):
    server = await serve(BEHAVIOURS["data-anyway"])
    client = await connect(server)
    await client.reply()
    await client.say("MAIL FROM:<>")
    assert (await client.say("RCPT TO:<a@b>")).startswith("550")
    assert (await client.say("DATA")).startswith("354")
    assert (await client.say(".")).startswith("250")
    assert server.received == []
