"""What an operator is told of a lab that is kept up: where all of it is, and how an MTA finds it.

Separate from the serving: these are words, and honest ones, about other people's software too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from tlswitness.lab.internet import HTTPS, LOOPBACK, SMTP
from tlswitness.lab.serve import Served

DNS = 53


def directions(served: Served) -> Iterator[str]:
    """Line by line."""
    internet = served.internet
    server, policy_host = internet.nameserver.server, internet.policy_host
    smtp, https = internet.ports.smtp, policy_host.port
    yield "The lab is up; interrupt (Ctrl-C) ends it."
    yield ""
    yield f"  resolver      {server.address} port {server.port}, UDP and TCP; it says what is secure (AD)"
    yield f"  MX hosts      port {smtp}, each on an address of its own"
    yield f"  policy hosts  {policy_host.address} port {https}, told apart by SNI"
    yield f"  CA            {internet.trust_file}"
    yield ""
    yield from _domains(served)
    yield ""
    yield "tlswitness: a file for `tlswitness --config FILE`; `serve` tells the hook in it of what `send` does"
    yield ""
    yield from (f"  {line}" for line in configuration(served).splitlines())
    yield ""
    well_known = (server.port, smtp, https) == (DNS, SMTP, HTTPS)
    yield from _for_others(str(internet.trust_file), server.address) if well_known else _elsewhere(served)


def configuration(served: Served) -> str:
    """The least that tlswitness needs to know to deliver into this lab, as TOML, and a hook for its daemon."""
    internet = served.internet
    server = internet.nameserver.server
    options: dict[str, object] = {
        "resolvers": f'["{server.address}:{server.port}"]',
        "tls_ca": f'"{internet.trust_file}"',
        "policy_fetch_allow": f'["{LOOPBACK}"]',
        "state_dir": f'"{internet.directory / "state"}"',
    }
    if internet.ports.smtp not in (0, SMTP):
        options["port"] = internet.ports.smtp
    lines = [*(f"{key} = {value}" for key, value in options.items()), "", "[[hook]]"]
    lines += [f'jsonl = "{internet.directory / "points.jsonl"}"']
    return "\n".join(lines) + "\n"


def _domains(served: Served) -> Iterator[str]:
    width = max(len(host.cell.domain) for host in served.hosts)
    for _, group in groupby(served.hosts, lambda host: host.cell.row):
        of_event = list(group)
        yield f"{of_event[0].cell.row}  {of_event[0].cell.event}"
        for host in of_event:
            addresses = " ".join(mx.address for mx in host.servers)
            yield f"  {host.cell.domain:{width}}  {addresses:12}  {host.cell.policy}"


def _elsewhere(served: Served) -> Iterator[str]:
    """Not on the well-known ports: what then does not work."""
    server = served.internet.nameserver.server
    if served.internet.policy_host.port != HTTPS:
        yield f"MTA-STS policies are always fetched from port {HTTPS}: with the above each fetch is"
        yield "refused, and reported as a failure, and the mail goes on without a policy."
    yield f"Most MTAs ask port {DNS} and send to port {SMTP}. To have all on its well-known port, be"
    yield "root, or be alone:"
    yield ""
    yield "  unshare -rnm sh -c \\"
    yield f"    'ip link set lo up; exec tlswitness lab --serve --ports {DNS},{SMTP},{HTTPS}'"
    yield ""
    yield "and go there from another terminal, to send and to look:"
    yield ""
    yield "  nsenter -t $(pgrep -f 'lab --serve --ports') -U -n -m --preserve-credentials"
    yield ""
    yield "A resolver such as unbound can forward `test` to the lab, but finds no real signatures"
    yield "there: no DANE then."
    yield ""
    yield "  server:"
    yield "    do-not-query-localhost: no"
    yield '    domain-insecure: "test."'
    yield '    local-zone: "test." nodefault'
    yield "  forward-zone:"
    yield '    name: "test."'
    yield f"    forward-addr: {server.address}@{server.port}"


def _for_others(trust_file: str, resolver: str) -> Iterator[str]:
    """On the well-known ports: what others need."""
    yield "Other MTAs: /etc/resolv.conf of their (mount) namespace"
    yield ""
    yield f"  nameserver {resolver}"
    yield "  options trust-ad"
    yield ""
    yield "Postfix: main.cf"
    yield ""
    yield f"  smtp_tls_CAfile = {trust_file}"
    yield "  smtp_tls_security_level = dane"
    yield "  smtp_dns_support_level = dnssec"
