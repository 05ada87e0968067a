"""How much a script may take, and how much is kept of what it is told.

Separate because each number has a reason. The process as a whole has limits of its own (`ModuleLimits`); these come
before them, so that a script is told with words in place of being killed.
"""

from __future__ import annotations

MAX_INSTRUCTIONS = 100_000_000
"""Of one call: one or two seconds. An endless loop ends here, and the next call begins anew."""
MAX_SECONDS = 5.0
"""CPU of one call, looked at every 1,000 instructions. A single library function (a pattern that backtracks) that takes
longer is ended by the daemon's deadline, with the process."""
MEMORY_SHARE = 0.5
"""Of the process's memory that Lua may have: Python needs the rest, and must not be the one who hits the limit."""
MAX_SCRIPT = 4 * 1024 * 1024
"""Octets of a script or of a file that it requires."""
MAX_FINDINGS = 4096
"""Findings that are kept as Lua tables, in each of two generations: a foreign source may make every point distinct."""
MAX_KEPT_TEXT = 8 * 1024 * 1024
"""Characters of all findings in one generation: as tables they take several times that."""
MEMORY_FOR_TEXT = 64
"""Octets of Lua's memory for each such character, at least: a script with little memory has few findings kept."""
