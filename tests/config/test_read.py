import pytest

from tlswitness.config import ConfigError, parse_config


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, files=False)
    return [str(problem).removeprefix("tlswitness.toml:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('tls = "always"', '1: tls = "always": allowed: "no", "ifavailable" or "required"'),
        ("tlss = 1", "1: tlss: no such option; did you mean `tls`?"),
        ("Use_DANE = true", "1: Use_DANE: no such option; did you mean `use_dane`?"),
        (
            "[domain.old.example]\ntls = 'no'",
            '1: domain.old.example: no such option; a domain is written in quotes: [domain."old.example"]',
        ),
        ("qwertz = true", "1: qwertz: no such option"),
        ("connect = 3", "1: connect: no such option; it stands under [timeouts]"),
        ("comment = 'x'", "1: comment: no such option"),
        ("timeouts = 3", "1: timeouts = 3: not a table; allowed: [timeouts] with options below it"),
        ("[timeouts]\nport = 3", "2: timeouts.port: no such option; it stands before all tables"),
        ("domain = 3", "1: domain = 3: not a table; allowed: [domain] with options below it"),
        ("hook = 3", "1: hook = 3: not an array of tables; allowed: [[hook]]"),
        ("port = {}", "1: port = a table: a table cannot stand here; allowed: a whole number from 1 to 65535"),
        (
            '\n[domain."x.example"]\nstate_dir = "/x"',
            '3: domain."x.example".state_dir: no such option; it holds for the whole machine, not for a domain',
        ),
        (
            '[domain."x.example"]\nconnect = 3',
            '2: domain."x.example".connect: no such option; it stands under [domain."x.example".timeouts]',
        ),
        (
            '[domain."x.example".timeouts]\nroute = "x"',
            '2: domain."x.example".timeouts.route: no such option; it stands under [domain."x.example"]',
        ),
        ('[domain."a..b"]', '1: domain."a..b": it has an empty label; allowed: a domain: [domain."example.com"]'),
        (
            '[domain."BÜ.example"]\n[domain."bü.example"]',
            '2: domain."bü.example": a second scope of xn--b-eha.example',
        ),
        (
            "[[hook]]\nname = 'x'",
            "1: hook[1]: no module; one of `python`, `lua`, `c`, `paniclog`, `jsonl` or `webhook` must name one",
        ),
        ("[[hook]]\nlua = 'a.lua'\nc = 'a.so'", "3: hook[1].c: `lua` is there too; a hook is one module of one kind"),
        ("[[hook]]\njsonl = ''", '2: hook[1].jsonl = "": allowed: the path of a file'),
        (
            "[[hook]]\npython = 'a'\nbatch = 3",
            "3: hook[1].batch: a hook of the kind `python` has no such option; it is for webhook",
        ),
        (
            "[[hook]]\njsonl = 'a'\nmicroseconds = false",
            (
                "3: hook[1].microseconds: a hook of the kind `jsonl` has no such option; "
                "it is for python, lua, c or paniclog"
            ),
        ),
        (
            "[[hook]]\nlua = '\N{PILE OF POO}'",
            "1: hook[1]: it has no name; nothing of its target can be one: `name` gives it one",
        ),
        (
            "[[hook]]\nlua = 'a'\nname = '..'",
            '3: hook[1].name = "..": allowed: 1 to 64 letters, digits, `.`, `_` and `-`, not dots alone',
        ),
        (
            "dane_required = true\nuse_dane = false",
            "1: dane_required: DANE is turned off; turn on `use_dane` and `enable_dane`",
        ),
        ("tls_verify = true\ntls = 'no'", '1: tls_verify: `tls` is "no"; without TLS there is no certificate'),
    ],
)
def test_a_problem_says_what_and_where_and_what_is_allowed(text, problem):
    assert problems(text) == [problem]


def test_all_problems_are_shown_in_the_order_of_the_file():
    found = problems('[domain."x.example"]\nport = 0\n[timeouts]\ndns = -1\nx = 1\n[log]\nlevel = "loud"')
    assert [int(text.partition(":")[0]) for text in found] == [2, 4, 5, 7]


def test_a_contradiction_may_come_from_both_scopes():
    assert problems('tls = "no"\n[domain."x.example"]\ntls_verify = true')[0].startswith(
        '3: domain."x.example".tls_verify'
    )


def test_a_domain_may_go_without_the_route_of_all():
    config = parse_config('route = "relay.example.net"\n[domain."x.example"]\nroute = []')
    assert str(config.route[0]) == "relay.example.net"
    assert config.for_domain("x.example").route == ()


def test_relative_paths_count_from_the_file(tmp_path):
    config = parse_config('state_dir = "state"', file=tmp_path / "c.toml")
    assert config.state_dir == tmp_path / "state"
    assert config.mta_sts_policy_store == tmp_path / "state" / "mta-sts"


def test_two_hooks_of_one_name_are_both_told_of():
    text = "[[hook]]\npython = 'a'\n[[hook]]\nlua = 'd/a.lua'\n[[hook]]\nwebhook = 'https://a/x'\nname = 'b'"
    assert problems(text) == [
        '1: hook[1]: its name "a" is that of hook[2] too; `name` tells them apart',
        '3: hook[2]: its name "a" is that of hook[1] too; `name` tells them apart',
    ]
