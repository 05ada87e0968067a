from tools.page import cell, settle


def test_settle(tmp_path, capsys):
    page = tmp_path / "docs" / "page.md"
    assert settle(page, "text", check=True, remedy="make it") == 1
    assert "run `make it`" in capsys.readouterr().err
    assert settle(page, "text", check=False, remedy="make it") == 0
    assert page.read_text() == "text"
    assert settle(page, "text", check=True, remedy="make it") == 0


def test_cell():
    assert cell("a|b\nc") == "a\\|b c"
