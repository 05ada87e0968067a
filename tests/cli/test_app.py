import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from tlswitness import __version__
from tlswitness.cli import main
from tlswitness.cli.app import VERBS, tlswitness
from tlswitness.cli.status import Status

HEAVY = ("rich", "msgspec", "dns", "cryptography", "OpenSSL", "h11", "idna", "asyncio", "tlswitness.config")


def test_help(capsys):
    assert main(["--help"]) == Status.OK
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)
    assert "Exit status" in out
    assert "Examples" in out
    assert max(map(len, out.splitlines())) <= 100


def every_command() -> list[list[str]]:
    found = []
    for verb in VERBS:
        command = tlswitness.get_command(click.Context(tlswitness), verb)
        inside = command.commands if isinstance(command, click.Group) else {}
        found += [[verb], *([verb, name] for name in inside)]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_help_is_for_people(words, capsys):
    assert main([*words, "--help"]) == Status.OK
    out = capsys.readouterr().out
    assert "\\b" not in out
    assert "\b" not in out
    _, _, table = out.partition("\nCommands:\n")
    assert "..." not in table, "a line of the table is cut off"


def test_help_imports_nothing_heavy():
    code = "import sys; from tlswitness.cli import main; main(['--help']); print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.splitlines()) & set(HEAVY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs: /dev/full")
def test_output_that_cannot_be_written_is_an_error_in_words():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tlswitness", "config", "show"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == Status.IO
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_version(capsys):
    assert main(["--version"]) == Status.OK
    assert capsys.readouterr().out == f"tlswitness {__version__}\n"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["confg"], "there is no command 'confg'; did you mean 'config'?"),
        (["qwertz"], "No such command 'qwertz'"),
        (["--nonsense"], "No such option"),
        (["config", "show", "--domain", "a..b"], "'a..b' is not a domain"),
        (["config", "check", "extra"], "unexpected extra argument"),
    ],
)
def test_wrong_usage(capsys, args, text):
    assert main(args) == Status.USAGE
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_module_with_its_command(verb):
    module, text = VERBS[verb]
    assert module == f"tlswitness.cli.{ {'status': 'health'}.get(verb, verb) }"  # exit statuses have that name
    assert text.endswith(".")
    assert find_spec(module), f"{module} is missing"
    command = tlswitness.get_command(click.Context(tlswitness), verb)
    assert command is not None
    assert command.name == verb
    assert command.help


def test_a_fault_of_ours_has_a_status_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr("tlswitness.cli.app.tlswitness.main", lambda **_: 1 / 0)
    assert main([]) == Status.SOFTWARE
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_goes_away():
    code = "import sys; from tlswitness.cli import main; sys.exit(main(['config', 'show', '--defaults']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1
