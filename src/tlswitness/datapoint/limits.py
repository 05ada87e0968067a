"""How large a data point may grow, in one place: makers keep to it, the decoder refuses what does not.

Separate because maker and decoder must agree: whatever is made here can be written, and read again.
Each limit bounds what a stranger can make us hold: the owner of a policy, an MX, or a foreign source of points.
"""

from __future__ import annotations

MAX_EPOCH = 253_402_300_799
"""Seconds since 1970: the last second of the year 9999, so that every epoch has a UTC day."""
MAX_TEXT = 256 * 1024
"""Octets of a whole data point as text: a foreign source could fill memory and disk with one point."""
MAX_DEPTH = 16
"""Objects and arrays within one another: deep nesting would exhaust the stack of whoever reads the point."""
MAX_VALUES = 65_536
"""Values in one point: an already decoded object may share its parts and so look far larger than it is."""
MAX_POLICY_STRING = 64 * 1024
"""Octets, as written, of `policy-string` and of `mx-host`: a policy's owner chooses them, each point carries them."""
MAX_MEMBER = 8192
"""Characters of any other text member: a foreign source chooses them."""
MAX_NAME = 256
"""Characters of the name of a member that we do not know."""
MAX_HELO = 255
"""Octets of `receiving-mx-helo` in points of ours: the peer chooses them."""
MAX_HOST = 255
"""Octets of a name in points of ours: longer than DNS allows, so nothing true is ever cut."""
MAX_TOKEN = 64
"""Characters of a result type: a source may name one that we do not know."""
MAX_FURTHER = 32
"""Further failures in one point: a peer chooses how many certificates it sends, and each may have its own fault."""
MAX_INTEGER = 2**64 - 1
MIN_INTEGER = -(2**63)
"""Integers of unknown members: what json-c can hold, and so what every hook can be told."""
