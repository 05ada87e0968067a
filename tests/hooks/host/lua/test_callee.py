"""Calls: what is returned, what is raised, and in which order modules have their turn."""

import pytest

from tlswitness.hooks.host.lua import ScriptError, ScriptLimit
from tlswitness.hooks.host.lua import callee as callee_module

BASE = '{"epoch":0,"type":1,"policy":{"policy-type":"sts","policy-domain":"%s"}}'


@pytest.mark.parametrize(
    ("returned", "plain"),
    [
        ("", None),
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("false", False),
        ("'text é'", "text é"),
        ("1, 2, 3", 1),
        ("nil, 2", None),
        ("msys.core.VALIDATE_CONT", 0),
        ("{1, {a = 'b'}}", [1, {"a": "b"}]),
        ("{}", {}),
        ("js.policy", {"policy-type": "sts", "policy-domain": "x.example"}),
        ("js.policy['policy-domain']", "x.example"),
        ("json.encode(1)", 1),
        ("{x = 0/0}", '{ "x": NaN }'),
        ("print", "function"),
        ("{print}", "table"),
    ],
)
def test_what_a_hook_returns(hook, returned, plain):
    found = hook(f"return {returned}")(BASE % "x.example")
    assert found == plain
    assert type(found) is type(plain)


def test_self_is_the_module_and_keeps_what_it_is_given(hook):
    script = hook("self.count = (self.count or 0) + 1 return self.count")
    assert [script(), script(), script()] == [1, 2, 3]


def test_each_call_has_its_own_epoch(hook):
    script = hook("print(js.epoch, js)")
    script(BASE % "x", 1746712864)
    script(BASE % "x", 253402300799)
    script(BASE % "x", 0)
    rest = '"type": 1, "policy": { "policy-type": "sts", "policy-domain": "x" } }'
    assert script.printed == [f'{e}  {{ "epoch": {e}, {rest}' for e in (1746712864, 253402300799, 0)]


def test_an_error_has_line_and_text_and_harms_no_other_call(hook):
    script = hook("if js.epoch == 1 then error('no é') end return js.epoch")
    with pytest.raises(ScriptError) as raised:
        script(epoch=1)
    assert str(raised.value) == "tlsrpt.lua:4: no é"
    assert not isinstance(raised.value, ScriptLimit)
    assert script(epoch=2) == 2


@pytest.mark.parametrize(("thrown", "words"), [("{}", "an error without"), ("'x', 0", "x"), ("nil", "an error without"),
                                               ("js", "an error without"), ("12, 0", "12")])  # fmt: skip
def test_whatever_is_thrown_has_words(hook, thrown, words):
    with pytest.raises(ScriptError, match=words):
        hook(f"error({thrown})")()


def test_one_modules_error_is_not_the_others(whole):
    script = whole("""
        for i = 1, 3 do
          msys.registerModule("m" .. i, {
            core_smtp_tls_reporting = function() print(i) if i < 3 then error("e" .. i, 0) end end,
            deinit = function() print("deinit", i) if i > 1 then error("d" .. i, 0) end return true end,
          })
        end
    """)
    for _ in range(2):
        with pytest.raises(ScriptError, match=r"^e1$"):
            script()
    with pytest.raises(ScriptError, match=r"^d3$"):
        script.callee.close()
    assert script.printed == ["1", "2", "3"] * 2 + ["deinit  3", "deinit  2", "deinit  1"]


def test_each_module_has_an_account_of_its_own(whole):
    script = whole(
        """
        for i = 1, 3 do
          msys.registerModule("m" .. i, {core_smtp_tls_reporting = function()
            if i == 1 then while true do end end
            for n = 1, 50000 do end print(i)
          end})
        end
        """,
        max_instructions=100_000,
    )
    with pytest.raises(ScriptLimit):
        script()
    assert script.printed == ["2", "3"]


def test_closing_is_once_and_for_all(hook):
    script = hook("return 1", before="")
    script.callee.close()
    script.callee.close()
    with pytest.raises(ScriptError, match="closed"):
        script()


def test_ever_new_findings_do_not_fill_the_memory(hook, monkeypatch):
    script = hook("return js.policy['policy-domain']", memory=8)
    for number in range(12_000):
        assert script(BASE % f"d{number}.example", number) == f"d{number}.example"
    assert len(script.callee._kept) <= 2 * 4096


def test_findings_make_room_for_one_that_has_none(hook, monkeypatch):
    monkeypatch.setattr(callee_module, "KeptFindings", _Unbounded)
    script = hook("return #js.policy['policy-string']", memory=8)
    cleared = 0
    for number in range(60):
        lines = ",".join(f'"line {n} of {number}"' for n in range(2000))
        domain = f'd{number}.example","policy-string":[{lines}],"mx-host":["x"],"y":"'
        before = len(script.callee._kept)
        assert script(BASE % domain) == 2000
        cleared += len(script.callee._kept) < before
    assert cleared


class _Unbounded(callee_module.KeptFindings):
    def __init__(self, keep, forget, *, max_text):
        super().__init__(keep, forget, limit=10**9, max_text=10**12)
