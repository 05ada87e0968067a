"""The ratios as a page of the documentation. Ratios alone: what a machine does in a second says little of another."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tools.page import ROOT, cell, settle

from bench.measure import Comparison, Ratio
from tools import debian

PAGE = ROOT / "docs" / "performance.md"
PACKAGES = ("aiosmtplib", "uvloop", "pyOpenSSL", "cryptography", "dnspython")
UNSTEADY = 1 / 3
HEAD = """\
# Performance

Written by `make bench ARGS=--write`. Each line is one run of ours beside its peer: they take turns, the medians are
divided. Who sends has one core, and so has the one sink that takes everything. What is *ours* has done all checks:
MTA-STS in mode enforce and DANE by a secure TLSA record, the verdict on both, the data points, a hook. The others
verify the path of the certificate. The sink offers PIPELINING and CHUNKING: ours uses both, Postfix the first, the
other two neither; and where connections are used again, five deliveries of ours wait for each. A ratio of rates is
better when it is higher, one of CPU, time or memory when it is lower; a line is unsteady where the runs of one
contender were more than a third apart, and its CPU says more.
"""


def write(found: Mapping[str, Sequence[Comparison]]) -> None:
    """All that was measured, in place of what the page said."""
    lines = [HEAD, f"Measured with {_facts()}.", ""]
    lines += [
        "| bench | what | ours | beside | ratio | of the CPU | target |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [row for name, made in found.items() for comparison in made for row in _rows(name, comparison)]
    notes = [f"- {made.what}: {note}" for all_made in found.values() for made in all_made for note in made.notes]
    lines += ["", *notes] if notes else []
    settle(PAGE, "\n".join(lines) + "\n", check=False, remedy="make bench ARGS=--write")


def target_words(ratio: Ratio) -> str:
    """What it should be, and whether it is."""
    if ratio.target is None:
        return ""
    return f" (target: {ratio.target}, {'met' if ratio.target.met(ratio.value) else 'missed'})"


def _rows(name: str, made: Comparison) -> Iterator[str]:
    for ratio in made.ratios:
        cpu = f"{ratio.cpu:.2f}" if ratio.cpu else ""
        what = f"{made.what} ({made.unit})"
        target = target_words(ratio).removeprefix(" (target: ").removesuffix(")")
        spread = max(figure.spread for figure in made.figures if figure.name in (ratio.of, ratio.to))
        target = f"{target}{'; ' if target else ''}unsteady" if spread > UNSTEADY else target
        cells = (name, what, ratio.of, ratio.to, f"{ratio.value:.3g}", cpu, target)
        yield f"| {' | '.join(map(cell, cells))} |"


def _facts() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    words = [f"{cores} cores", f"{platform.system()} {platform.machine()}", f"Python {platform.python_version()}"]
    words.append(" ".join(ssl.OPENSSL_VERSION.split()[:2]))
    words += [f"{name} {known}" for name in PACKAGES if (known := _version(name))]
    if postfix := _postfix():
        words.append(f"Postfix {postfix}")
    return ", ".join(words)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _postfix() -> str | None:
    tree: Path = debian.tree()
    if "postfix" in debian.missing():
        return None
    command = [str(tree / "usr/sbin/postconf"), "-d", "-h", "mail_version"]
    libraries = os.environ | {"LD_LIBRARY_PATH": str(tree / "usr/lib/postfix")}
    done = subprocess.run(command, env=libraries, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "of Debian"
