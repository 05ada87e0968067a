"""What loads, what does not, and in which words; the seed's script among it."""

from pathlib import Path

import pytest

from tlswitness.datapoint import SEED_VIEW, DataPoint, Finding, Policy, PolicyType, decode
from tlswitness.hooks import HookLoadFailed
from tlswitness.hooks.host.lua import load
from tlswitness.hooks.spec import Kind, ModuleSpec

DATA = Path(__file__).parents[3] / "data"
EXAMPLES = Path(__file__).parents[4] / "examples" / "lua"
SEED = (DATA / "momentum_smtp_tls_reporting.txt").read_text(encoding="utf-8")
PANICLOG = (DATA / "momentum_paniclog.txt").read_text(encoding="utf-8").splitlines()
MISMATCH = "4.7.5 [internal] SSL certificate subject does not match host"
NO_METHODS = "no usable methods found for module m in registerModule call: "
USABLE = 'local m = {} function m:core_smtp_tls_reporting() end msys.registerModule("usable", m)\n'


def seeds_script() -> str:
    """The script of the manual page, as it stands there."""
    _, _, behind = SEED.partition("Example: a Lua implementation of the hook to log the JSON into the paniclog\n")
    script, _, _ = behind.partition("Example of the paniclog output")
    return script


def seeds_points() -> list[tuple[int, Finding]]:
    """The two points of its log, in the JSON of the log."""
    texts = [line.partition("tls report:   ")[2] for line in PANICLOG[::2]]
    points = [decode(text) for text in texts]
    return [(point.epoch, Finding(point)) for point in points]


def test_the_log_is_that_of_the_page():
    assert "\n".join(PANICLOG) in SEED
    assert len(PANICLOG) == 4


@pytest.mark.parametrize("name", ["the seed's", "tlsrpt.lua"])
def test_the_seeds_script_writes_the_seeds_log(tmp_path, name):
    script = tmp_path / "tlsrpt.lua"
    script.write_text(seeds_script() if name == "the seed's" else (EXAMPLES / name).read_text(encoding="utf-8"))
    printed = []
    callee = load(ModuleSpec(name="tlsrpt", kind=Kind.LUA, target=str(script), view=SEED_VIEW), printed.append)
    lines = []
    for epoch, finding in seeds_points():
        printed.clear()
        assert callee.call(epoch, finding) is None
        lines += [f"{epoch}:scriptlet: {text}" for text in printed]
    assert lines == PANICLOG


def test_the_example_that_keeps_failures_prints_failures_only():
    printed = []
    script = EXAMPLES / "failures.lua"
    callee = load(ModuleSpec(name="f", kind=Kind.LUA, target=str(script), view=SEED_VIEW), printed.append)
    (success_epoch, success), (failure_epoch, failure) = seeds_points()
    callee.call(success_epoch, success)
    for later in range(3):
        callee.call(failure_epoch + later, failure)
    callee.call(failure_epoch + 9, well_again())
    callee.close()
    assert printed == [
        "certificate-host-mismatch at mismatch.cert.com (test.BIRD.com): " + MISMATCH,
        "well again: mismatch.cert.com",
        "failures seen: 3",
    ]


def well_again() -> Finding:
    policy = Policy(policy_type=PolicyType.STS, policy_domain="mismatch.cert.com")
    return Finding(DataPoint(epoch=0, type=1, policy=policy))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("local x = = 1", "syntax error: tlsrpt.lua:1: unexpected symbol near '='"),
        ("\n\nfunction x()", "syntax error: tlsrpt.lua:3: 'end' expected near '<eof>'"),
        ("local x\nx.y = 1", "tlsrpt.lua:2: attempt to index local 'x' (a nil value)"),
        ("-- nothing", "it registers no module; it must call msys.registerModule(name, module)"),
        (
            'msys.registerModule("m", {})',
            NO_METHODS + "it has no functions",
        ),
        (
            'msys.registerModule("m", {validate_ehlo = print, core_smtp_tls_report = print})',
            NO_METHODS + "it has core_smtp_tls_report, validate_ehlo; called here are core_smtp_tls_reporting, init",
        ),
        ('msys.registerModule("m", {init = function() return true end})', "no usable methods found for module m"),
        ('msys.registerModule("m", {core_smtp_tls_reporting = 1})', "no usable methods found for module m"),
        (USABLE + 'msys.registerModule("other", {})', "no usable methods found for module other"),
        ("msys.registerModule(1, {})", "tlsrpt.lua:1: registerModule takes a name, not a number"),
        ('msys.registerModule("m")', "tlsrpt.lua:1: registerModule takes a table of functions, not a nil"),
        ('require("msys.validate.dkim2")', "of Momentum's modules there are msys.core and json"),
        ("while true do end", "tlsrpt.lua:1: a call took more than 200000 instructions"),
        ("\x1bLua", "syntax error: bytecode is not loaded"),
        ("error({})", "an error without a message"),
    ],
)
def test_what_does_not_load_says_why(failing, code, words):
    assert words in failing(code, max_instructions=200_000)


def test_a_file_that_is_not_there_is_named(tmp_path):
    spec = ModuleSpec(name="t", kind=Kind.LUA, target=str(tmp_path / "no.lua"), view=SEED_VIEW)
    assert load(spec, print) == HookLoadFailed("t", spec.target, "there is no such file")


def test_an_unknown_allowance_is_refused(failing):
    assert failing(USABLE, allow=("ffi",)) == "allow names 'ffi': allowed is io, os, loadlib, debug"


def test_too_little_memory_for_lua_itself_is_told(failing):
    assert "memory" in failing(USABLE + 'local t = {} for i = 1, 1e7 do t[i] = "x" .. i end', memory=2)


def test_a_printer_that_fails_at_loading_is_told(spec):
    def full(text: str) -> None:
        raise OSError(28, "No space left on device")

    failed = load(spec("print('x')"), full)
    assert isinstance(failed, HookLoadFailed)
    assert "No space left on device" in failed.reason


def test_init_is_called_in_order_with_self(whole):
    script = whole("""
        for _, name in ipairs({"a", "b"}) do
          local mod = {name = name}
          function mod:init() print("init " .. self.name) return true end
          function mod:core_smtp_tls_reporting(js) print("hook " .. self.name, js.type) return self.name end
          function mod:deinit() print("deinit " .. self.name) return true end
          msys.registerModule(name, mod)
        end
        print("loaded")
    """)
    assert script() == "a"
    script.callee.close()
    assert script.printed == ["loaded", "init a", "init b", "hook a  0", "hook b  0", "deinit b", "deinit a"]


@pytest.mark.parametrize(("returned", "named"), [("", "nil"), ("return false", "false"), ("return 1", "number")])
def test_init_must_return_true(spec, returned, named):
    printed = []
    code = f"""
        local function register(name, init)
          msys.registerModule(name, {{init = init, deinit = function() print("deinit " .. name) return true end,
                                     core_smtp_tls_reporting = print}})
        end
        register("first", function() return true end)
        register("second", function() {returned} end)
    """
    failed = load(spec(code), printed.append)
    assert failed.reason == f"init of module second returned {named}: it must return true"
    assert printed == ["deinit first"]


def test_an_error_in_init_is_told(failing):
    code = 'msys.registerModule("m", {core_smtp_tls_reporting = print, init = function() error("no") end})'
    assert failing(code) == "tlsrpt.lua:1: no"


def test_first_lines_for_others_are_skipped(whole):
    assert whole("#!/usr/bin/lua\n" + USABLE)() is None
    assert whole("\ufeff" + USABLE)() is None


def test_modules_cannot_be_registered_later(hook):
    assert (
        "only while the script is loaded"
        in hook('local ok, words = pcall(msys.registerModule, "late", {}) return words')()
    )
