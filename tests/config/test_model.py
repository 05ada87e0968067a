import logging
from pathlib import Path

import pytest

from tlswitness.config import Config, DomainConfig, parse_config
from tlswitness.config.model import scope_key

TEXT = """\
tls = "required"
[timeouts]
connect = 7
mail = 8
[domain."Bücher.example"]
tls = "no"
timeouts.connect = 9
[domain."old.example"]
comment = "renewal is promised"
expires = 2027-01-31
tls = "no"
"""
DURING = 1_800_000_000  # 2027-01-15
AFTER = 1_801_440_000  # 2027-02-01


def test_everything_has_a_default():
    config = Config(state_dir=Path("/state"))
    assert config.use_mta_sts
    assert config.enable_dane
    assert config.mta_sts_policy_store == Path("/state/mta-sts")
    assert config.for_domain("example.com") is config


@pytest.mark.parametrize("domain", ["bücher.example", "BÜCHER.EXAMPLE.", "xn--bcher-kva.example"])
def test_a_domain_is_found_in_any_form(domain):
    scope = parse_config(TEXT).for_domain(domain)
    assert scope.tls == "no"
    assert scope.timeouts.connect == 9
    assert scope.timeouts.mail == 8
    assert type(scope) is DomainConfig


@pytest.mark.rfc(8461, "3.4")
@pytest.mark.parametrize("domain", ["sub.bücher.example", "example", "a..b", "[192.0.2.1]", ""])
def test_others_have_the_global_options(domain):
    config = parse_config(TEXT)
    assert config.for_domain(domain) is config


def test_an_expired_scope_is_ignored_and_told_once(caplog):
    now = DURING
    config = parse_config(TEXT, clock=lambda: now)
    assert config.for_domain("old.example").tls == "no"
    assert config.warnings() == []
    now = AFTER
    with caplog.at_level(logging.WARNING):
        assert config.for_domain("old.example").tls == "required"
        assert config.for_domain("old.example").tls == "required"
    [warning] = config.warnings()
    assert [record.message for record in caplog.records] == [warning]
    assert "old.example" in warning
    assert "renewal is promised" in warning


def test_scope_key():
    assert scope_key("BÜCHER.example") == "xn--bcher-kva.example"
    assert scope_key("a..b") == ""


@pytest.mark.parametrize(("python", "file"), [("a.b", None), ("x.py", Path("x.py")), ("d/x.py", Path("d/x.py"))])
def test_a_hook_is_a_file_or_an_import_path(python, file):
    [hook] = Config(hook=(parse_config(f'[[hook]]\npython = "{python}"', files=False).hook)).hook
    assert hook.file == (None if file is None else Path.cwd() / file)
    assert hook.name == ("a.b" if file is None else "x")
