"""The commands: one module for each verb.

Separate because a command turns words into calls and outcomes into words, and nothing else. `app` has the table of
verbs and imports a verb's module only when it is called, so that help is there at once.
"""

from tlswitness.cli.app import main

__all__ = ["main"]
