"""The world outside, in one process: the lab's nameserver, its policy host, its CA, and the sink.

python -m bench.outside FD... (sockets that listen for the sink besides its own)
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from contextlib import AsyncExitStack

from bench import child
from bench.sink import Counts, Session
from tlswitness.lab.internet import Internet
from tlswitness.lab.mx import server_context
from tlswitness.lab.mxsession import Suite
from tlswitness.lab.policyhost import Serve, policy_text

MX = "mx.bench.test"
SINGLE, LINE, MANY, GATHER = "single.bench.test", "line.bench.test", "many.bench.test", "gather.bench.test"
"""To the first a session carries one message; to the next two it is used again, one session or several at a time; the
last has as many sessions as there are messages."""
DOMAINS = (SINGLE, LINE, MANY, GATHER)


async def main(fds: list[int]) -> None:
    loop = asyncio.get_running_loop()
    counts = Counts()
    async with AsyncExitStack() as stack:
        net = await stack.enter_async_context(Internet(time.time))
        place = net.place()
        certificate = net.authority.issue([MX])
        context = server_context(Suite.MODERN)
        certificate.load_into(context)
        listeners = [socket.create_server((place.mx, 0)), *(socket.socket(fileno=fd) for fd in fds)]
        for listener in listeners:
            server = await loop.create_server(lambda: Session(counts, context), sock=listener, backlog=2048)
            stack.callback(server.close)
        net.zone.address(MX, place.mx)
        net.zone.tlsa(MX, certificate.tlsa(3, 1, 1))
        for domain in DOMAINS:
            net.zone.mx(domain, (10, MX))
            net.zone.txt(f"_mta-sts.{domain}", "v=STSv1; id=1;")
            net.zone.address(f"mta-sts.{domain}", place.policy_host)
            policy_host = f"mta-sts.{domain}"
            net.policy_host.publish(policy_host, net.authority.issue([policy_host]), Serve(policy_text(MX)))
        chain = net.directory / "chain.pem"
        chain.write_bytes(certificate.chain_pem())
        dns = net.nameserver.server
        facts = {
            "resolver": [dns.address, dns.port],
            "policy_port": net.policy_host.port,
            "mx": [place.mx, listeners[0].getsockname()[1]],
            "ca": str(net.trust_file),
            "chain": str(chain),
            "directory": str(net.directory),
        }
        await _obey(counts, facts)


async def _obey(counts: Counts, facts: dict[str, object]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        match json.loads(line):
            case None:
                child.say(facts)
            case "reset":
                counts.reset()
                child.say({})
            case "release":
                counts.release()
                child.say({})
            case _:
                seconds = counts.last - counts.first
                child.say(
                    {
                        "messages": counts.messages,
                        "seconds": seconds,
                        "waiting": len(counts.waiting),
                        "cpu": time.process_time(),
                    }
                )
    pipe.close()


if __name__ == "__main__":
    child.pin(child.SERVERS)
    arguments = [int(word) for word in sys.argv[1:]]
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(arguments))
    else:
        uvloop.run(main(arguments))
