"""The lab kept up, as other programs meet it: here a probe in a process of its own, by the standard library alone."""

import asyncio
import json
import socket
import sys

import pytest

from tlswitness.lab.choose import choose
from tlswitness.lab.serve import NETWORK, servable, serve
from tlswitness.lab.table import cells


def test_what_can_be_served():
    served = servable(cells())
    assert {cell.row for cell in served} >= {"A4", "B7", "C3", "D2", "S6-3", "N1", "C15", "C16g"}
    assert not any(cell.id.endswith("/cache") or cell.row in ("C14", "A16", "N6") for cell in served)


async def test_names_and_addresses(ports):
    async with serve(choose(["C2n/dane", "C3/both", "A1/cache", "B11/sts"]), ports) as served:
        told = served.as_json()
        assert [one["scenario"] for one in told["domains"]] == ["B11/sts", "C2n/dane", "C3/both"]
        assert [len(one["mx"]) for one in told["domains"]] == [1, 2, 1]
        assert {mx["port"] for one in told["domains"] for mx in one["mx"]} == {ports.smtp}
        assert told["domains"][0]["mx"][0]["address"].startswith(f"127.{NETWORK}.")
        assert (told["resolver"]["port"], told["policy-host"]["port"]) == (ports.dns, ports.https)


PROBE = """
import json, smtplib, socket, ssl, struct, sys, urllib.request
told = json.load(sys.stdin)

def ask(name, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack(">HHHHHH", 7, 0x0120, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">HH", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.sendto(query, (told["resolver"]["address"], told["resolver"]["port"]))
        answer = sock.recv(4096)
    flags, _, answers = struct.unpack(">HHH", answer[2:8])
    return {"secure": bool(flags & 0x20), "rcode": flags & 15, "answers": answers}

def deliver(mx, context):
    with smtplib.SMTP(mx["address"], mx["port"], local_hostname="probe.test", timeout=20) as smtp:
        smtp._host = mx["name"]
        smtp.ehlo()
        if not smtp.has_extn("starttls"):
            return "no STARTTLS"
        try:
            smtp.starttls(context=context)
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        smtp.sendmail("a@probe.test", ["b@c.test"], "Subject: x\\r\\n\\r\\nx\\r\\n")
        return smtp.sock.version()

def policy(domain, context):
    host = "mta-sts." + domain
    where = (told["policy-host"]["address"], told["policy-host"]["port"])
    with socket.create_connection(where, 20) as raw, context.wrap_socket(raw, server_hostname=host) as tls:
        request = f"GET /.well-known/mta-sts.txt HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n"
        tls.sendall(request.encode())
        text = b"".join(iter(lambda: tls.recv(4096), b""))
    return text.partition(b"\\r\\n\\r\\n")[2].decode()

context = ssl.create_default_context(cafile=told["ca"])
seen = {}
for one in told["domains"]:
    domain, mx = one["domain"], one["mx"][0]
    dns = [ask(f"_{port}._tcp.{mx['name']}", 52) for port in (25, mx["port"])]
    seen[one["scenario"]] = {"mx": ask(domain, 15), "tlsa": dns, "smtp": deliver(mx, context)}
    if "MTA-STS" in one["policy"]:
        seen[one["scenario"]]["policy"] = policy(domain, context)
print(json.dumps(seen))
"""


async def test_a_program_of_another_process_meets_it(ports):
    async with serve(choose(["D1/none", "D1/dane", "D6/enforce", "C3/both", "B7s/sts"]), ports) as served:
        probe = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROBE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await probe.communicate(json.dumps(served.as_json()).encode())
        received = {host.cell.id: len(host.servers[0].received) for host in served.hosts}
    assert probe.returncode == 0
    seen = json.loads(out)
    there, denied = {"secure": True, "rcode": 0, "answers": 1}, {"secure": True, "rcode": 3, "answers": 0}
    assert all(one["mx"] == there for one in seen.values())
    assert {name: one["smtp"] for name, one in seen.items()} == {
        "D1/none": "TLSv1.3",
        "D1/dane": "TLSv1.3",
        "D6/enforce": "self-signed certificate",
        "C3/both": "no STARTTLS",
        "B7s/sts": "TLSv1.3",
    }
    assert seen["D1/none"]["tlsa"] == [denied, denied]
    assert seen["D1/dane"]["tlsa"] == [there, {**there, "answers": 2}]  # with the alias for the other port
    assert [answer["rcode"] for answer in seen["B7s/sts"]["tlsa"]] == [2, 2]
    assert "mode: enforce\r\nmx: mx.d6-enforce.test\r\n" in seen["D6/enforce"]["policy"]
    assert received == {name: int(one["smtp"] == "TLSv1.3") for name, one in seen.items()}


async def test_a_port_that_is_taken(ports):
    words = f"cannot listen for DNS on 127.0.0.1 port {ports.dns}: Address already in use"
    with socket.create_server(("127.0.0.1", ports.dns)), pytest.raises(OSError, match=words):
        async with serve(choose(["D1/none"]), ports):
            pass


async def test_all_at_once(ports):
    async with serve(cells(), ports) as served:
        assert len(served.hosts) > 250
