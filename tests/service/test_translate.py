import msgspec
import pytest

from tlswitness.config import HookKind, HookStart, daemon, hook, parse_config
from tlswitness.datapoint import Members, Sessions, View
from tlswitness.hooks.host.lua.runtime import ALLOWED
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec, Start
from tlswitness.journal.settings import Fsync
from tlswitness.service.translate import hooks_directory, module_specs

TEXT = """
state_dir = "/s"
[[hook]]
python = "notify.mail"
config = "to = 1"
[[hook]]
lua = "/h/x.lua"
name = "seed"
start = "beginning"
allow = ["io", "os"]
output = "/log/seed"
microseconds = true
budget = 0.1
deadline = 5
memory = 128
nice = 3
sessions = "all"
[[hook]]
c = "/h/y.so"
config = "abc"
[[hook]]
webhook = "https://x.example/"
batch = 7
headers = { Authorization = "Bearer x" }
[[hook]]
jsonl = "/log/points.jsonl"
"""


def test_modules():
    specs = module_specs(parse_config(TEXT, files=False))
    full, seed = View(), View(Members.SEED, Sessions.POLICY)
    assert specs == (
        ModuleSpec(
            name="notify.mail",
            kind=Kind.PYTHON,
            target="notify.mail",
            view=full,
            config="to = 1",
            output="/s/hooks/notify.mail/paniclog",
        ),
        ModuleSpec(
            name="seed",
            kind=Kind.LUA,
            target="/h/x.lua",
            view=View(Members.SEED, Sessions.ALL),
            start=Start.BEGINNING,
            allow=("io", "os"),
            output="/log/seed",
            microseconds=True,
            limits=ModuleLimits(budget=0.1, deadline=5, memory=128, nice=3),
        ),
        ModuleSpec(name="y", kind=Kind.C, target="/h/y.so", view=seed, config="abc", output="/s/hooks/y/paniclog"),
        ModuleSpec(
            name="x.example",
            kind=Kind.WEBHOOK,
            target="https://x.example/",
            view=full,
            batch=7,
            headers=(("Authorization", "Bearer x"),),
        ),
        ModuleSpec(name="points", kind=Kind.JSONL, target="/log/points.jsonl", view=full),
    )
    assert msgspec.json.decode(msgspec.json.encode(specs), type=tuple[ModuleSpec, ...]) == specs
    assert "Bearer" not in repr(specs)


def test_defaults_are_those_of_the_rooms():
    config = parse_config("[[hook]]\npython = 'a'")
    assert hooks_directory(config) == config.state_dir / "hooks"
    [spec] = module_specs(config)
    assert spec == ModuleSpec(name="a", kind=Kind.PYTHON, target="a", view=View(), output=spec.output)


@pytest.mark.parametrize(
    ("configured", "known"),
    [
        (HookKind, Kind),
        (HookStart, Start),
        (hook.Members, Members),
        (hook.Sessions, Sessions),
        (hook.LuaAllow, ALLOWED),
        (daemon.Fsync, Fsync),
    ],
)
def test_words_are_those_of_the_rooms(configured, known):
    """The configuration has words of its own: it knows no other room."""
    assert set(configured) == set(known)
