"""Whether the journal keeps its promises while everybody who works on it is killed, and the power fails.

Separate from `faults`, which kills who delivers: here points are written by the million, and each is looked for.
"""
