"""What the process says."""

from __future__ import annotations

import os
import threading

from tlswitness.hooks.host.order import MAX_WORDS, Ended, Trouble, read_message
from tlswitness.hooks.host.speech import Speech


def test_whole_lines_from_several_threads() -> None:
    ours, theirs = os.pipe()
    speech = Speech(theirs)
    text = "x" * MAX_WORDS
    threads = [threading.Thread(target=lambda: [speech.trouble("error", text) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    heard = b""
    while heard.count(b"\n") < 200:
        heard += os.read(ours, 65536)
    for thread in threads:
        thread.join()
    assert {read_message(line) for line in heard.splitlines()} == {Trouble("error", text)}
    os.close(ours)
    os.close(theirs)


def test_a_supervisor_that_is_gone_is_no_error() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    Speech(theirs).say(Ended())
    os.close(theirs)


def test_programs_of_the_module_have_no_part_in_it() -> None:
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    Speech(theirs)
    assert not os.get_inheritable(theirs)
    os.close(ours)
    os.close(theirs)
