"""The unit of contrib/systemd, as far as systemd's own tool can tell without running it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parent.parent / "contrib/systemd/tlswitness.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs: systemd-analyze")
def test_it_is_right(tmp_path):
    text = UNIT.read_text()
    assert text.count("ExecStart=/usr/local/bin/tlswitness serve") == 1
    (tmp_path / UNIT.name).write_text(
        text.replace("ExecStart=/usr/local/bin/tlswitness", f"ExecStart={sys.executable}")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT.name], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_keeps_modules_from_running():
    """LuaJIT and ctypes make code, webhooks connect."""
    set_here = {line.partition("=")[0] for line in UNIT.read_text().splitlines() if not line.startswith("#")}
    assert not set_here & {"MemoryDenyWriteExecute", "PrivateNetwork", "IPAddressDeny", "PrivateUsers"}
    assert {"Type", "WatchdogSec", "ExecReload", "NoNewPrivileges"} <= set_here
