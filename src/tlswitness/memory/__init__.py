"""What is remembered for a while and no longer: bounded, whatever the network makes us remember.

Separate because policies (back-off) and reporting (nothing is told twice) remember alike, and neither is the other's.
Imports nothing and knows nothing of mail.
"""

from tlswitness.memory.recently import Recently

__all__ = ["Recently"]
