"""The walls: what a script cannot reach, and what it cannot take."""

import time

import pytest

from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host.lua import ScriptError, ScriptLimit

GONE = [
    "io",
    "debug",
    "python",
    "dofile",
    "loadfile",
    "newproxy",
    "ffi",
    "jit",
    "os.execute",
    "os.remove",
    "os.rename",
    "os.exit",
    "os.tmpname",
    "os.getenv",
    "os.setlocale",
    "package.loadlib",
    "package.loaders",
    "package.cpath",
    "string.dump",
    "package.loaded.io",
    "package.loaded.debug",
    "package.loaded.os.execute",
    "getfenv(0).io",
    "getfenv(print).io",
    "getfenv(print).debug",
    "getfenv(require).io",
    "getfenv(pairs).io",
    "getfenv(string.find).debug",
    "getfenv(msys.registerModule).python",
    "getfenv(2).io",
    "getfenv(os.time).execute",
    "getfenv(string.format).loadlib",
    "getmetatable('').__index.dump",
    "getmetatable('').__gc",
    "_G.debug",
    "_G._G.io",
]


@pytest.mark.parametrize("path", GONE)
def test_what_is_dangerous_is_not_there(hook, path):
    assert hook(f"return type({path})")() == "nil"


@pytest.mark.parametrize(("allow", "path"), [("io", "io.open"), ("os", "os.getenv"), ("loadlib", "package.loadlib"),
                                             ("debug", "debug.getinfo"), ("io", "dofile")])  # fmt: skip
def test_what_is_allowed_is_there_and_nothing_else(hook, allow, path):
    assert hook(f"return type({path})", allow=(allow,))() == "function"
    others = {"io": "io", "os": "os.execute", "loadlib": "package.loadlib", "debug": "debug"}
    del others[allow]
    for other in others.values():
        assert hook(f"return type({other})", allow=(allow,))() == "nil", other


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("return getmetatable(js)", False),
        ("return getmetatable(js.policy)", False),
        ("return (pcall(setmetatable, js, {}))", False),
        ("return (pcall(getfenv, js))", False),
        ("return (pcall(setfenv, print, {}))", True),
        ("return (pcall(rawget, js, 'type'))", False),
        ("return (loadstring('\\27LuaQ'))", None),
        ("return select(2, loadstring('\\27LuaQ'))", "bytecode is not loaded"),
        ("local n = 0 return select(2, load(function() n = n + 1 return n == 1 and '\\27Lua' or nil end))",
         "bytecode is not loaded"),
        ("return loadstring('return 1 + 1')()", 2),
        ("return load(function() return nil end)()", None),
        ("return select(2, pcall(require, '../x'))", "module '../x' not found"),
        ("return (pcall(require, 'io'))", False),
        ("return (pcall(require, 'ffi'))", False),
        ("return type(require('os').execute)", "nil"),
        ("return collectgarbage('stop')", 0),
        ("return collectgarbage('count') > 10", True),
        ("return (('x'):rep(0) .. ('x'):rep(-1) .. (''):rep(1e15))", ""),
        ("return ('ab'):rep(2) .. ('x'):rep('3')", "ababxxx"),
        ("return ('a-b'):gsub('%-', '+')", "a+b"),
        ("return ('a.b'):find('.', 1, true)", 2),
        ("return ('k=v'):match('=(.*)')", "v"),
        ("local t = {} for w in ('a b'):gmatch('%a') do t[#t + 1] = w end return table.concat(t)", "ab"),
        ("return (('x'):rep(2000)):find(('x'):rep(2000), 1, true)", 1),
    ],
)  # fmt: skip
def test_ways_out_lead_nowhere(hook, body, answer):
    found = hook(body)()
    assert found == answer or (isinstance(found, str) and found.startswith(answer))


def test_the_host_goes_on_after_a_script_broke_its_own_library(hook):
    script = hook(
        """
        print(js.policy) js.x = {1} print(js.x, json.encode({"/"})) return js.x
        """,
        """
        setfenv(print, {}) setfenv(msys.log, {}) setfenv(0, {}) setfenv(string.find, {})
        for name in pairs(string) do string[name] = nil end
        table.concat, tostring, type, error, pcall, rawget, next, select, ipairs = nil
        getmetatable("").__index = nil
        """,
    )
    for _ in range(3):
        script.callee._kept.clear()  # so that the finding is read again, in Lua
        assert script() == [1]
    assert script.printed[1::2] == ['[ 1 ]  [ "\\/" ]'] * 3
    assert len(set(script.printed[::2])) == 1


SPIN = "while true do end"
LOOPS = {
    "bare": SPIN,
    "for": "for i = 1, 1e15 do end",
    "in pcall": "pcall(function() SPIN end)",
    "around pcall": "while true do pcall(function() SPIN end) end",
    "pcall in pcall": "local function f() while true do pcall(pcall, function() f() end) end end f()",
    "xpcall with a handler": "while true do xpcall(function() SPIN end, function() SPIN end) end",
    "a handler alone": "xpcall(error, function() SPIN end)",
    "recursion through pcall": "local function f() pcall(f) f() end f()",
    "coroutine": "coroutine.wrap(function() SPIN end)()",
    "coroutines": "while true do coroutine.resume(coroutine.create(function() SPIN end)) end",
    "coroutine in pcall": "while true do pcall(coroutine.wrap(function() while true do pcall(error) end end)) end",
    "yielding": "local f = coroutine.wrap(function() while true do coroutine.yield() end end) while true do f() end",
    "on after a coroutine": "coroutine.resume(coroutine.create(function() while true do pcall(error) end end)) SPIN",
    "metamethods": """
        local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end})
        while true do pcall(function() return t[1] end) end
    """,
    "metamethods and pcall": """
        local t = setmetatable({}, {__index = function(t, k)
          while true do pcall(function() return t[k + 1] end) end
        end})
        return t[1]
    """,
    "deep coroutines": """
        local function f() while true do pcall(coroutine.wrap(function() f() end)) end end f()
    """,
    "tostring": "while true do pcall(tostring, setmetatable({}, {__tostring = function() SPIN end})) end",
    "sort": "while true do pcall(table.sort, {3, 2, 1}, function() SPIN end) end",
    "gsub": "while true do pcall(string.gsub, ('x'):rep(1000), 'x', function() SPIN end) end",
    "load": "while true do pcall(load, function() SPIN end) end",
    "keys": "while true do pcall(json.encode, {[setmetatable({}, {__tostring = function() SPIN end})] = 1}) end",
    "a returned key": "return {[setmetatable({}, {__tostring = function() SPIN end})] = 1}",
    "collecting": "while true do collectgarbage() collectgarbage('collect') end",
    "json": "while true do pcall(json.encode, {{{}}}) pcall(function() js.x = {1} return tostring(js) end) end",
    "environment": "local f = function() setfenv(1, {}) SPIN end f()",
    "stack": "local function f() return 1 + f() end while true do pcall(f) end",
    "memory": "local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end",
}
ENDED = r"^(tlsrpt\.lua:\d+: a call took more than 300000 instructions|.*stack overflow|a call took more memory.*)$"


@pytest.mark.parametrize("name", LOOPS)
def test_endless_loops_end_and_the_next_call_is_well(hook, name):
    body = LOOPS[name].replace("SPIN", SPIN)
    script = hook(f"if js.epoch == 1 then do {body} end end return 'well'", max_instructions=300_000, memory=16)
    for _ in range(2):
        with pytest.raises(ScriptError, match=ENDED):
            script(epoch=1)
        assert script(epoch=2) == "well"


def test_the_error_names_the_line(hook):
    with pytest.raises(ScriptLimit, match=r"^tlsrpt.lua:5: a call took more than 300000 instructions$"):
        hook("local i = 0\nwhile true do i = i + 1 end", max_instructions=300_000)()


def test_instructions_are_counted_for_each_call_alone(hook):
    script = hook("for i = 1, 20000 do end", max_instructions=300_000)
    for _ in range(50):
        script()


def test_an_interrupted_coroutine_does_not_harm_the_next_call(hook):
    body = "if js.epoch == 1 then coroutine.resume(coroutine.create(function() while true do end end)) end"
    script = hook(body + " return 'well'", max_instructions=100_000)
    for _ in range(3):
        with pytest.raises(ScriptLimit):
            script(epoch=1)
        assert script(epoch=2) == "well"


def test_a_generator_lives_from_call_to_call_and_is_counted(hook):
    script = hook(
        "if js.epoch == 9 then spin = true end return next_value()",
        "next_value = coroutine.wrap(function() local n = 0 while true do n = n + 1 coroutine.yield(n)"
        " while spin do end end end)",
        max_instructions=100_000,
    )
    assert [script(epoch=1) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ScriptLimit):
        script(epoch=9)


def test_time_is_limited_too_where_instructions_are_slow(hook):
    script = hook("local s = ('x'):rep(1e6) while true do local t = s .. 'y' end", max_seconds=0.2)
    start = time.process_time()
    with pytest.raises(ScriptLimit, match=r"more than 0\.2 s of CPU"):
        script()
    assert time.process_time() - start < 10


BOMBS = {
    "rep": "local s = ('x'):rep(1e9)",
    "doubling": "local s = 'x' while true do s = s .. s end",
    "table": "local t = {} for i = 1, 1e9 do t[i] = i end",
    "kept": "kept = kept or {} for i = 1, 1e9 do kept[i] = {} end",
    "pcall": "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {i} end end) end",
    "concat": "local t, s = {}, ('x'):rep(100) for i = 1, 1e6 do t[i] = s end local all = table.concat(t)",
    "gsub": "local s = ('x'):rep(1e6):gsub('x', ('y'):rep(1e6))",
    "coroutines": "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end",
    "json": "for i = 1, 1e9 do js.a = js.a or {} js.a[i] = {} end",
    "unpack": "local t = {unpack({}, 1, 1e7)}",
    "code": "loadstring(('x = 1 '):rep(2e6))",
    "format": "local s = string.format('%99999d', 1)",
}


@pytest.mark.parametrize("name", BOMBS)
def test_memory_is_limited_and_the_next_call_is_well(hook, name):
    script = hook(f"if js.epoch == 1 then {BOMBS[name]} end return 'well'", memory=64, max_instructions=20_000_000)
    for _ in range(2):
        with pytest.raises(ScriptError, match=r"memory|longer|too many results|invalid format"):
            script(epoch=1)
        assert script(epoch=2) == "well"


def test_c_stacks_are_not_exhausted(hook):
    nested = "local function f(n) return coroutine.wrap(function() f(n + 1) end)() end return pcall(f, 1)"
    assert hook(nested)() is False
    assert "too deep within one another" in hook(nested.replace("return pcall", "return select(2, pcall") + ")")()
    assert hook("return (pcall(string.find, ('a'):rep(1e5), ('a?'):rep(1e5)))")() is False
    assert hook("return (pcall(string.gsub, 'x', ('(x)'):rep(500), ''))")() is False
    with pytest.raises(ScriptError, match="stack overflow"):
        hook("local function f() local ok = pcall(f) return ok end return f()")()
    assert hook("return (loadstring(('('):rep(1e5)))")() is None
    assert hook("return (pcall(json.decode, ('['):rep(1e6)))")() is True


def test_errors_of_the_library_have_the_scripts_line(hook):
    for code, words in {
        "string.find(nil, 'x')": "tlsrpt.lua:5: bad argument #1 to 'find' (string expected, got nil)",
        "('x'):gsub('[', '')": "tlsrpt.lua:5: malformed pattern (missing ']')",
        "('x'):rep({})": "tlsrpt.lua:5: bad argument #2 to 'rep' (number expected, got table)",
        "('x'):rep(1e9)": "tlsrpt.lua:5: the string would be longer than 16777216 octets",
        "('x'):find(('x'):rep(1001))": "tlsrpt.lua:5: a pattern may have 1000 octets at most",
        "('x'):gsub('x', function() error('mine') end)": "tlsrpt.lua:5: mine",
        "('x'):gsub('x', function() error('mine', 0) end)": "tlsrpt.lua:5: mine",
        "require(1)": "tlsrpt.lua:5: require takes a string, not a number",
    }.items():
        with pytest.raises(ScriptError) as raised:
            hook(f"\n{code}\n")()
        assert str(raised.value).startswith(words), code


def test_no_python_object_is_ever_seen(hook):
    def printer(text):
        raise OSError(28, "No space left on device")

    script = hook("local ok, e = pcall(print, 'x') return type(e) .. ' ' .. e", printer=printer)
    assert script().startswith("string the output failed")
    walk = """
        local seen, queue = {}, {_G, js}
        while #queue > 0 do
          local t = table.remove(queue)
          if not seen[t] then
            seen[t] = true
            if type(t) == "userdata" and tostring(t):find("^[<u]") then return "found " .. tostring(t) end
            if type(t) == "table" then for k, v in pairs(t) do queue[#queue + 1] = k queue[#queue + 1] = v end end
            if type(t) == "function" then queue[#queue + 1] = getfenv(t) end
            local meta = getmetatable(t) if meta then queue[#queue + 1] = meta end
          end
        end
        return "none"
    """
    assert hook(walk)() == "none"


def test_what_the_printer_raised_is_raised_again(hook):
    def printer(text):
        raise OSError(28, "No space left on device")

    script = hook("print('x')", printer=printer)
    with pytest.raises(OSError, match="No space left"):
        script()
    assert hook("pcall(print, 'x') return 1", printer=printer)() == 1
    with pytest.raises(ScriptError, match="mine"):
        hook("pcall(print, 'x') error('mine')", printer=printer)()


def test_a_script_asks_for_a_retry(hook):
    with pytest.raises(Retry, match="the database is away") as raised:
        hook("tlswitness.retry('the database is away', 2.5)")()
    assert raised.value.after == 2.5
    with pytest.raises(Retry) as raised:
        hook("local r = require('tlswitness').retry r('later')")()
    assert raised.value.after is None
    assert hook("pcall(tlswitness.retry, 'x') return 'went on'")() == "went on"


def test_constants_and_log(hook):
    script = hook(
        "msys.log(msys.core.LOG_WARNING, 'level', js.type) msys.log(msys.core.DWARNING, 'old') "
        "return require('msys.core').VALIDATE_CONT == msys.core.VALIDATE_CONT and require('json') == json"
    )
    assert script() is True
    assert script.printed == ["level  0", "old"]
    with pytest.raises(ScriptError, match=r"msys.log takes a level"):
        hook("msys.log('text')")()


def test_text_that_is_no_utf8_is_printed_all_the_same(hook):
    script = hook("print('a\\255\\0z', js.policy['policy-domain']) return '\\254'")
    assert script() == "\\xfe"
    assert script.printed == ["a\\xff\0z  mismatch.cert.com"]
