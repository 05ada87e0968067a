"""Descriptor 1 caught, in processes of their own: pytest has plans for its own."""

import json
import subprocess
import sys

HEAD = """
import json, os, subprocess, sys
from tlswitness.hooks.host.captured import MAX_LINE, Captured
before = os.dup(1)
printed = []
"""
FOOT = """
os.write(before, json.dumps(printed).encode())
"""


def caught(code: str) -> tuple[list[str], str]:
    """What the printer was told, and what the process itself wrote behind that."""
    done = subprocess.run([sys.executable, "-c", HEAD + code + FOOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    start = done.stdout.index("[")
    return json.loads(done.stdout[start:]), done.stdout[:start]


def test_whole_lines_at_once_and_the_rest_at_the_end():
    printed, before = caught("""
captured = Captured(printed.append)
os.write(1, b"one\\ntwo\\n\\nthr")
captured.take()
printed.append("|")
os.write(1, b"ee\\n\\xff")
captured.take()
printed.append("|")
captured.close()
os.write(1, b"mine")
""")
    assert printed == ["one", "two", "", "|", "three", "|", "\ufffd"]
    assert before == "mine"


def test_of_a_program_that_the_module_runs():
    printed, _ = caught("""
captured = Captured(printed.append)
subprocess.run(["echo", "hello"], check=True)
captured.take()
os.system("echo again")
captured.close()
""")
    assert printed == ["hello", "again"]


def test_nothing_is_lost_over_many_calls():
    printed, _ = caught("""
captured = Captured(printed.append, held=8192)
for number in range(5000):
    os.write(1, b"%d\\n" % number)
    if number % 7 == 0:
        captured.take()
captured.close()
""")
    assert printed == [str(number) for number in range(5000)]


def test_printing_without_end_fills_what_there_is_and_no_more():
    printed, _ = caught("""
captured = Captured(printed.append, held=8192)
try:
    while True:
        os.write(1, b"x" * 99 + b"\\n")
except PermissionError:
    pass
captured.take()
os.write(1, b"\\nafter\\n")
captured.close()
""")
    assert printed[:81] == ["x" * 99] * 81
    assert printed[81].startswith("(more than 8192 octets")
    assert printed[82:] == ["x" * 92, "after"]


def test_a_line_without_end_is_told_in_pieces():
    printed, _ = caught("""
captured = Captured(printed.append)
os.write(1, b"a" * (MAX_LINE + 5))
captured.take()
os.write(1, b"b\\n")
captured.close()
printed = [len(line) for line in printed]
""")
    assert printed == [64 * 1024, 6]


def test_a_process_without_a_descriptor_1():
    printed, _ = caught("""
os.close(1)
captured = Captured(printed.append)
os.write(1, b"line\\n")
captured.close()
""")
    assert printed == ["line"]
