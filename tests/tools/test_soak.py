from tools.soak import main


def test_a_short_soak(capsys, monkeypatch):
    monkeypatch.setattr("tools.soak.ROUND", 20)
    monkeypatch.setattr("tools.soak.find_spec", lambda _: None)
    assert main(["--minutes", "0", "--seed", "7"]) == 0
    assert "hostile inputs" in capsys.readouterr().out
