import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.config import Config, DomainConfig, parse_config
from tlswitness.config.kind import Choice, Count, Flag, Seconds, Text
from tlswitness.config.option import Option, options_of
from tlswitness.config.show import domain_toml, scope_json, to_json, to_toml, toml_value

TEXT = """\
tls = "required"
tls_ca = "/etc/ssl/private.pem"
report_ip = ["192.0.2.1", "2001:db8::1"]
resolvers = ["127.0.0.1", "[::1]:5353"]

[timeouts]
connect = 7
dns = 0.5

[[hook]]
python = "notify.mail"
name = "notify.mail"
members = "seed"

[domain."x.example"]
comment = "a \\"quoted\\" word"
expires = 2027-02-01T00:00:00Z
tls = "no"
route = ["relay.example.net:2525", "[192.0.2.1]"]
timeouts.connect = 9
"""


def test_what_is_set_is_shown_as_it_was_written():
    assert to_toml(parse_config(TEXT, files=False)) == TEXT


def test_nothing_set_shows_nothing():
    assert to_toml(Config()) == ""


@pytest.mark.parametrize("text", ["", TEXT])
def test_the_defaults_are_comments(text):
    config = parse_config(text, files=False)
    shown = to_toml(config, defaults=True)
    assert parse_config(shown, files=False) == config
    assert all(f"{option.name.rpartition('.')[2]} =" in shown for option in options_of(Config))


def test_uncommented_defaults_are_the_defaults():
    shown = to_toml(Config(), defaults=True)
    live = "\n".join(
        line.removeprefix("#") for line in shown.splitlines() if re.search("= [^ ]", line) or line.startswith("[")
    )
    assert parse_config(live) == Config()


def test_a_domain():
    config = parse_config(TEXT, files=False, clock=lambda: 0.0)
    shown = domain_toml(config, "X.example")
    assert tomllib.loads(shown)["tls"] == "no"
    assert tomllib.loads(shown)["timeouts"] == {"connect": 9}
    assert domain_toml(Config(), "x.example") == ""


def test_json():
    config = parse_config(TEXT, files=False)
    table = json.loads(json.dumps(to_json(config)))
    assert table["timeouts"]["dns"] == 0.5
    assert table["hook"][0]["python"] == "notify.mail"
    assert table["domain"]["x.example"]["timeouts.connect"] == 9
    assert table["domain"]["x.example"]["expires"] == "2027-02-01T00:00:00+00:00"
    assert scope_json(config.for_domain("other.example"), DomainConfig)["tls"] == "required"


@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.lists(st.text('a"\\\n'))
)
def test_values_are_toml(value):
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


def test_a_time_is_toml():
    moment = datetime(2027, 1, 2, tzinfo=UTC)
    assert tomllib.loads(f"x = {toml_value(moment)}") == {"x": moment}


def values(option: Option) -> st.SearchStrategy[object]:
    """Values that the option allows, as they stand in a file."""
    match option.facts.kind:
        case Flag():
            return st.booleans()
        case Choice(words=words):
            return st.sampled_from([word.value for word in words])
        case Count(least=least, most=most):
            return st.integers(least, most)
        case Seconds(least=least, most=most):
            return st.integers(int(least) + 1, int(most))
        case Text():
            return st.text(st.characters(exclude_categories=["C", "Z"]))
        case _:
            return st.nothing()


SIMPLE = [option for option in options_of(DomainConfig) if not values(option).is_empty]
KEEP_OUT = {"dane_required", "tls_verify"}  # they contradict others


@given(st.data())
def test_what_is_shown_means_the_same_when_read_again(data):
    chosen = data.draw(st.lists(st.sampled_from(SIMPLE), unique_by=lambda option: option.name))
    lines = [f"{o.name} = {toml_value(data.draw(values(o)))}" for o in chosen if o.name not in KEEP_OUT]
    text = "\n".join([*lines, '[domain."x.example"]', *lines[::2], "comment = 'why'"])
    config = parse_config(text, file=Path("/c.toml"))
    assert parse_config(to_toml(config), file=Path("/c.toml")) == config
