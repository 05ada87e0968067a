from tlswitness.config import parse_config
from tlswitness.service.loading import what_does_not_load


async def test_what_does_not_load_is_told_in_order(tmp_path):
    hooks = {
        "good": "def core_smtp_tls_reporting(point): pass",
        "raises": "1/0",
        "empty": "",
        "ends": "import os; os._exit(3)",
    }
    text = f'state_dir = "{tmp_path / "state"}"\n'
    for name, code in hooks.items():
        (tmp_path / f"{name}.py").write_text(code + "\n")
        text += f'[[hook]]\npython = "{tmp_path / name}.py"\n'
    failed = await what_does_not_load(parse_config(text))
    assert [each.name for each in failed] == ["raises", "empty", "ends"]
    assert "ZeroDivisionError" in failed[0].reason
    assert "it has no core_smtp_tls_reporting" in failed[1].reason
    assert "exit status 3" in failed[2].reason
    assert not (tmp_path / "state").exists(), "it is a trial, nothing is kept"


async def test_without_modules():
    assert await what_does_not_load(parse_config("")) == ()
