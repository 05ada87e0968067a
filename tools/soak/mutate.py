"""Octets changed at random: the same dice, the same changes."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

MAX_INPUT = 16_384
"""Octets: what is longer only makes the fuzzer slow."""
EDGES = (0, 1, 0x0A, 0x0D, 0x20, 0x2D, 0x2E, 0x30, 0x39, 0x3A, 0x3B, 0x7F, 0x80, 0xC0, 0xFF)

SEPARATOR = re.compile(rb"[,;:=.\]}\s\xfe]")


def mutated(data: bytes, others: Sequence[bytes], words: Sequence[bytes], dice: random.Random) -> bytes:
    """One to eight changes; `others` lend their parts."""
    changed = bytearray(data)
    for _ in range(1 << dice.randrange(4)):
        place = dice.randrange(len(changed) + 1)
        if dice.randrange(2) and (found := SEPARATOR.search(changed, place)):
            place = found.end()  # where grammars have their joints
        match dice.randrange(9):
            case 0 if changed:
                changed[min(place, len(changed) - 1)] ^= 1 << dice.randrange(8)
            case 1 if changed:
                changed[min(place, len(changed) - 1)] = dice.choice(EDGES)
            case 2:
                changed[place:place] = bytes((dice.randrange(256),))
            case 3:
                del changed[place : place + dice.choice((1, 1, 2, 4, 16, 64))]
            case 4:  # again
                changed[place:place] = changed[place : place + dice.choice((1, 4, 16, 64))] * dice.choice((1, 2, 8))
            case 5 if words:
                changed[place:place] = dice.choice(words)
            case 6 if words:
                word = dice.choice(words)
                changed[place : place + len(word)] = word
            case 7:
                other = dice.choice(others)
                start = dice.randrange(len(other) + 1)
                changed[place:place] = other[start : start + dice.choice((4, 32, 256))]
            case _:
                other = dice.choice(others)  # the beginning of one, the end of another
                changed[place:] = other[dice.randrange(len(other) + 1) :]
        del changed[MAX_INPUT:]
    return bytes(changed)
