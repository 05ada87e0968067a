import os
from pathlib import Path

import pytest
from click.exceptions import Exit

from tlswitness.cli.running import may_use_state, open_store, running
from tlswitness.cli.status import Status
from tlswitness.config import Config


def fails(call, *args) -> int:
    with pytest.raises(Exit) as caught:
        call(*args)
    return caught.value.exit_code


@pytest.fixture
def config(tmp_path) -> Config:
    return Config(state_dir=tmp_path / "state")


async def test_an_engine(config):
    async with running(config) as engine:
        assert engine.config is config
    assert config.mta_sts_policy_store.is_dir()


async def test_an_engine_that_cannot_start(config, tmp_path, capsys):
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    with pytest.raises(Exit) as caught:
        async with running(Config(state_dir=config.state_dir, tls_ca=empty)):
            pass
    assert caught.value.exit_code == Status.OS
    assert capsys.readouterr().err.startswith("error: cannot start: ")


def test_the_state_of_another_user(config, monkeypatch, capsys):
    """Root's files would be out of the service's reach."""
    config.state_dir.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert fails(open_store, config) == Status.NO_PERMISSION
    assert "belongs to the user" in capsys.readouterr().err
    assert not config.mta_sts_policy_store.exists()


def test_a_user_without_a_name(config, monkeypatch, capsys):
    config.state_dir.mkdir()

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert fails(may_use_state, config) == Status.NO_PERMISSION
    assert str(os.getuid()) in capsys.readouterr().err


def test_a_place_where_nothing_can_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert fails(may_use_state, Config(state_dir=tmp_path / "file" / "state")) == Status.CANNOT_CREATE
    assert "`state_dir`" in capsys.readouterr().err


def test_a_store_that_cannot_be_used(config, monkeypatch, capsys):
    def broken(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tlswitness.cli.running.PolicyStore", broken)
    assert fails(open_store, config) == Status.IO
    assert "Permission denied" in capsys.readouterr().err
