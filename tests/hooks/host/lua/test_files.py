"""Which files a script can name."""

from pathlib import Path

import pytest

from tlswitness.hooks.host.lua import ScriptError, files
from tlswitness.hooks.host.lua.files import ScriptFiles, Unreadable


@pytest.fixture
def found(tmp_path):
    home = tmp_path / "scripts"
    home.mkdir()
    (home / "main.lua").write_bytes(b"return 1")
    return ScriptFiles(home / "main.lua")


def test_modules_lie_beside_the_script(found):
    home = found.script.parent
    (home / "deep" / "pack").mkdir(parents=True)
    (home / "own.lua").write_text("-- own")
    (home / "deep" / "one.lua").write_text("-- one")
    (home / "deep" / "pack" / "init.lua").write_text("-- pack")
    assert found.main() == b"return 1"
    assert found.module("own") == (b"-- own", "own.lua")
    assert found.module("deep.one") == (b"-- one", "deep/one.lua")
    assert found.module("deep/pack") == (b"-- pack", "deep/pack/init.lua")


@pytest.mark.parametrize(
    "name", ["../secret", "..secret", "/etc/passwd", "a//b", "", ".", "x\0", "secret.lua/", "a b", "~", "x\n", "é"]
)
def test_names_lead_nowhere_else(found, name):
    (found.script.parent.parent / "secret.lua").write_text("-- secret")
    assert isinstance(found.module(name), Unreadable)


def test_links_out_of_the_directory_are_refused(found):
    outside = found.script.parent.parent / "secret.lua"
    outside.write_text("-- secret")
    (found.script.parent / "link.lua").symlink_to(outside)
    (found.script.parent / "folder").symlink_to(outside.parent)
    for name in ("link", "folder.secret"):
        assert found.module(name) == Unreadable(f"module '{name}' is a link out of the script's directory")


def test_a_script_may_itself_be_a_link(found, tmp_path):
    link = tmp_path / "link.lua"
    link.symlink_to(found.script)
    assert ScriptFiles(link).main() == b"return 1"


def test_what_cannot_be_read_is_named(found, tmp_path, monkeypatch):
    assert ScriptFiles(tmp_path).main() == Unreadable("it is a directory")
    assert ScriptFiles(tmp_path / "no").main() == Unreadable("there is no such file")
    assert isinstance(ScriptFiles(tmp_path / "x\0").main(), Unreadable)
    monkeypatch.setattr(files, "MAX_SCRIPT", 4)
    assert found.main() == Unreadable("it is longer than 4 octets")
    (found.script.parent / "own.lua").write_text("-- own")
    assert found.module("own") == Unreadable("module 'own': it is longer than 4 octets")


def test_a_file_of_others_is_named(found, monkeypatch):
    def denied(self, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert found.main() == Unreadable("it cannot be read: Permission denied")


def test_modules_are_run_once_and_have_their_lines(hook, tmp_path):
    (tmp_path / "own.lua").write_text("print('loaded', ...) local M = {}\nfunction M.f() error('no') end return M")
    (tmp_path / "old.lua").write_text("module(..., package.seeall)\nfunction double(n) return tonumber(n) * 2 end")
    (tmp_path / "loop.lua").write_text("require('loop')")
    (tmp_path / "bad.lua").write_text("\n\nx = = 1")
    script = hook(
        "print(require('own') == own, require('old').double(2), old.double('3')) "
        "for _, name in ipairs({'loop', 'bad', 'none'}) do print(select(2, pcall(require, name))) end own.f()",
        "own = require('own')",
    )
    with pytest.raises(ScriptError, match=r"^own.lua:2: no$"):
        script()
    assert script.printed[:3] == ["loaded  own", "true  4  6", "loop.lua:1: module 'loop' requires itself"]
    assert script.printed[3].startswith("bad.lua:3: unexpected symbol")
    assert script.printed[4].startswith("module 'none' not found: there is no none.lua beside the script")
