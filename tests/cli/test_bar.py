import io

import pytest
from rich.console import Console

from tlswitness.cli import bar as module
from tlswitness.cli.bar import bar


@pytest.fixture
def shown(monkeypatch):
    """A terminal, and what is written to it."""
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=80)
    monkeypatch.setattr(module, "console", lambda *, stderr: terminal)
    return out


def test_a_bar_on_a_terminal(shown):
    with bar(200, "reading \x1b[31m") as done:
        done(50)
        done(50)
    assert "reading ?[31m" in shown.getvalue()
    assert "50%" in shown.getvalue()


def test_none_where_nobody_knows_how_much_there_is(shown):
    with bar(None, "exporting") as done:
        done(50)
    assert shown.getvalue() == ""


def test_none_in_a_pipe(capsys):
    with bar(200, "reading") as done:
        done(50)
    assert capsys.readouterr() == ("", "")
