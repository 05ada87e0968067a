"""The public face for programs: policy, delivery and hooks behind one `Engine`.

Separate because it is the only room that knows all the others below it: it translates the configuration for each of
them and wires them together. Anything that decides something belongs further down.
"""

from tlswitness.engine.engine import Engine
from tlswitness.engine.surroundings import Surroundings

__all__ = ["Engine", "Surroundings"]
