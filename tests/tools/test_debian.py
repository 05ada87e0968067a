import os
import subprocess
from pathlib import Path

import pytest

from tools import debian


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLSWITNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path / "cache"


def complete():
    for name in debian.BINARIES:
        path = debian.tree() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def tools(monkeypatch, directory: Path, **scripts: str):
    """Debian's tools as shell scripts, alone on the path but for the system's own."""
    directory.mkdir()
    for name, script in scripts.items():
        path = directory / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def test_the_cache(cache, monkeypatch):
    assert debian.tree().parent == cache
    monkeypatch.delenv("TLSWITNESS_CACHE")
    monkeypatch.setenv("HOME", "/home/me")
    assert debian.cache() == Path("/home/me/.cache/tlswitness/debian")


def test_a_tree_that_is_there_is_not_fetched(monkeypatch, capsys):
    assert "postfix" in debian.missing()
    complete()
    assert debian.missing() == ()
    monkeypatch.setenv("PATH", "")
    assert debian.main() == 0
    assert str(debian.tree()) in capsys.readouterr().out


def test_no_debian(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert debian.main() == 1
    assert "there is no apt-get here" in capsys.readouterr().err


def test_packages_that_cannot_be_had(monkeypatch, tmp_path, capsys, cache):
    tools(monkeypatch, tmp_path / "bin", apt_get="echo 'E: no such package' >&2; exit 100", dpkg_deb="exit 1")
    assert debian.main() == 1
    assert "E: no such package; as root the package lists" in capsys.readouterr().err
    assert list(cache.iterdir()) == []


def test_root_brings_the_lists_up_to_date_first(monkeypatch, tmp_path, capsys):
    tools(monkeypatch, tmp_path / "bin", apt_get=f'echo "$@" >> {tmp_path}/asked; exit 100', dpkg_deb="exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert debian.main() == 1
    assert (tmp_path / "asked").read_text().splitlines()[-1] == "-q update"


def test_fetching(monkeypatch, tmp_path, capsys):
    """With the packages that an installation would bring along; what only one archive of a set has is enough."""
    simulated = 'echo "Inst libdep (1.0)"; echo "Conf libdep (1.0)"'
    downloaded = f'echo "$@" >> {tmp_path}/asked; touch "$(pwd)/all.deb"'
    touched = " ".join(f'"$3/{name}"' for name in debian.BINARIES)
    folders = " ".join(f'"$3/{name}"' for name in ("lib", "usr/lib", "usr/sbin", "usr/bin", "usr/include/json-c"))
    unpacked = f'mkdir -p {folders}; touch "$3/lib/libdep.so" {touched}'
    tools(
        monkeypatch,
        tmp_path / "bin",
        apt_get=f'case "$*" in *install*) {simulated};; *download*) {downloaded};; esac',
        dpkg_deb=unpacked,
    )
    assert debian.main() == 0, capsys.readouterr().err
    assert debian.missing() == ()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[-1].endswith("download libdep postfix")
    assert len(asked) == len(debian.SETS)
    if Path("/lib").is_symlink():
        assert (debian.tree() / "usr/lib/libdep.so").exists()
    assert [path.name for path in debian.cache().iterdir()] == [debian.tree().name]


def test_a_tool_that_hangs(monkeypatch, capsys):
    def hang(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(subprocess, "run", hang)
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert debian.main() == 1
    assert "took longer than" in capsys.readouterr().err
