"""A small Internet on loopback: every outcome that RFC 8460 knows, on demand.

Part of the product: a newcomer's first run, a developer's test bed, and an operator's peer for an MTA of his own. The
decision table (`outcomes.toml`) is data: `site` makes of a cell what a domain publishes, `internet` serves it, `stage`
sets it up, `run` delivers to it, `compare` holds what happened against the cell.
"""

from tlswitness.lab.choose import choose
from tlswitness.lab.compare import NotShown, Result, Shown
from tlswitness.lab.directions import directions
from tlswitness.lab.internet import Internet, Ports
from tlswitness.lab.render import as_json, listing, result_as_json, story, summary
from tlswitness.lab.run import show, shown
from tlswitness.lab.serve import HIGH, Served, servable, serve
from tlswitness.lab.stage import Staged, staged
from tlswitness.lab.table import Cell, cells

__all__ = [
    "HIGH",
    "Cell",
    "Internet",
    "NotShown",
    "Ports",
    "Result",
    "Served",
    "Shown",
    "Staged",
    "as_json",
    "cells",
    "choose",
    "directions",
    "listing",
    "result_as_json",
    "servable",
    "serve",
    "show",
    "shown",
    "staged",
    "story",
    "summary",
]
