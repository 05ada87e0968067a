"""Kills the process in the middle of its work, again and again, and compares what it had said with what is true.

Separate from the tests because it goes on for as long as it is told to: `make soak` lets it kill a hundred times, the
tests a few times. What is compared, and the rules that must hold, are in `account`; what is killed, in `child`; the
world around it, in `town`; who kills, and when, in `kill`.
"""
