"""Modules in Lua and C under the real supervisor: the seed's script, and what kills a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.journal.support import FINDINGS
from tests.support.native import ENDLESS, EXIT, SEGFAULT, build, hook

from tlswitness.datapoint import SEED_VIEW, DataPoint, Finding, decode
from tlswitness.hooks.host.deadletter import DEAD_LETTERS
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec, Start
from tlswitness.hooks.supervisor import State

PAGE = Path(__file__).resolve().parents[2] / "data" / "momentum_smtp_tls_reporting.txt"
KILLS = 1_746_713_000
"""An epoch that ends in 000."""


def spec(kind: Kind, target: Path, **members: Any) -> ModuleSpec:
    limits = ModuleLimits(nice=0, **members.pop("limits", {}))
    return ModuleSpec(
        name="m", kind=kind, target=str(target), view=SEED_VIEW, start=Start.BEGINNING, limits=limits, **members
    )


def seeds_page() -> tuple[str, list[str]]:
    """The script, and the lines that it writes."""
    _, _, behind = PAGE.read_text(encoding="utf-8").partition("log the JSON into the paniclog\n")
    script, _, rest = behind.partition("Example of the paniclog output")
    return script, [line for line in rest.splitlines() if ":scriptlet:" in line]


async def test_the_seeds_script_writes_the_seeds_lines(room: Any) -> None:
    script, lines = seeds_page()
    target = room.path / "tlsrpt.lua"
    target.write_text(script)
    for line in lines:
        _, report, text = line.partition("tls report:   ")
        if report:
            point = decode(text)
            assert isinstance(point, DataPoint)
            room.writer.append([(point.epoch, Finding(point))])
    output = room.path / "paniclog"
    await room.run(spec(Kind.LUA, target, output=str(output)))
    await room.caught_up()
    await room.supervisor.stop()
    assert output.read_text().splitlines() == lines
    assert len(lines) == 4


async def test_a_lua_script_without_end_is_an_error_of_its_own(room: Any) -> None:
    target = room.path / "loop.lua"
    body = f"function(self, js) if js.epoch == {KILLS} then while true do end end end"
    target.write_text(f'require("msys.core")\nmsys.registerModule("loop", {{core_smtp_tls_reporting = {body}}})')
    room.writer.append([(KILLS + number, FINDINGS[0]) for number in range(-1, 3)])
    await room.run(spec(Kind.LUA, target))
    found = await room.caught_up()
    assert (found.counts.calls, found.counts.errors, found.counts.deaths) == (4, 1, 0)


async def test_a_lua_script_that_does_not_load_says_so_in_momentums_words(room: Any) -> None:
    target = room.path / "none.lua"
    target.write_text('require("msys.core")\nmsys.registerModule("none", {})')
    await room.run(spec(Kind.LUA, target))
    found = await room.reach(State.FAILED)
    assert "no usable methods found for module none in registerModule call" in found.refused


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SEGFAULT, "died of SIGSEGV"),
        (EXIT, "ended by itself with exit status 3"),
        (ENDLESS, "was killed: its call took more than 0.5 s"),
    ],
)
async def test_a_point_that_kills_a_module_in_c_costs_itself(room: Any, source: str, words: str) -> None:
    target = build(source, room.path / "m.so")
    room.writer.append([(KILLS + number, FINDINGS[0]) for number in range(-5, 5)])
    await room.run(spec(Kind.C, target, limits={"deadline": 0.5}))
    found = await room.caught_up()
    assert (found.counts.calls, found.counts.deaths, found.counts.dead_letters) == (9, 3, 1)
    assert words in found.last_death
    (letter,) = (room.hooks / "m" / DEAD_LETTERS).read_text().splitlines()
    assert letter == FINDINGS[0].compact(KILLS)


async def test_a_module_in_c_that_allocates_without_end_dies_alone(room: Any) -> None:
    source = hook("""
        if (EPOCH(json) % 1000 != 0) return 0;
        for (;;) { char *p = malloc(1 << 20); if (!p) abort(); memset(p, 1, 1 << 20); }""")
    target = build(source, room.path / "m.so")
    room.writer.append([(KILLS + number, FINDINGS[0]) for number in range(-1, 2)])
    await room.run(spec(Kind.C, target, limits={"memory": 150}))
    found = await room.caught_up()
    assert "died of SIGABRT" in found.last_death
    assert (found.counts.calls, found.counts.dead_letters) == (2, 1)


async def test_what_c_prints_is_in_the_paniclog(room: Any) -> None:
    target = build(hook('printf("told %ld\\n", EPOCH(json)); return 0;'), room.path / "m.so")
    room.writer.append([(KILLS + 1, FINDINGS[0])])
    output = room.path / "paniclog"
    await room.run(spec(Kind.C, target, output=str(output)))
    await room.caught_up()
    await room.supervisor.stop()
    assert output.read_text() == f"{KILLS + 1}:scriptlet: told {KILLS + 1}\n"
