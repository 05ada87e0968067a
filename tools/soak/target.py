"""A target: a reader of strangers' octets, seeds to begin with, and an oracle."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """`attempt` reads one input and raises, whatever it is, on a fault.

    What it returns tells roughly what became of the input: one that is told for the first time makes the input worth
    keeping, to be varied further. The same input must always come to the same.
    """

    name: str
    seeds: tuple[bytes, ...]
    attempt: Callable[[bytes], Hashable]
    words: tuple[bytes, ...] = ()
    """What stands in such inputs, to be put in anywhere."""
    share: int = 1
    """Inputs for each one of the smallest target: slow ones get less, those with much to find more."""


def kind(value: object) -> str:
    """A value's class."""
    return type(value).__name__


def text_of(data: bytes) -> str:
    """Octets as text with all that text can have: characters beyond the first plane too, and single surrogates."""
    text = data.decode("utf-8", "surrogateescape")
    return text.translate(_ODD) if max(text, default="") >= "\udc80" else text


_ODD = {
    0xDC00 + octet: char
    for octet, char in zip(
        range(0x80, 0x90),
        "\u00df\u200d\u3002\u2028\u0130\U0001f600\u0000\ufeff\u2024\u2488\u0085\u00a0\uff0e\ud800\u0345\u1e9e",
        strict=True,
    )
}
