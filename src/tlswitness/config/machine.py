"""Defaults that are found out from the machine: its name, its directories, its configuration file.

Separate because everything else of the configuration is the same on every machine.
"""

from __future__ import annotations

import functools
import os
import resource
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from tlswitness.config.place import address_literal
from tlswitness.names import HostName, parse_host

CONFIG_VARIABLE = "TLSWITNESS_CONFIG"
SYSTEM_CONFIG = Path("/etc/tlswitness.toml")
SYSTEM_STATE = Path("/var/lib/tlswitness")
MAX_DESTINATIONS = 1_000
"""At the same time, where the machine would allow more: they share the lookups and fetches that may be under way."""
MAX_CONNECTIONS = 10_000
"""Likewise: each takes memory as well, most of it for TLS."""

_NOT_FOR_MAIL = ("localhost", "localdomain", "local", "internal")


def config_file(environ: Mapping[str, str] | None = None, system: Path = SYSTEM_CONFIG) -> Path | None:
    """The configuration file where none is named: that of the environment, else the system's if there is one."""
    named = (os.environ if environ is None else environ).get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return system if system.exists() else None


def state_dir(environ: Mapping[str, str] | None = None, uid: int | None = None) -> Path:
    """Where state lives: the system's directory for root, that of the XDG base directories for others."""
    env = os.environ if environ is None else environ
    if (os.geteuid() if uid is None else uid) == 0:
        return SYSTEM_STATE
    xdg, home = Path(env.get("XDG_STATE_HOME", "")), Path(env.get("HOME", ""))
    if xdg.is_absolute():
        return xdg / "tlswitness"
    return home / ".local/state/tlswitness" if home.is_absolute() else SYSTEM_STATE


@functools.cache
def ehlo_name() -> str:
    """The machine's full name if it has a valid one, else its address as a literal (RFC 5321 section 4.1.4)."""
    for name in _names_of_machine():
        valid = valid_mail_name(name)
        if valid is not None:
            return valid
    return address_literal(_own_address())


def destinations_at_once() -> int:
    """Each has a few DNS lookups or a policy fetch under way before it has a connection."""
    return max(1, min(_files() // 10, MAX_DESTINATIONS))


def connections_at_once() -> int:
    """What lookups, fetches, hooks and the program around the engine need besides is left to them."""
    return max(1, min(_files() // 4, MAX_CONNECTIONS))


def valid_mail_name(name: str) -> str | None:
    """`name` if the world may be greeted with it: a host name with a domain that is not a placeholder."""
    match parse_host(name):
        case HostName(text=text, key=key) if "." in key and key.rpartition(".")[2] not in _NOT_FOR_MAIL:
            return text
    return None


def _files() -> int:
    """File descriptors that this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _names_of_machine() -> tuple[str, ...]:
    name = socket.gethostname()
    # A name with a dot needs no lookup, which could take its time where DNS is broken.
    return (name,) if "." in name else (name, socket.getfqdn(name))


def _own_address() -> str:
    """The address that packets to the world leave from. Connecting a UDP socket sends nothing."""
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((somewhere, 25))
                return str(sock.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"
