"""Debian's servers with configurations of ours, one process group each, their words in files.

What is configured here is what an operator would write, not what our client would like.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.support.zones import (
    EXIM,
    EXIM_6,
    EXIM_UNREADY,
    FORGER,
    NAMED,
    NGINX,
    NGINX_6,
    POSTFIX,
    POSTFIX_6,
    POSTFIX_ANONYMOUS,
    POSTFIX_CHOOSES,
    POSTFIX_CLEAR,
    POSTFIX_CLOSED,
    POSTFIX_HASTY,
    POSTFIX_OLD,
    POSTFIX_STEPWISE,
)

UNBOUND = "127.0.0.1"
UNBOUND_PLAIN = "127.0.0.3"
"""Debian's default: no extended errors (RFC 8914)."""
UNBOUND_BLIND = "127.0.0.4"
"""Without its validator."""
UNBOUND_TURNING = "127.0.0.6"
"""Killed and started again as a test says."""
MAILBOXES = Path("/var/mail/real")
"""A maildir for each server that takes mail."""
POSTFIX_LOG = Path("/var/log/postfix.log")
EXIM_LOG = Path("/var/log/exim4/mainlog")
USER = "someone"
"""The one mailbox that each domain has."""
PROBE = "127.0.0.9"
"""Where connections come from that only look whether a server is there."""
MAX_MESSAGE = 4_000_000
"""Octets that Postfix takes."""
EXIM_MESSAGES = 3
"""Messages that Exim takes on one connection; then it says 421."""
PATIENCE = 20.0
"""Seconds for a server to come up."""


@dataclass
class Servers:
    """What was started."""

    directory: Path
    """For their files."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a server that stays in the foreground."""
        with (self.directory / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def end(self, name: str) -> None:
        """Kill one, and return when it is gone."""
        process = self.running.pop(name, None)
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """Until each takes connections; raises with what the servers said where one does not."""
        end = time.monotonic() + PATIENCE
        for endpoint in endpoints:
            while not _takes_connections(endpoint):
                dead = [name for name, process in self.running.items() if process.poll() is not None]
                if dead or time.monotonic() > end:
                    raise RuntimeError(f"nobody listens at {endpoint}; dead: {dead}\n{self.words()}")
                time.sleep(0.02)

    def words(self) -> str:
        """What each said."""
        logs = [*self.directory.glob("*.log"), POSTFIX_LOG, EXIM_LOG.parent / "paniclog"]
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-4000:]}" for log in logs if log.exists())

    def stop(self) -> None:
        for process in self.running.values():
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        for process in self.running.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _takes_connections(endpoint: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        probe.bind((PROBE, 0))
        return probe.connect_ex(endpoint) == 0


def start_dns(servers: Servers, zones: Mapping[str, Path], anchor: Path, forgery: Path) -> None:
    """BIND serves the zones, and once more a forged one; unbound validates on two addresses, and not on a third."""
    _named(servers, "named", 53, zones)
    _named(servers, "forger", FORGER, {"signed.example": forgery})
    (servers.directory / "root.hints").write_text(f". NS ns.example.\nns.example. A {NAMED}\n")
    (servers.directory / "anchor").symlink_to(anchor)
    start_unbound(servers, "unbound", UNBOUND, ede="yes")
    start_unbound(servers, "unbound-plain", UNBOUND_PLAIN)
    start_unbound(servers, "unbound-blind", UNBOUND_BLIND, modules="iterator")
    servers.wait([*((address, 53) for address in (NAMED, UNBOUND, UNBOUND_PLAIN, UNBOUND_BLIND)), (NAMED, FORGER)])


def _named(servers: Servers, name: str, port: int, zones: Mapping[str, Path]) -> None:
    text = "".join(f'zone "{zone}" {{ type primary; file "{path}"; }};\n' for zone, path in zones.items())
    config = servers.directory / f"{name}.conf"
    config.write_text(
        f'options {{ directory "{servers.directory}"; listen-on port {port} {{ {NAMED}; }}; listen-on-v6 {{ none; }};\n'
        "  recursion no; dnssec-validation no; pid-file none; session-keyfile none; };\n"
        f"controls {{ }};\n{text}"
    )
    servers.start(name, ("/usr/sbin/named", "-g", "-n", "1", "-c", str(config)))


def start_unbound(
    servers: Servers,
    name: str,
    address: str,
    *,
    modules: str = "validator iterator",
    ede: str = "no",
    permissive: str = "no",
    forged: bool = False,
) -> None:
    """One unbound; `forged` puts the forger between it and the name servers of signed.example."""
    place = servers.directory
    stub = f'stub-zone:\n name: "signed.example"\n stub-addr: {NAMED}@{FORGER}\n' if forged else ""
    config = place / f"{name}.conf"
    config.write_text(
        f'server:\n directory: "{place}"\n chroot: ""\n username: ""\n pidfile: ""\n'
        f' use-syslog: no\n logfile: ""\n verbosity: 1\n interface: {address}\n do-not-query-localhost: no\n'
        f' module-config: "{modules}"\n root-hints: "{place}/root.hints"\n trust-anchor-file: "{place}/anchor"\n'
        f" val-permissive-mode: {permissive}\n val-log-level: 2\n ede: {ede}\n{stub}"
        "remote-control:\n control-enable: no\n"
    )
    servers.start(name, ("/usr/sbin/unbound", "-d", "-p", "-c", str(config)))


def start_postfix(servers: Servers, certificate: Path, domains: Iterable[str]) -> None:
    """Postfix as it should be on IPv4 and IPv6, and with a fault on each further address."""
    place = Path("/etc/postfix")
    users = "".join(f"{USER}@{domain} postfix/\n" for domain in domains)
    (place / "users").write_text(users)
    (place / "domains").write_text("".join(f"{domain} yes\n" for domain in domains))
    settings = {
        "compatibility_level": "3.6",
        "maillog_file": str(POSTFIX_LOG),
        "myhostname": "postfix.example",
        "inet_protocols": "all",
        "mydestination": "",
        "mynetworks": "192.0.2.0/24",
        "alias_maps": "",
        "local_recipient_maps": "",
        "virtual_mailbox_domains": f"texthash:{place}/domains",
        "virtual_mailbox_maps": f"texthash:{place}/users",
        "virtual_mailbox_base": str(MAILBOXES),
        "virtual_uid_maps": "static:8104",
        "virtual_gid_maps": "static:8104",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": str(certificate),
        "smtpd_tls_received_header": "yes",
        "smtpd_tls_loglevel": "1",
        "message_size_limit": str(MAX_MESSAGE),
    }
    (place / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    listeners = [  # opened in this order: when the last one is, all are
        _listener(f"[{POSTFIX_6}]", smtpd_tls_ask_ccert="yes"),
        _listener(POSTFIX),
        _listener(
            POSTFIX_OLD,
            smtpd_tls_protocols="TLSv1",
            smtpd_tls_ciphers="low",
            tls_low_cipherlist="ALL:@SECLEVEL=0",
        ),
        _listener(POSTFIX_CHOOSES, smtpd_tls_protocols="TLSv1.2", tls_preempt_cipherlist="yes"),
        _listener(POSTFIX_HASTY, smtpd_timeout="1s"),
        _listener(POSTFIX_STEPWISE, smtpd_discard_ehlo_keywords="pipelining,size"),
        _listener(POSTFIX_CLOSED, smtpd_delay_reject="no", smtpd_client_restrictions="reject"),
        _listener(POSTFIX_ANONYMOUS, smtpd_tls_chain_files="/nonexistent"),
        _listener(POSTFIX_CLEAR, smtpd_tls_security_level="none"),
    ]
    (place / "master.cf").write_text("\n".join((*listeners, *_POSTFIX_SERVICES)) + "\n")
    shutil.copy("/usr/share/postfix/dynamicmaps.cf", place / "dynamicmaps.cf")
    _postfix_directories()
    servers.start("postfix", ("/usr/lib/postfix/sbin/master", "-d", "-c", str(place)))


def _listener(address: str, **options: str) -> str:
    """A line of master.cf."""
    return "\n  ".join(
        (f"{address}:25 inet n - n - - smtpd", *(f"-o {name}={value}" for name, value in options.items()))
    )


def _postfix_directories() -> None:
    """What `postfix check` makes, which takes seconds."""
    queue = Path("/var/spool/postfix")
    private = (
        "active",
        "bounce",
        "corrupt",
        "defer",
        "deferred",
        "flush",
        "hold",
        "incoming",
        "private",
        "saved",
        "trace",
    )
    for path in (*(queue / name for name in (*private, "maildrop", "public")), Path("/var/lib/postfix")):
        path.mkdir(exist_ok=True)
        path.chmod(0o700)
        shutil.chown(path, "postfix", "postdrop" if path.name in ("maildrop", "public") else "root")
    (queue / "maildrop").chmod(0o1730)
    (queue / "public").chmod(0o2710)
    (queue / "pid").mkdir(exist_ok=True)


_POSTFIX_SERVICES = (
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "proxymap unix - - n - - proxymap",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "virtual unix - n n - - virtual",
    "anvil unix - - n - 1 anvil",
    "postlog unix-dgram n - n - 1 postlogd",
)


def start_exim(servers: Servers, certificate: Path, expired: tuple[str, Path]) -> None:
    """Exim on IPv4 and IPv6, with `expired` for those who ask for that name; and without a certificate."""
    for path in (EXIM_LOG.parent, Path("/var/spool/exim4")):
        path.mkdir(parents=True, exist_ok=True)
        shutil.chown(path, "Debian-exim", "Debian-exim")
    here = f"${{if eq{{$received_ip_address}}{{{EXIM_UNREADY}}} {{/nonexistent}} {{{certificate}}}}}"
    config = _EXIM.format(
        interfaces=f"<; {EXIM_6} ; {EXIM} ; {EXIM_UNREADY}",
        choice=f"${{if eq{{$tls_in_sni}}{{{expired[0]}}} {{{expired[1]}}} {{{here}}}}}",
        user=USER,
        mailbox=MAILBOXES / "exim",
        messages=EXIM_MESSAGES,
    )
    Path("/etc/exim4/exim4.conf").write_text(config)
    servers.start("exim", ("/usr/sbin/exim4", "-bdf"))


_EXIM = """\
primary_hostname = exim.example
local_interfaces = {interfaces}
daemon_smtp_ports = 25
tls_advertise_hosts = *
tls_certificate = {choice}
tls_privatekey = {choice}
host_lookup =
smtp_accept_max_per_connection = {messages}
log_selector = +smtp_connection
acl_smtp_rcpt = check_rcpt
never_users =
begin acl
check_rcpt:
  deny ! local_parts = {user}
       message = 5.1.1 there is no such user
  accept
begin routers
everyone:
  driver = accept
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  directory = {mailbox}
  maildir_format
  envelope_to_add
  user = mailbox
  group = mailbox
begin retry
* * F,1h,1m
"""


def start_nginx(servers: Servers, hosts: Mapping[str, tuple[Path | None, str]], default: Path) -> None:
    """nginx with a virtual host for each name: certificate and key in one file, and directives for the policy."""
    blocks = [_host("_ default", default, "return 404;")]
    blocks += [_host(name, certificate, directives) for name, (certificate, directives) in hosts.items()]
    config = servers.directory / "nginx.conf"
    config.write_text(
        "daemon off; user root; worker_processes 1; pid /run/nginx.pid; error_log stderr info;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log {servers.directory}/access.log; default_type text/plain; {''.join(blocks)} }}\n"
    )
    servers.start("nginx", ("/usr/sbin/nginx", "-e", "stderr", "-c", str(config)))


def _host(name: str, certificate: Path | None, directives: str) -> str:
    """Without a certificate the handshake is rejected with an alert."""
    name, _, default = name.partition(" ")
    kind = "ssl default_server" if default else "ssl"
    listen = f"listen {NGINX}:443 {kind}; listen [{NGINX_6}]:443 {kind};"
    tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    return (
        f"server {{ {listen} server_name {name};\n"
        f" {tls if certificate else 'ssl_reject_handshake on;'}\n"
        f" location = /.well-known/mta-sts.txt {{ {directives} }} }}\n"
    )
