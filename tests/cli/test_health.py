"""`tlswitness status` as it is typed."""

import json

from tlswitness.cli import main
from tlswitness.cli.status import Status


def test_nobody_is_there(config_file, capsys):
    assert main(["--config", str(config_file), "status"]) == Status.UNAVAILABLE
    assert "no daemon is running here" in capsys.readouterr().err
    assert main(["status", "--config", str(config_file), "--json"]) == Status.UNAVAILABLE
    assert json.loads(capsys.readouterr().out)["running"] is False
