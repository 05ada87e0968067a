"""A private view of the machine: network, mounts and processes of its own, Debian's servers as if they were installed.

The unpacked packages are laid over /usr, /etc and /var; what is written there lands in memory and is gone with the last
process. Ports 25, 53 and 443 are real, and nothing outside can be reached. Needs root.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import struct
import subprocess
from pathlib import Path

UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Runs a command so; with the command, everything that it started ends."""
LAID_OVER = ("usr", "etc", "var")
IPV6 = ("fd00::25:1", "fd00::25:2", "fd00::443:1")
"""Addresses of the loopback interface besides ::1."""
IPV4 = "127.0.0.2"
"""Those of 127.0.0.0/8 are all there, but named listens only on what an interface is said to have."""
USERS = {"postfix": 8101, "Debian-exim": 8102, "mailbox": 8104}
GROUPS = {"postfix": 8101, "Debian-exim": 8102, "postdrop": 8103, "mailbox": 8104}

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR = 0x8913, 0x8914, 0x8916  # linux/sockios.h
_IFF_UP = 1


def probe() -> str | None:
    """Why no such view can be had here; None where it can."""
    if shutil.which(UNSHARE[0]) is None:
        return "there is no unshare here"
    done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()


def enter(tree: Path) -> None:
    """Within `UNSHARE`: bring up the network, lay the packages over the machine. Raises OSError where that fails."""
    _network()
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    for name in LAID_OVER:
        upper, work = Path("/run/over", name, "upper"), Path("/run/over", name, "work")
        upper.mkdir(parents=True)
        work.mkdir()
        options = f"lowerdir={tree / name}:/{name},upperdir={upper},workdir={work}"
        _mount("-t", "overlay", "-o", options, "overlay", f"/{name}")
    _names()


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"mount {' '.join(words)} failed")


def _names() -> None:
    for path in (Path("/etc/resolv.conf"), Path("/etc/hosts")):
        path.unlink(missing_ok=True)  # it may be a link to somewhere else
    Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    _append("/etc/passwd", {name: f"{name}:x:{number}:{number}::/:/bin/false" for name, number in USERS.items()})
    _append("/etc/group", {name: f"{name}:x:{number}:" for name, number in GROUPS.items()})


def _append(path: str, lines: dict[str, str]) -> None:
    text = Path(path).read_text()
    known = {line.partition(":")[0] for line in text.splitlines()}
    Path(path).write_text(text + "".join(f"{line}\n" for name, line in lines.items() if name not in known))


def _network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH22x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
        address = struct.pack("=16sHH4s16x", b"lo:named", socket.AF_INET, 0, socket.inet_aton(IPV4))
        fcntl.ioctl(control, _SIOCSIFADDR, address)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        index = socket.if_nametoindex("lo")
        for address in IPV6:
            packed = socket.inet_pton(socket.AF_INET6, address)
            fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("=16sIi", packed, 128, index))
