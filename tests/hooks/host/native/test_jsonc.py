"""What is called of json-c."""

import ctypes

import pytest
from tests.support.native import jsonc_flags

from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType
from tlswitness.hooks.host.native import jsonc
from tlswitness.hooks.host.native.jsonc import JsonC, open_jsonc


@pytest.fixture
def parser():
    jsonc_flags()
    found = open_jsonc()
    assert isinstance(found, JsonC)
    yield found
    found.close()
    found.close()


def test_what_it_does_not_read_is_named_and_the_next_is_read(parser):
    with pytest.raises(ValueError, match="json-c does not read the point: "):
        parser.parse(b'{"a":]}')
    assert parser.put(parser.parse(b'{"a":1}')) == 1
    with pytest.raises(ValueError, match="json-c does not read the point: "):
        parser.parse(b'{"a":')
    assert parser.put(parser.parse(b"{}")) == 1


def test_a_library_without_its_functions(monkeypatch):
    other = ctypes.CDLL("libm.so.6")
    monkeypatch.setattr(ctypes, "PyDLL", lambda *_, **__: other)
    monkeypatch.setattr(jsonc, "SONAME", "libother.so")
    answer = open_jsonc()
    assert isinstance(answer, str)
    assert answer.startswith("this libother.so cannot be used: ")


def test_copies_are_like_what_was_parsed_and_no_template_is_changed(parser, monkeypatch):
    monkeypatch.setattr(jsonc, "MAX_TEMPLATES", 2)
    monkeypatch.setattr(jsonc, "MAX_TEMPLATE", 200)
    library = ctypes.PyDLL(jsonc.SONAME)
    text = library.json_object_to_json_string
    text.restype, text.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    remove = library.json_object_object_del
    remove.restype, remove.argtypes = None, [ctypes.c_void_p, ctypes.c_char_p]
    small = [_finding(f"d{number}.example") for number in range(3)]
    for finding in [*small, _finding("d." + "x" * 300 + ".example"), *small] * 2:
        for epoch in (5, 2**40):
            found = parser.point(epoch, finding)
            assert text(found).decode() == finding.paniclog(epoch)
            remove(found, b"policy")  # as a module may
            parser.put(found)
    assert len(parser._templates) <= 2


def _finding(domain: str) -> Finding:
    policy = Policy(policy_type=PolicyType.STS, policy_domain=domain)
    return Finding(DataPoint(epoch=0, type=1, policy=policy))
