from pathlib import Path

import pytest

from tlswitness.config import Config, HookConfig, HookKind, Members, Sessions, parse_config
from tlswitness.config.hook import FITS
from tlswitness.config.option import members
from tlswitness.config.show import to_toml

BASE = Path("/etc/x/tlswitness.toml")


def hook(text):
    [found] = parse_config(f"[[hook]]\n{text}", file=BASE, files=False).hook
    return found


@pytest.mark.parametrize(
    ("text", "kind", "name", "target"),
    [
        ('python = "a.b"', HookKind.PYTHON, "a.b", "a.b"),
        ('python = "d/x.py"', HookKind.PYTHON, "x", "/etc/x/d/x.py"),
        ('lua = "/x/tls rpt.lua"', HookKind.LUA, "tls-rpt", "/x/tls rpt.lua"),
        ('c = "libhook.so"', HookKind.C, "libhook", "/etc/x/libhook.so"),
        ('paniclog = "/var/log/paniclog"', HookKind.PANICLOG, "paniclog", "/var/log/paniclog"),
        ('jsonl = "points.jsonl"\nname = "all"', HookKind.JSONL, "all", "/etc/x/points.jsonl"),
        ('webhook = "https://h.example:8/x?y"', HookKind.WEBHOOK, "h.example", "https://h.example:8/x?y"),
        ('webhook = "http://[::1]/"', HookKind.WEBHOOK, "1", "http://[::1]/"),
        (f'lua = "{"x" * 99}.lua"', HookKind.LUA, "x" * 64, f"/etc/x/{'x' * 99}.lua"),
    ],
)
def test_kind_name_and_target(text, kind, name, target):
    found = hook(text)
    assert (found.kind, found.name, found.target) == (kind, name, target)
    assert found.kinds == (kind,)
    assert (found.file is None) == ("://" in target or target == "a.b")


@pytest.mark.parametrize(
    ("kind", "sees"),
    [
        ("python", (Members.FULL, Sessions.ALL)),
        ("lua", (Members.SEED, Sessions.POLICY)),
        ("c", (Members.SEED, Sessions.POLICY)),
        ("paniclog", (Members.SEED, Sessions.POLICY)),
        ("jsonl", (Members.FULL, Sessions.ALL)),
        ("webhook", (Members.FULL, Sessions.ALL)),
    ],
)
def test_what_a_module_sees_hangs_on_its_kind_unless_it_is_said(kind, sees):
    target = "http://x/" if kind == "webhook" else "x/y"
    found = hook(f'{kind} = "{target}"')
    assert (found.members, found.sessions) == sees
    other = hook(f'{kind} = "{target}"\nmembers = "full"\nsessions = "policy"')
    assert (other.members, other.sessions) == (Members.FULL, Sessions.POLICY)


def test_all_options_survive_being_shown():
    text = """
    [[hook]]
    lua = "/a/x.lua"
    members = "full"
    start = "beginning"
    allow = ["io", "debug"]
    output = "/a/log"
    microseconds = true
    budget = 0.5
    deadline = 3
    memory = 128
    nice = 0
    [[hook]]
    webhook = "http://w/"
    batch = 3
    headers = { Authorization = 'Bearer "x"', "X-A" = "b" }
    [[hook]]
    c = "/a/y.so"
    config = "a\\nb"
    [[hook]]
    python = "/a/z.py"
    config = "to whom"
    """
    config = parse_config(text, file=BASE, files=False)
    assert parse_config(to_toml(config), file=BASE, files=False) == config
    assert config.hook[1].headers == (("Authorization", 'Bearer "x"'), ("X-A", "b"))
    assert config.hook[2].config == "a\nb"
    assert config.hook[3].config == "to whom"
    assert "sessions" not in to_toml(config)


def test_a_hook_made_in_a_program():
    assert Config(hook=(HookConfig(lua="x.lua"),)).hook[0].members is Members.SEED
    assert HookConfig(lua="x.lua").at(Path("/y.lua")).target == "/y.lua"


def test_what_fits_whom_names_options_that_there_are():
    assert set(FITS) < set(members(HookConfig))


@pytest.mark.parametrize("line", ['python = "a.py"', 'c = "a.so"'])
def test_text_for_its_init_is_for_kinds_that_have_one(line):
    assert hook(f'{line}\nconfig = "key = 1"').config == "key = 1"
