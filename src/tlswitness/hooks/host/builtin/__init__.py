"""The modules that are ours: a paniclog as the seed's script writes it, JSON lines, and a webhook.

Separate from the hosts because nobody else's code runs here. They take many points in one call, and lose none to a full
disk or a server that is away: they ask to be told again.
"""

from tlswitness.hooks.host.builtin.load import load

__all__ = ["load"]
