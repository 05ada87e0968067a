import random

import pytest
from tools.faults import __main__ as command
from tools.faults.kill import Tally


@pytest.mark.parametrize("fault", [None, "m1 is called delivered, and no server has it"])
def test_the_command(monkeypatch, capsys, fault):
    moments = []

    async def kill(kills, dice):
        moments.append((kills, dice.random()))
        tally = Tally("somebody, killed", faults=[fault] if fault else [])
        tally.add("kills", kills)
        return tally

    for name in ("kill_engine", "kill_send", "kill_server"):
        monkeypatch.setattr(command, name, kill)
    assert command.main(["--kills", "5", "--seed", "7"]) == (1 if fault else 0)
    assert moments == [(5, random.Random(7).random())] * 3
    out, err = capsys.readouterr()
    assert "faults: 5 kills of each, --seed 7" in out
    assert f"somebody, killed: 5 kills; {1 if fault else 0} faults" in out
    assert (fault or "") in err
