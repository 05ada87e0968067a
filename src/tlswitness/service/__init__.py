"""The daemon: configuration, wiring, reload, status and metrics.

Separate because every room below can be used without it; it alone knows which of them run together, and for how long.
"""
