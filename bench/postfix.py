"""Debian's Postfix from the cache, in a namespace of its own: mail is queued on hold, then all of it is released.

Its queue is in memory and it logs nowhere, so that neither disk nor syslog is measured. TLS at level `secure`; DNS is
not asked. Since it is in a network of its own, it opens the socket that the sink is to listen on and hands it out.

python -m bench.postfix FD (a Unix socket that takes the listening one)
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import child
from bench.child import Child
from bench.measure import Contender, Pace, Sample
from bench.outside import MANY, MX, SINGLE
from tools import debian

namespace = importlib.import_module("tests.real.support.namespace")
"""Imported so, for the type checker follows other imports, and tests are not its business."""
PORT = 2525
"""Of the sink."""
AT_ONCE = 20
MESSAGES = {False: 500, True: 1500}
"""In the queue, by whether connections are used again, where a run is a second long."""
OCTETS = 2000
PATIENCE = 60.0
CONFIG = Path("/etc/postfix")


class Postfix:
    """The contender, from outside of its namespace."""

    def __init__(self, stack: ExitStack) -> None:
        here, there = socket.socketpair()
        with here, there:
            arguments = (str(there.fileno()),)
            self._child = stack.enter_context(
                Child("bench.postfix", *arguments, under=namespace.UNSHARE, fds=[there.fileno()])
            )
            _, (self.listener,), _, _ = socket.recv_fds(here, 1, 1)

    def start(self, facts: dict[str, Any]) -> None:
        self._child.ask({"start": facts["ca"]})

    def sends(self, outside: Child, pace: Pace, reuse: bool) -> Contender:
        """All of a queue, timed by the sink: from the first connection to the last message."""
        number = max(AT_ONCE, int(MESSAGES[reuse] * pace.seconds))

        def run() -> Sample:
            self._child.ask({"load": [MANY if reuse else SINGLE, number]})
            outside.ask("reset")
            before = self._child.ask("cpu")["cpu"]
            self._child.ask("release")
            end = time.monotonic() + PATIENCE
            while (seen := outside.ask("stat"))["messages"] < number:
                if time.monotonic() > end:
                    raise RuntimeError(f"Postfix delivered {seen['messages']} of {number} messages")
                time.sleep(0.02)
            cpu = self._child.ask("cpu")["cpu"] - before
            return Sample(number / seen["seconds"], cpu / number)

        return Contender("Postfix", run)


def lacking() -> str | None:
    """What keeps Postfix from being here; None where nothing does."""
    if "postfix" in debian.missing():
        return "needs: postfix (`python -m tools.debian` fetches it, and installs nothing)"
    if os.geteuid() != 0:
        return "needs: root, to run postfix in a namespace of its own"
    refused = namespace.probe()
    return f"needs: namespaces, to run postfix in ({refused})" if refused else None


def main(give: int) -> None:
    namespace.enter(debian.tree())
    listener = socket.create_server(("127.0.0.1", PORT), backlog=1024)
    with socket.socket(fileno=give) as sock:
        socket.send_fds(sock, [b"s"], [listener.fileno()])
    listener.close()
    master: subprocess.Popen[bytes] | None = None
    for line in sys.stdin:
        match json.loads(line):
            case {"start": ca}:
                master = _start(ca)
            case {"load": [domain, number]}:
                _load(domain, number)
            case "release":
                _run("postsuper", "-H", "ALL")
                _run("postqueue", "-f")
            case _:
                pass
        child.say({"cpu": _cpu()})
    if master is not None:
        master.send_signal(signal.SIGTERM)
        master.wait(10)


def _start(ca: str) -> subprocess.Popen[bytes]:
    hop = f"[127.0.0.1]:{PORT}"
    settings = {
        "compatibility_level": "3.6",
        "maillog_file": "",
        "myhostname": "sender.bench.test",
        "mydestination": "",
        "alias_maps": "",
        "inet_protocols": "ipv4",
        "transport_maps": f"inline:{{ {{{SINGLE}=single:{hop}}} {{{MANY}=many:{hop}}} }}",
        "smtpd_recipient_restrictions": "check_client_access static:HOLD, permit_mynetworks, reject",
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": MX,
        "smtp_tls_CAfile": ca,
        "smtp_connection_reuse_count_limit": "100",
        "smtp_connection_cache_destinations": hop,
        "default_destination_concurrency_limit": str(AT_ONCE),
        "initial_destination_concurrency": str(AT_ONCE),
    }
    (CONFIG / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (CONFIG / "master.cf").write_text(
        "127.0.0.1:25 inet n - n - - smtpd\n"
        f"single unix - - n - {AT_ONCE} smtp -o smtp_connection_cache_destinations=\n"
        "  -o smtp_connection_cache_on_demand=no\n"
        f"many unix - - n - {AT_ONCE} smtp -o smtp_tls_connection_reuse=yes\n"
        "tlsproxy unix - - n - 0 tlsproxy\n"
        "scache unix - - n - 1 scache\n"
        "pickup unix n - n 60 1 pickup\n"
        "cleanup unix n - n - 0 cleanup\n"
        "qmgr unix n - n 300 1 qmgr\n"
        "tlsmgr unix - - n 1000? 1 tlsmgr\n"
        "rewrite unix - - n - - trivial-rewrite\n"
        "bounce unix - - n - 0 bounce\n"
        "defer unix - - n - 0 bounce\n"
        "trace unix - - n - 0 bounce\n"
        "proxymap unix - - n - - proxymap\n"
        "error unix - - n - - error\n"
        "retry unix - - n - - error\n"
        "anvil unix - - n - 1 anvil\n"
    )
    (CONFIG / "dynamicmaps.cf").write_text("")
    _run("postfix", "check")
    shutil.chown("/var/lib/postfix", "postfix")
    master = subprocess.Popen(
        ["/usr/lib/postfix/sbin/master", "-d", "-c", str(CONFIG)],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 25)) == 0:
                return master
        time.sleep(0.05)
    raise RuntimeError("Postfix does not come up")


def _load(domain: str, number: int) -> None:
    """So many messages on hold."""
    options = ("-s", "10", "-m", str(number), "-l", str(OCTETS), "-f", "sender@sender.bench.test")
    _run("smtp-source", *options, "-t", f"someone@{domain}", "127.0.0.1:25")


def _run(name: str, *args: str) -> None:
    done = subprocess.run([f"/usr/sbin/{name}", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip() or done.stdout.strip()}")


def _cpu() -> float:
    """Seconds of CPU of all processes in the namespace but this one, with those that have ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        if path.parent.name == str(os.getpid()):
            continue
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    child.pin(child.CLIENTS)
    main(int(sys.argv[1]))
