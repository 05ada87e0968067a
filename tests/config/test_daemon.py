from pathlib import Path

import pytest

from tlswitness.config import NOWHERE, Config, ConfigError, Endpoint, Fsync, parse_config
from tlswitness.config.show import to_json, to_toml


def test_the_defaults_are_in_the_state_directory():
    config = parse_config('state_dir = "/s"')
    assert config.journal.directory == Path("/s/journal")
    assert config.serve.status_socket == Path("/s/status.sock")
    assert config.serve.metrics == Endpoint("127.0.0.1", 9815)
    assert (config.journal.enabled, config.journal.fsync) == (True, Fsync.INTERVAL)
    assert to_toml(config) == 'state_dir = "/s"\n'
    assert Config().journal.directory == Config().state_dir / "journal"


def test_what_is_said_holds():
    text = """state_dir = "/s"

[journal]
enabled = false
directory = "/j"
fsync = "always"
fsync_interval = 1.5
keep_days = 3
max_size = 100
segment_size = 8

[serve]
metrics = "[::1]:9000"
status_socket = "/r/x.sock"
drain = 0
"""
    config = parse_config(text)
    assert to_toml(config) == text
    assert config.journal.directory == Path("/j")
    assert config.serve.metrics == Endpoint("::1", 9000)
    assert to_json(config)["serve"] == {"metrics": "[::1]:9000", "status_socket": "/r/x.sock", "drain": 0}


def test_nobody_listens():
    config = parse_config('[serve]\nmetrics = ""')
    assert config.serve.metrics == NOWHERE
    assert parse_config(to_toml(config)) == config


@pytest.mark.parametrize(
    "text",
    ["journal.keep_days = 0", 'journal.fsync = "often"', "journal.segment_size = 2000", 'serve.metrics = "127.0.0.1"'],
)
def test_what_is_not_allowed(text):
    with pytest.raises(ConfigError, match="allowed:"):
        parse_config(text)
