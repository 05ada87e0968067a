"""A small Internet on loopback: every outcome that RFC 8460 knows, on demand.

Part of the product: a newcomer's first run, a developer's test bed, and an operator's peer for an MTA of his own. The
decision table (`outcomes.toml`) is data: `site` makes of a cell what a domain publishes, `internet` serves it, `run`
delivers to it, `compare` holds what happened against the cell.
"""

from tlswitness.lab.choose import choose
from tlswitness.lab.compare import Shown
from tlswitness.lab.internet import Internet
from tlswitness.lab.render import as_json, summary, table_of
from tlswitness.lab.run import show, shown
from tlswitness.lab.serve import Served, serve
from tlswitness.lab.table import Cell, cells

__all__ = [
    "Cell",
    "Internet",
    "Served",
    "Shown",
    "as_json",
    "cells",
    "choose",
    "serve",
    "show",
    "shown",
    "summary",
    "table_of",
]
