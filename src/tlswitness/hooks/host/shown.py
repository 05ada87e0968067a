"""Findings as a module's view shows them: one object for each distinct one, as long as it is in use.

Separate because a host keeps what it has made of a finding (an object of its language), and views would make a new one
of each session otherwise.
"""

from __future__ import annotations

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.views import Members, Sessions, View

MAX_KEPT = 65_536
"""Findings that are kept, and"""
MAX_OCTETS = 32 * 1024 * 1024
"""about the octets of their texts: whoever owns a policy chooses them."""


class Shown:
    """A view, with a memory. Bounded: when it is full all is forgotten, and made anew as it is needed."""

    def __init__(self, view: View, *, most: int = MAX_KEPT, most_octets: int = MAX_OCTETS) -> None:
        self._view = view
        self._most = most
        self._most_octets = most_octets
        self._octets = 0
        # By identity, which is cheaper than the text; the finding is kept so that no other one gets its place.
        self._kept: dict[int, tuple[Finding, Finding | None]] = {}
        self._by_text: dict[str, Finding] = {}

    @property
    def everything(self) -> bool:
        """Whether each finding is shown as it is."""
        return self._view == View(Members.FULL, Sessions.ALL)

    def of(self, finding: Finding) -> Finding | None:
        """`finding` as the module sees it; None where it does not."""
        known = self._kept.get(id(finding))
        return known[1] if known is not None else self._make(finding)

    def _make(self, finding: Finding) -> Finding | None:
        shown = finding.seen(self._view)
        if shown is not None:
            shown = self._by_text.get(shown.tail, shown)
        size = len(finding.tail) + (len(shown.tail) if shown is not None and shown is not finding else 0)
        if len(self._kept) >= self._most or self._octets + size > self._most_octets:
            self._kept.clear()
            self._by_text.clear()
            self._octets = 0
        self._octets += size
        self._kept[id(finding)] = finding, shown
        if shown is not None:
            self._by_text[shown.tail] = shown
        return shown
