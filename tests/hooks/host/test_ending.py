import subprocess
import sys

import pytest

from tlswitness.hooks.host.ending import end_with
from tlswitness.hooks.host.order import EXIT_MEMORY


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("MemoryError()", EXIT_MEMORY, ""),
        ("SystemExit(9)", 9, "the module called exit(): SystemExit: 9\n"),
        ("SystemExit('words')", 1, "the module called exit(): SystemExit: words\n"),
        ("SystemExit()", 1, "the module called exit(): SystemExit:\n"),
        ("SystemExit(256)", 1, "the module called exit(): SystemExit: 256\n"),
    ],
)
def test_these_end_the_process(error, status, said):
    code = f"from tlswitness.hooks.host.ending import end_with; end_with({error}); print('went on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (status, said, "")


def test_others_do_not():
    end_with(ValueError("x"))
    end_with(KeyboardInterrupt())
