from tools.config_page import HEAD, main, page

from tlswitness.config import Config, HookConfig, ScopeNotes, parse_config
from tlswitness.config.option import options_of


def test_every_option_is_there_once():
    rows = [line.split("`")[1] for line in page().splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(
        option.name for scope in (Config, ScopeNotes, HookConfig) for option in options_of(scope)
    )


def test_the_example_is_right():
    example = HEAD.partition("```toml\n")[2].partition("```")[0]
    config = parse_config(example, files=False, clock=lambda: 0.0)
    assert len(config.domains) == 3
    assert not config.for_domain("old.example").enable_mta_sts


def test_the_page_is_current(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err
