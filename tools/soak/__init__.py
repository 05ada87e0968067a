"""Endurance: hostile input to everything that reads what strangers write, for minutes; and the whole lab, now and then.

Separate from the tests because it has no end of its own: the tests show what we thought of, this looks for what we did
not. `target` is what a target is, each other module but `mutate` and `run` is one, with the oracle that tells a fault.
"""
