import pytest

from tlswitness.config import ConfigError, load_config, parse_config


def test_files_that_are_there(tmp_path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "hook.py").write_text("")
    text = (
        'tls_ca = "ca.pem"\n[domain."x.example"]\ntls_ca = "."\n[[hook]]\npython = "hook.py"\n[[hook]]\npython = "os"\n'
        '[[hook]]\njsonl = "none/yet"\n[[hook]]\nwebhook = "http://127.0.0.1:1"'
    )
    config = parse_config(text, file=tmp_path / "c.toml")
    assert config.tls_ca == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('tls_ca = "none.pem"', 1, "No such file"),
        ('tls_ca = "empty.pem"', 1, "no certificate"),
        ('[domain."x.example"]\ntls_ca = "none.pem"', 2, "No such file"),
    ],
)
def test_files_that_are_not(tmp_path, text, line, what):
    (tmp_path / "empty.pem").touch()
    with pytest.raises(ConfigError, match=what) as caught:
        parse_config(text, file=tmp_path / "c.toml")
    [problem] = caught.value.problems
    assert problem.line == line
    assert problem.value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[[hook]]\npython = "none.py"', "no such file"),
        ('[[hook]]\nlua = "none.lua"', "no such file"),
        ('[[hook]]\nc = "."\nname = "x"', "it is a directory"),
        ('[[hook]]\njsonl = "."\nname = "x"', "it is a directory"),
    ],
)
def test_a_module_that_is_not_there_is_warned_of_and_fails_no_mail(tmp_path, text, what):
    file = tmp_path / "c.toml"
    file.write_text('[[hook]]\npython = "os"\n' + text)
    [warning] = load_config(file).warnings
    assert warning.startswith(f"{file}: hook[2].")
    assert what in warning
