"""JSON objects as a script sees them: Momentum's manners, json-c's text."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlswitness.datapoint import DataPointError, Finding, decode, paniclog
from tlswitness.datapoint.views import View
from tlswitness.hooks.host.lua import ScriptError, load
from tlswitness.hooks.spec import Kind, ModuleSpec

BASE = '"epoch":0,"type":1,"policy":{"policy-type":"sts","policy-domain":"d.example"}'
TEXT = (
    f'{{{BASE},"a":[1,"two",null,[]],"o":{{"x":{{"y":true}},"n":null}},"big":18446744073709551615,"f":1.0,"s":"a\\/b"}}'
)
ODD = r'"\u0000\u0001\"\\\/\b\f\n\r\t' + '\x7fé"'
SPACED = (
    '{ "epoch": 7, "type": 1, "policy": { "policy-type": "sts", "policy-domain": "d.example" }, '
    '"a": [ 1, "two", null, [ ] ], "o": { "x": { "y": true }, "n": null }, "big": 18446744073709551615, '
    '"f": 1.0, "s": "a\\/b" }'
)


@pytest.fixture
def said(hook):
    """What a hook's body prints for TEXT at epoch 7."""

    def make(body, before=""):
        script = hook(body, before)
        script(TEXT, 7)
        return script.printed

    return make


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("js.epoch", "7"),
        ('js["type"]', "1"),
        ("js.type == 1", "true"),
        ("js.nothing", "nil"),
        ("js.policy.nothing", "nil"),
        ('js.policy["policy-domain"]', "d.example"),
        ("js.a[1] + 1", "2"),
        ("js.a[2]", "two"),
        ("js.a[3]", "nil"),
        ("js.a[0]", "nil"),
        ("js.a[5]", "nil"),
        ("js.a[1.5]", "nil"),
        ('js.a["1"]', "nil"),
        ("#js.a", "4"),
        ("#js.a[4]", "0"),
        ("#js.policy", "2"),
        ("js.o.x.y", "true"),
        ("js.o.n", "nil"),
        ("js.big", "1.844674407371e+19"),
        ("js.s", "a/b"),
        ("js[nil]", "nil"),
        ("js[{}]", "nil"),
        ("type(js)", "userdata"),
        ("type(js.policy)", "userdata"),
        ("js.policy == js.policy", "true"),
        ("getmetatable(js)", "false"),
        ("js", SPACED),
        ("tostring(js)", SPACED),
        ('"<" .. js.o .. ">"', '<{ "x": { "y": true }, "n": null }>'),
        ("js.a .. 1", '[ 1, "two", null, [ ] ]1'),
        ("1, nil, true, js.a[4]", "1  nil  true  [ ]"),
    ],
)
def test_reading(said, expression, printed):
    assert said(f"print({expression})") == [printed]


def test_iteration_has_the_order_of_the_text(said):
    assert said("for name, value in pairs(js) do print(name, value) end")[:3] == [
        "epoch  7",
        "type  1",
        'policy  { "policy-type": "sts", "policy-domain": "d.example" }',
    ]
    assert said("for at, value in pairs(js.a) do print(at, value) end") == ["1  1", "2  two", "3  nil", "4  [ ]"]
    assert said("for at, value in ipairs(js.a) do print(at, value) end") == ["1  1", "2  two"]
    assert said("for at = 1, #js.a do print(js.a[at]) end") == ["1", "two", "nil", "[ ]"]
    assert said("for _, v in ipairs({1, 2}) do print(v) end for k in pairs({x = 1}) do print(k) end") == ["1", "2", "x"]


@pytest.mark.parametrize(
    ("statement", "shown", "printed"),
    [
        ("js.type = 0", "js.type", "0"),
        ("js.note = 'new'", "js", SPACED[:-2] + ', "note": "new" }'),
        ("js.epoch = 1", "js", SPACED.replace("7", "1", 1)),
        ("js.epoch = nil", "js", SPACED.replace(' "epoch": 7,', "")),
        ("js.o.x.y = 5", "js", SPACED.replace("true", "5")),
        ("js.o.x.y = nil", "js.o", '{ "x": { }, "n": null }'),
        ("js.o.n = nil", "js.o", '{ "x": { "y": true } }'),
        ("js.o.n = 1", "js.o", '{ "x": { "y": true }, "n": 1 }'),
        ("js.o[1] = 'one'", "js.o[1] .. js.o['1']", "oneone"),
        ("js.a[1] = 'x'", "js.a", '[ "x", "two", null, [ ] ]'),
        ("js.a[#js.a + 1] = false", "js.a", '[ 1, "two", null, [ ], false ]'),
        ("js.a[7] = 7", "js.a", '[ 1, "two", null, [ ], null, null, 7 ]'),
        ("js.a[2] = nil", "js.a", "[ 1, null, null, [ ] ]"),
        ("js.a[4][1] = {}", "js.a", '[ 1, "two", null, [ { } ] ]'),
        ("js.o = {1, 2, nil, 4}", "js.o", "[ 1, 2 ]"),
        ("js.o = {b = 1, a = {true}}", "js.o", '{ "a": [ true ], "b": 1 }'),
        ("js.o = {a = 1, [7] = 'x'}", "js.o", '{ "7": "x", "a": 1 }'),
        ("js.o = js.policy", "js.o", '{ "policy-type": "sts", "policy-domain": "d.example" }'),
        ("js.o = js.policy js.policy.more = 1", "js.o.more", "1"),
        ("js.o = json.encode(42)", "js.o + 1", "43"),
        ("js.o = json.new() js.o.name = 'v'", "js.o", '{ "name": "v" }'),
        ("js.f = 0.5 js.big = 2^53", "js.f .. ' ' .. tostring(js):match('\"big\": (%d+)')", "0.5 9007199254740992"),
        (
            "js.s = '\\0\\1\"\\\\/\\b\\f\\n\\r\\t\\127é'",
            "js",
            SPACED.replace('"a\\/b"', ODD),
        ),
        ("js.x = 1/0 js.y = -1/0 js.z = 0/0", "tostring(js):sub(-48)", '"x": Infinity, "y": -Infinity, "z": NaN }'),
        ("js.x = 0.1", "js.x == 0.1", "true"),
    ],
)
def test_writing(said, statement, shown, printed):
    assert said(f"{statement} print({shown})")[0].endswith(printed)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("js.x = print", "tlsrpt.lua:4: a function cannot stand in a JSON object"),
        ("js.x = {{coroutine.create(print)}}", "tlsrpt.lua:4: a thread cannot stand in a JSON object"),
        ("js.a.name = 1", "tlsrpt.lua:4: a JSON array takes whole numbers from 1 as its keys, not name"),
        ("js.a[0] = 1", "tlsrpt.lua:4: a JSON array takes whole numbers from 1 as its keys, not 0"),
        ("js.a[1e9] = 1", "tlsrpt.lua:4: index 1000000000 lies too far behind the end of a JSON array"),
        ("local t = {} t[1] = t js.x = t", "tlsrpt.lua:4: a table is nested deeper than 32, or holds itself"),
        ("js.o.x = js print(js)", "a JSON object is nested deeper than 32, or holds itself"),
        ("print(js .. nil)", "tlsrpt.lua:4: attempt to concatenate a nil value"),
        ("print(js.policy.x.y)", "tlsrpt.lua:4: attempt to index field 'x' (a nil value)"),
        ("js.policy()", "tlsrpt.lua:4: attempt to call field 'policy' (a userdata value)"),
        ("json.decode()", "tlsrpt.lua:4: json.decode takes a string, not a nil"),
        ("json.encode(print)", "tlsrpt.lua:4: a function cannot stand in a JSON object"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_its_line(hook, statement, words):
    with pytest.raises(ScriptError) as raised:
        hook(statement)(TEXT)
    assert str(raised.value) == words


def test_what_a_call_writes_is_gone_in_the_next(hook):
    script = hook("js.o.x.y = 'mine' js.a[1] = 9 js.policy['policy-domain'] = 'x' js.new = js.type js.type = nil")
    script(TEXT, 7)
    assert hook("print(js)")(TEXT, 7) is None
    reader = hook(
        "if first then js.o.x.y = 1 js.a[1] = 9 js.type = nil first = false else print(js) end", "first = true"
    )
    reader(TEXT, 7)
    reader(TEXT, 7)
    assert reader.printed == [SPACED]


def test_an_object_that_a_script_keeps_stays_what_it_was(hook):
    script = hook(
        "if kept then js.o.x.y = 'later' js.type = 5 print(kept.epoch, kept.o, kept.type) end kept = kept or js"
    )
    script(TEXT, 7)
    script(TEXT, 8)
    assert script.printed == ['7  { "x": { "y": true }, "n": null }  1']


def test_an_object_that_a_script_keeps_outlives_what_the_host_keeps(hook):
    script = hook("kept = kept or js print(kept)")
    script(TEXT, 7)
    script.callee._kept.clear()
    script(TEXT.replace("d.example", "other.example"), 8)
    script(TEXT, 9)
    assert script.printed == [SPACED] * 3


def test_a_print_of_many_is_one_line(hook):
    script = hook("print(js.type, unpack({}, 1, 300)) print(js.policy, js, 'x') print() print(nil)")
    script(TEXT, 7)
    policy = '{ "policy-type": "sts", "policy-domain": "d.example" }'
    assert script.printed == ["  ".join(["1", *["nil"] * 300]), f"{policy}  {SPACED}  x", "", "nil"]


def test_one_module_does_not_see_what_another_wrote(whole):
    script = whole("""
        for i = 1, 2 do
          msys.registerModule("m" .. i, {core_smtp_tls_reporting = function(self, js)
            print(js.policy["policy-domain"]) js.policy["policy-domain"] = "changed"
          end})
        end
    """)
    script(TEXT)
    assert script.printed == ["d.example", "d.example"]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ('{ "hello": "world" }', '{ "hello": "world" }'),
        (
            '[1, 2.50, -0, 1e3, 0.0, "\\u00e9\\ud83d\\ude00\\ud83d x\\udc00"]',
            '[ 1, 2.50, -0, 1e3, 0.0, "é😀\ufffd x\ufffd" ]',
        ),
        ("/* c */ {} // end\n", "{ }"),
        ('{"a":1,"a":2}', '{ "a": 2 }'),
        ('{"a":null,"a":2}', '{ "a": 2 }'),
        ('{"a":1,}', '{ "a": 1 }'),
        ("  42 ", "42"),
        ('"x"', "x"),
        ("true", "true"),
        ("false", "false"),
        ("[01]", "[ 1 ]"),
        ('{"epoch":{"x":1}}', '{ "epoch": { "x": 1 } }'),
    ],
)
def test_decoding(hook, text, printed):
    script = hook(f"print((json.decode([==[{text}]==])))")
    script()
    assert script.printed == [printed]


def test_a_member_called_epoch_is_nothing_special_elsewhere(hook):
    script = hook("""local o = json.decode('{"x":{"epoch":{"y":1}}}') local e = o.x.epoch.y print(o.x, e, #o.x)""")
    script()
    assert script.printed == ['{ "epoch": { "y": 1 } }  1  1']


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("[" * 33 + "]" * 33, "DEPTH"),
        ("", "PARSE_EOF"),
        ('{"a"', "PARSE_EOF"),
        ("[1, ", "PARSE_EOF"),
        ('"abc', "PARSE_EOF"),
        ("tr", "PARSE_EOF"),
        ("/* c", "PARSE_EOF"),
        ('"\\u12', "PARSE_EOF"),
        ("{} x", "PARSE_UNEXPECTED"),
        ("x", "PARSE_UNEXPECTED"),
        ("nil", "PARSE_NULL"),
        ("truth", "PARSE_BOOLEAN"),
        ("[1e]", "PARSE_NUMBER"),
        ("[1 2]", "PARSE_ARRAY"),
        ("{1:2}", "PARSE_OBJECT_KEY_NAME"),
        ('{"a";2}', "PARSE_OBJECT_KEY_SEP"),
        ('{"a":2;}', "PARSE_OBJECT_VALUE_SEP"),
        ('"\\x"', "PARSE_STRING"),
        ('"\\u12zz"', "PARSE_STRING"),
        ("/- {}", "PARSE_COMMENT"),
    ],
)
def test_what_cannot_be_decoded_has_a_code_and_words(hook, text, constant):
    script = hook(f"""
        local object, code, words = json.decode([==[{text}]==])
        print(object, code == json.ERROR_{constant}, words:sub(1, #json.strerror(code)) == json.strerror(code))
    """)
    script()
    assert script.printed == ["nil  true  true"]


def test_null_is_no_failure(hook):
    script = hook("print(json.decode('null')) print(json.strerror(99)) print(json.encode(nil), json.encode({}))")
    script()
    assert script.printed == ["nil  0  success", "unknown error, invalid json_tokener_error value", "null  { }"]


_scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_values = st.recursive(
    _scalars | _texts,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(_texts, each, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_texts.filter(lambda name: len(name) > 0), _values, max_size=5), st.integers(0, 2**37))
@settings(max_examples=300, deadline=None)
def test_any_point_prints_as_json_c_writes_it(tmp_path_factory, members, epoch):

    text = json.dumps(json.loads(f"{{{BASE}}}") | members)
    point = decode(text)
    if isinstance(point, DataPointError):
        return
    finding = Finding(point)
    printed, callee = _echo(tmp_path_factory)
    callee.call(epoch, finding)
    whole = finding.paniclog(epoch)
    assert printed == [whole, whole, whole]
    assert whole == paniclog(finding.at(epoch))


_ECHO = """
local function rewrite(value)
  for name, member in pairs(value) do
    if type(member) == "userdata" then rewrite(member) end
  end
  pcall(function() value.extra_member_of_mine = nil end)  -- an array refuses, but has been made the script's own
end
msys.registerModule("echo", {core_smtp_tls_reporting = function(self, js)
  print(js)
  for name in pairs(js) do local unused = js[name] end
  print(js)
  rewrite(js)
  print(js)
end})
"""
_echoes = {}


def _echo(factory):
    """One script for all examples, so that numbers are used again and again."""
    if not _echoes:
        path = factory.mktemp("echo") / "echo.lua"
        path.write_text(_ECHO)
        printed = []
        spec = ModuleSpec(name="echo", kind=Kind.LUA, target=str(path), view=View())
        _echoes["it"] = (printed, load(spec, printed.append))
    printed, callee = _echoes["it"]
    printed.clear()
    return printed, callee
