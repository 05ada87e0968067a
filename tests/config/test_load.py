import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.config import Config, ConfigError, load_config, machine, parse_config
from tlswitness.config.load import MAX_CONFIG_BYTES

PIECES = [
    "tls", "=", '"no"', "\n", "[", "]", "[[hook]]", "python", '"x"', "timeouts", ".", "connect", "1", "domain", '"a.b"',
    "route", "{", "}", ",", "expires", "2020-01-01", "-", "é", "state_dir", "report_ip", "'192.0.2.1'", "true", "#",
]  # fmt: skip


def test_without_a_file_every_option_has_its_default(monkeypatch):
    monkeypatch.setattr(machine, "config_file", lambda: None)
    loaded = load_config()
    assert loaded.path is None
    assert loaded.config == Config()


def test_a_file(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('port = 26\n[domain."x.example"]\nexpires = 2001-01-01\n')
    loaded = load_config(path)
    assert loaded.config.port == 26
    assert len(loaded.warnings) == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"tls = ,", "c.toml:1: not TOML: "),
        (b"a = 1\nb = \xff", "c.toml:2: not UTF-8"),
        (b"#" * (MAX_CONFIG_BYTES + 1), "c.toml: larger than 16 MiB"),
        (b"x=" + b"[" * 5000, "c.toml: not TOML: "),
        (None, "c.toml: No such file or directory"),
    ],
    ids=["syntax", "utf-8", "large", "deep", "missing"],
)
def test_a_file_that_cannot_be_read(tmp_path, content, text):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(text)


@given(st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_text_is_a_configuration_or_is_refused(text):
    with contextlib.suppress(ConfigError):
        parse_config(text, file=Path("/nowhere/c.toml"), files=False)
