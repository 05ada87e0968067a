import json
from dataclasses import dataclass

import click

from tlswitness.cli.common import complain, configuration, console, dashed, json_members, json_option, print_json, warn
from tlswitness.cli.status import Status


def test_words_are_not_markup(capsys):
    console().print("[domain] 10.0.0.1 :smile:")
    complain("[red]")
    warn("[[hook]]")
    out, err = capsys.readouterr()
    assert out == "[domain] 10.0.0.1 :smile:\n"
    assert err == "error: [red]\nwarning: [[hook]]\n"


def test_json_keeps_letters(capsys):
    print_json({"ü": [1]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"ü": [1]}
    assert "ü" in out


def test_a_verb_gets_its_configuration(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("port = 26")
    with click.Context(click.Command("tlswitness"), obj=path) as ctx:
        assert configuration(click.Context(click.Command("x"), parent=ctx)).port == 26


def test_json_option():
    assert [option.name for option in json_option(click.command()(lambda: None)).params] == ["as_json"]


def test_statuses_are_those_of_sysexits():
    assert (Status.USAGE, Status.DATA, Status.SOFTWARE, Status.TEMPFAIL, Status.CONFIG) == (64, 65, 70, 75, 78)


def test_members_in_json_have_dashes_at_each_depth():
    @dataclass
    class Inner:
        bad_lines: int

    @dataclass
    class Outer:
        one_two: list[Inner]

    assert json_members(Outer([Inner(3)])) == {"one-two": [{"bad-lines": 3}]}


def test_members_are_named_with_dashes():
    assert dashed({"a_b": [{"c_d": "e_f"}], "g": 1}) == {"a-b": [{"c-d": "e_f"}], "g": 1}
