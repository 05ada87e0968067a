"""Debian's mail, DNS and web servers and json-c's headers, unpacked into a cache for the tests. Nothing is installed,
nothing is configured.

python -m tools.debian

The cache is `$TLSWITNESS_CACHE`, else `~/.cache/tlswitness/debian`. In it one tree for each release and architecture,
as the packages would lie under `/`, with those of their dependencies that this machine lacks. The tests lay it over a
private view of the machine.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

SETS = (
    ("libjson-c-dev",),
    ("exim4-daemon-light",),
    ("unbound",),
    ("bind9", "bind9-utils"),
    ("nginx",),
    ("postfix",),
)
"""Packages, those together that can be installed together; of files that two have, the last one's stays."""
BINARIES = (
    "usr/sbin/postfix",
    "usr/sbin/exim4",
    "usr/sbin/unbound",
    "usr/sbin/named",
    "usr/sbin/nginx",
    "usr/bin/dnssec-signzone",
    "usr/include/json-c/json.h",
)
"""What the tests call or compile with: a tree without one of them is not complete."""
MERGED = ("bin", "sbin", "lib", "lib64")
"""Links into /usr on a machine of today; packages may bring files by the old way."""
SECONDS = 300
"""For one call of a Debian tool."""


class FetchError(Exception):
    """The packages could not be had; the text says why, and what helps."""


def cache() -> Path:
    """Where trees are kept."""
    given = os.environ.get("TLSWITNESS_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "tlswitness" / "debian"


def tree() -> Path:
    """Where the tree for this machine is, or will be."""
    names = " ".join(name for names in SETS for name in names)
    mark = hashlib.sha256(names.encode()).hexdigest()[:8]
    return cache() / f"{_release()}-{platform.machine()}-{mark}"


def missing() -> tuple[str, ...]:
    """The binaries that the tree lacks; empty when it is complete."""
    return tuple(Path(name).name for name in BINARIES if not (tree() / name).exists())


def fetch() -> Path:
    """Make the tree, unless it is there."""
    target = tree()
    if not missing():
        return target
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FetchError(f"there is no {tool} here: the servers can only be fetched on Debian and its kin")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=target.parent) as work:
        part = Path(work)
        try:
            archives = _download(part / "archives")
        except FetchError:
            if os.geteuid() != 0:
                raise
            _run("apt-get", "-q", "update")  # no package lists, or old ones
            archives = _download(part / "archives")
        _unpack(archives, part / "tree")
        shutil.rmtree(target, ignore_errors=True)
        (part / "tree").rename(target)
    if missing():
        raise FetchError(f"the packages lack {', '.join(missing())}")
    return target


def _download(directory: Path) -> list[Path]:
    """The archives, in the order in which they are to be unpacked."""
    shutil.rmtree(directory, ignore_errors=True)
    found: list[Path] = []
    for number, names in enumerate(SETS):
        place = directory / str(number)
        place.mkdir(parents=True)
        _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *_closure(names), cwd=place)
        found += sorted(place.glob("*.deb"))
    return found


def _closure(names: Sequence[str]) -> list[str]:
    """The packages that an installation of `names` would bring to this machine, and `names` in any case."""
    plan = _run("apt-get", "-s", "-q", "install", "--no-install-recommends", *names)
    planned = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    return sorted({*names, *planned})


def _unpack(archives: Iterable[Path], target: Path) -> None:
    for archive in archives:
        _run("dpkg-deb", "-x", str(archive), str(target))
    for name in MERGED:
        old = target / name
        if old.is_dir() and Path("/", name).is_symlink():
            _run("cp", "-a", "--remove-destination", f"{old}/.", f"{target}/usr/{name}")
            shutil.rmtree(old)


def _run(*command: str, cwd: Path | None = None) -> str:
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{' '.join(command[:3])} took longer than {SECONDS} seconds") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        hint = "" if os.geteuid() == 0 else "; as root the package lists would be brought up to date first"
        raise FetchError(f"{' '.join(command)} failed: {words[-1] if words else done.returncode}{hint}")
    return done.stdout


def _release() -> str:
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return "unknown"
    return f"{facts.get('ID', 'unknown')}-{facts.get('VERSION_ID', 'rolling')}"


def main() -> int:
    """Fetch, and say where to."""
    try:
        print(f"servers for the tests: {fetch()}")
    except FetchError as error:
        print(f"tools.debian: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
