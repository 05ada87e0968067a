"""The process inside: starts the servers, then delivers what it is told to, one JSON line in, one out.

python -m tests.real.support.world TREE STATE, within `namespace.UNSHARE`. The engine in it is the product's own,
without a mapped port or a fake: DirectDialer, /etc/resolv.conf, port 25.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tests.real.support import mailboxes, namespace, servers
from tests.real.support.zones import STS, Tlsa, write_forgery, write_zones

from tlswitness.config import Config, parse_config
from tlswitness.datapoint import DataPoint, to_dict
from tlswitness.delivery.outcome import Delivered, Envelope, RecipientOutcome
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab.authority import DAY, Authority, Issued, wrong

NOT_HERE = 77
"""Exit status where this machine cannot make the view that is needed; standard error says why."""
SENDER = "sender@sender.example"
BODY = ".\r\n..two dots\r\nthe d\u00f6t\r\n.\r\nQUIT\r\n"
"""Lines that end a message, or begin a command, where a client or a server is wrong."""
DOMAINS = (
    *("open", "open2", "clear", "old", "anonymous", "turned", "hasty", "stepwise", *STS),
    *(
        "ee",
        "ee2",
        "wrong",
        "denied",
        "nodata",
        "alias",
        "bare",
        "inner",
        "six",
        "far",
        "many",
        "short",
        "shorter",
        "bare-host",
        "xn--bcher-kva",
    ),
    *("tlsa", "mx", "fine", "address", "next"),
)
"""For whom Postfix takes mail, in whatever zone; Exim takes all."""


@dataclass
class World:
    """The servers, and what they were made with."""

    directory: Path
    authority: Authority = field(default_factory=lambda: Authority(time.time()))
    servers: servers.Servers = field(init=False)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    delivered: int = 0

    def __post_init__(self) -> None:
        self.servers = servers.Servers(self.directory)

    def start(self) -> dict[str, object]:
        """Everything; what an expectation needs to know of it."""
        postfix = self.authority.issue(
            [
                "postfix.signed.example",
                "plain.unsigned.example",
                "chooses.unsigned.example",
                "six.signed.example",
                "mxalias.signed.example",
            ]
        )
        exim = self.authority.issue(["exim.signed.example", "exim.unsigned.example", "six.unsigned.example"])
        expired = self.authority.issue(["expired.signed.example"], not_before=-90 * DAY, not_after=-DAY)
        tlsa = Tlsa(
            postfix_key=postfix.tlsa(3, 1, 1).text(),
            exim_ca=exim.tlsa(2, 0, 1, above=1).text(),
            expired=expired.tlsa(3, 1, 1).text(),
            wrong=wrong(postfix.tlsa(3, 1, 1)).text(),
        )
        self._boxes()
        domains = [f"{name}.{zone}.example" for name in DOMAINS for zone in ("signed", "bogus", "unsigned")]
        servers.start_postfix(self.servers, self._file("postfix", postfix), domains)
        old = ("expired.signed.example", self._file("expired", expired))
        servers.start_exim(self.servers, self._file("exim", exim), old)
        self._policies()
        zones, anchor = write_zones(self.directory, tlsa)
        servers.start_dns(self.servers, zones, anchor, write_forgery(self.directory))
        (self.directory / "ca.pem").write_bytes(self.authority.trust_pem)
        self.servers.wait([(servers.POSTFIX_CLEAR, 25), (servers.EXIM, 25), (servers.NGINX, 443)])
        return asdict(tlsa)

    async def deliver(
        self,
        steps: Sequence[Sequence[str]],
        options: Mapping[str, object],
        *,
        lines: int,
        parallel: bool,
        pause: float,
        turns: Sequence[Mapping[str, Any] | None],
        later: float,
        asks: str,
    ) -> dict[str, object]:
        """Each step is one message to these recipients, all of them by one engine.

        They go in parallel, or one after the other with a pause (seconds) after each; `lines` of 1,000 octets make
        the messages longer. `turns` says how the turning unbound is to run in each step, killed and started anew where
        that changes (None: not at all), `later` how many seconds have passed since the step before, as DNS sees it.
        The messages may ask for `tls-optional` or `require-tls` (RFC 8689).
        """
        points: list[DataPoint] = []
        marks = [f"mark {next(self.numbers):06}" for _ in steps]
        trusts: list[str] = []
        before = mailboxes.connections()
        around = Surroundings(monotonic=lambda: time.monotonic() + later * len(trusts))
        async with Engine(self._config(options), hooks=[points.append], surroundings=around) as engine:

            async def one(mark: str, recipients: Sequence[str]) -> tuple[RecipientOutcome, ...]:
                if turns and (not trusts or turns[len(trusts)] != turns[len(trusts) - 1]):
                    self._turn(turns[len(trusts)])
                field = b"TLS-Required: No\r\n" if asks == "tls-optional" else b""
                required = asks == "require-tls"
                envelope = Envelope(SENDER, tuple(recipients), eight_bit=True, require_tls=required)
                done = await engine.deliver(field + _message(mark, lines), envelope)
                await asyncio.sleep(pause)
                trusts.append(str(engine.resolver.trust.state))
                return done.recipients

            jobs = [one(mark, recipients) for mark, recipients in zip(marks, steps, strict=True)]
            done = await asyncio.gather(*jobs) if parallel else [await job for job in jobs]
        outcomes = [outcome for each in done for outcome in each]
        taken = sum(isinstance(outcome, Delivered) for outcome in outcomes)
        self.delivered += taken
        mail = mailboxes.collect(set(marks), taken, _body(lines))
        after = mailboxes.connections()
        return {
            "outcomes": [_outcome(outcome) for outcome in outcomes],
            "points": [to_dict(point) for point in points],
            "mail": mail,
            "connections": {name: after[name] - before[name] for name in after},
            "trusts": trusts,
        }

    def tally(self) -> dict[str, object]:
        """What the engine said it delivered, and what is in the mailboxes."""
        return {"delivered": self.delivered, "stored": mailboxes.count()}

    def _turn(self, how: Mapping[str, Any] | None) -> None:
        self.servers.end("unbound-turning")
        if how is not None:
            servers.start_unbound(self.servers, "unbound-turning", servers.UNBOUND_TURNING, **how)
            self.servers.wait([(servers.UNBOUND_TURNING, 53)])

    def _config(self, options: Mapping[str, object]) -> Config:
        given: dict[str, object] = {
            "state_dir": str(self.directory / f"state-{next(self.numbers)}"),
            "ehlo_name": "sender.example",
            "tls_ca": str(self.directory / "ca.pem"),
            "policy_fetch_allow": ["127.0.0.0/8", "fd00::/8"],
            **options,
        }
        return parse_config("\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items()))

    def _boxes(self) -> None:
        for name in ("postfix", "exim"):
            (servers.MAILBOXES / name).mkdir(parents=True)
            shutil.chown(servers.MAILBOXES / name, "mailbox", "mailbox")
        servers.MAILBOXES.parent.chmod(0o755)

    def _policies(self) -> None:
        hosts: dict[str, tuple[Path | None, str]] = {}
        for domain, host in STS.items():
            name = f"mta-sts.{domain}.unsigned.example"
            issued = self._policy_certificate(domain, name)
            directives = self._policy(domain, f"{host}.unsigned.example")
            hosts[name] = (self._file(name, issued) if issued else None, directives)
        name = "mta-sts.both.signed.example"
        hosts[name] = (self._file(name, self.authority.issue([name])), self._policy("both", "expired.signed.example"))
        default = self._file("default", self.authority.issue(["default.example"]))
        servers.start_nginx(self.servers, hosts, default)

    def _policy_certificate(self, domain: str, name: str) -> Issued | None:
        match domain:
            case "sts-alert":
                return None
            case "sts-cert":
                return self.authority.issue(["mta-sts.elsewhere.example"])
            case "sts-expired":
                return self.authority.issue([name], not_before=-90 * DAY, not_after=-DAY)
            case _:
                return self.authority.issue([name])

    def _policy(self, domain: str, host: str) -> str:
        """The directives that make nginx answer for this domain."""
        mode = "testing" if domain in ("sts-testing", "sts-chooses") else "enforce"
        mx = "mx.elsewhere.example" if domain == "sts-mx" else host
        path = self.directory / f"{domain}.txt"
        path.write_bytes(f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n".encode())
        match domain:
            case "sts-redirect":
                return "return 301 https://mta-sts.sts-good.unsigned.example/.well-known/mta-sts.txt;"
            case "sts-404":
                return "return 404;"
            case "sts-html":
                return f"default_type text/html; alias {path};"
            case "sts-broken":
                return 'return 200 "version: STSv1\\nmode: enforce\\nmax_age: 86400\\n";'
            case "sts-gzip":
                Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
                return f"gzip_static always; alias {path};"
            case _:
                return f"alias {path};"

    def _file(self, name: str, issued: Issued) -> Path:
        """Key and chain in one file, the key first."""
        path = self.directory / f"{name}.pem"
        path.write_bytes(issued.key_pem() + issued.chain_pem())
        return path


def _message(mark: str, lines: int) -> bytes:
    return f"From: {SENDER}\r\nSubject: {mark}\r\n\r\n".encode() + _body(lines)


def _body(lines: int) -> bytes:
    return BODY.encode() + lines * (b"." + 997 * b"x" + b"\r\n")


def _outcome(outcome: RecipientOutcome) -> dict[str, object]:
    return {
        "kind": type(outcome).__name__,
        "recipient": outcome.recipient,
        "status": outcome.status,
        "text": outcome.text,
        "relay": str(outcome.relay) if outcome.relay else None,
        "tls": outcome.tls.protocol if isinstance(outcome, Delivered) else None,
        "verified_by": list(outcome.tls.verified_by) if isinstance(outcome, Delivered) else None,
    }


def main(tree: str, directory: str) -> int:
    """Serve until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        namespace.enter(Path(tree))
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the one who started us reads it
        return NOT_HERE
    world = World(Path(directory))
    try:
        _say(replies, world.start())
        for line in sys.stdin:
            order = json.loads(line)
            _say(replies, _obey(world, order))
    finally:
        print(world.servers.words(), file=sys.stderr)  # noqa: T201 - shown when a test fails
        world.servers.stop()
    return 0


def _obey(world: World, order: Mapping[str, Mapping[str, Any]]) -> dict[str, object]:
    if "tally" in order:
        return world.tally()
    try:
        return asyncio.run(world.deliver(**order["deliver"]))
    except Exception:  # noqa: BLE001 - one test has found a fault, the others go on
        return {"error": traceback.format_exc()}


def _say(replies: TextIO, answer: Mapping[str, object]) -> None:
    replies.write(json.dumps(answer) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
