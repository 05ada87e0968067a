"""What is called of json-c."""

import ctypes

import pytest
from tests.support.native import jsonc_flags

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
