"""The journal: the append-only record of all data points, on disk.

Separate because it is the bus: producers append and are told when it is safe, each consumer reads at its own pace and
keeps its own cursor. It knows data points and files, and nothing of who writes or reads.
"""
