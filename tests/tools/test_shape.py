from tools.shape import modules, p95, summary


def test_shape(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_text('"""Doc."""\n\nasync def f():\n    def g():\n        pass\n')
    [module] = modules(tmp_path)
    assert (module.name, module.lines, module.documented) == ("a.b", 5, True)
    assert dict(module.functions) == {"f": 3, "g": 2}
    assert summary([module]).startswith("1 modules, 5 lines")


def test_p95():
    assert p95([1] * 95 + [100] * 5) < 100
    assert p95([]) == 0
    assert p95([7]) == 7
