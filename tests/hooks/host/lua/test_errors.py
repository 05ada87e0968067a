"""Lua's messages as text."""

from tlswitness.hooks.host.lua.errors import MAX_WORDS, text_of, words_of


def test_octets_that_are_no_text_are_written_out():
    assert text_of("é".encode() + b"\xff\x00") == "é\\xff\x00"


def test_a_message_is_its_octets_again():
    assert words_of(Exception("a.lua:1: é".encode().decode("latin-1"))) == "a.lua:1: é"
    assert words_of(Exception("a.lua:1: €")) == "a.lua:1: €"
    assert words_of(Exception("\xff")) == "\\xff"


def test_a_message_is_never_empty_nor_endless():
    assert words_of(Exception()) == "an error without a message"
    assert len(words_of(Exception("x" * 100_000))) == MAX_WORDS
