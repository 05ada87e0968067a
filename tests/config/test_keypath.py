import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tlswitness.config.keypath import lines_of, quote_key, write_key

TEXT = """\
tls = "no" # first
"quoted key" = 1

[timeouts]
connect = 3
[domain."ex.ample"]
timeouts.dns = 4
[[hook]]
python = "a"
[[hook]]
  python = "b"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("tls",), 1),
        (("quoted key",), 2),
        (("timeouts",), 4),
        (("timeouts", "connect"), 5),
        (("domain",), 6),
        (("domain", "ex.ample"), 6),
        (("domain", "ex.ample", "timeouts", "dns"), 7),
        (("hook", 0, "python"), 9),
        (("hook", 1), 10),
        (("hook", 1, "python"), 11),
    ],
)
def test_lines(path, line):
    assert lines_of(TEXT)[path] == line


@example("[#]")
@given(st.text(alphabet="[]=\"'a.b#\n \\", max_size=60))
def test_any_text_has_lines(text):
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


@pytest.mark.parametrize(
    ("path", "text"),
    [((), ""), (("domain", "a.b", "tls"), 'domain."a.b".tls'), (("hook", 1, "python"), "hook[2].python")],
)
def test_write(path, text):
    assert write_key(path) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_keys_are_toml(key):
    assert tomllib.loads(f"{quote_key(key)} = 1") == {key: 1}
