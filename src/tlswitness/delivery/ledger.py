"""What is known of each recipient of one delivery. Pure.

Separate from the route because it is where a message could be lost or sent twice: who is settled is never tried again,
who may have been served without our knowing is never tried again in this delivery, and each of the others is deferred
with the last thing that went wrong for him. RFC 5321 sections 4.2.1 and 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tlswitness.delivery.outcome import CLEAR_TEXT, Deferred, Delivered, Failed, RecipientOutcome, Relay, TlsFacts
from tlswitness.delivery.smtp.transaction import Later, Never, RecipientResult, Taken

NOTHING_TRIED = Deferred("", "4.4.1", "no host could be reached")


@dataclass(slots=True)
class Ledger:
    """The recipients of one delivery."""

    recipients: tuple[str, ...]
    _open: dict[str, None] = field(init=False)
    _settled: dict[str, RecipientOutcome] = field(default_factory=dict, init=False)
    _said: dict[str, Deferred] = field(default_factory=dict, init=False)
    """What a server last answered about one recipient; forgotten when something stands in the way of all."""
    _note: Deferred = field(default=NOTHING_TRIED, init=False)
    _put_off: set[str] = field(default_factory=set, init=False)
    """To whom some server said: later."""
    _for_good: Failed | None = field(default=None, init=False)
    """What stands in the way of all that are open and will stand there tomorrow."""
    _passing: bool = field(default=False, init=False)
    """Something else stood in the way of all as well, which may be gone tomorrow."""
    _in_flight: dict[str, Relay] = field(default_factory=dict, init=False)
    """Who is asked to take the message for them."""

    def __post_init__(self) -> None:
        self._open = dict.fromkeys(self.recipients)

    @property
    def open(self) -> tuple[str, ...]:
        """Those still to be settled, each once, in their order."""
        return tuple(self._open)

    @property
    def closed(self) -> bool:
        """All are settled."""
        return not self._open

    def is_open(self, recipient: str) -> bool:
        return recipient in self._open

    def note(self, status: str, text: str, relay: Relay | None = None) -> None:
        """Something stands in the way of all that are open: what their deferral will say, unless more happens.

        A status of class 5 says that it is there to stay, though another host may be free of it. Who waits for
        something else is told of that.
        """
        if status.startswith("5"):
            self._for_good = Failed("", status, text, relay)
            if not self._passing:
                self._note = Deferred("", f"4{status[1:]}", text, relay)
            return
        self._passing = True
        self._note = Deferred("", status, text, relay)
        self._said.clear()

    @property
    def hopeless(self) -> bool:
        """Whether all that kept the mail from those that are open, if all hosts have been tried, is there to stay."""
        return self._for_good is not None and not self._passing and self._put_off.isdisjoint(self._open)

    def conclude(self) -> None:
        """All hosts have been tried: who met with nothing else than what is there to stay is never delivered to."""
        if self._for_good is None or self._passing:
            return
        for recipient in self.open:
            if recipient not in self._put_off:
                self._settle(replace(self._for_good, recipient=recipient))

    def reject(self, status: str, text: str) -> None:
        """None of those that are open can ever be delivered to."""
        for recipient in self.open:
            self._settle(Failed(recipient, status, text))

    def depart(self, recipients: Sequence[str], relay: Relay) -> None:
        """The content for these is about to be written: from now on the server may have it."""
        for recipient in recipients:
            self._in_flight[recipient] = relay

    def arrive(
        self, recipients: Sequence[str], results: Sequence[RecipientResult], relay: Relay, tls: TlsFacts = CLEAR_TEXT
    ) -> None:
        """The results of a transaction that departed, in the order of its recipients."""
        for recipient, result in zip(recipients, results, strict=True):
            self._in_flight.pop(recipient, None)
            match result:
                case Taken(status=status, text=text):
                    self._settle(Delivered(recipient, status, text, relay, tls))
                case Never(status=status, text=text):
                    self._settle(Failed(recipient, status, text, relay))
                case Later(status=status, text=text, uncertain=True):
                    self._settle(Deferred(recipient, status, text, relay, uncertain=True))
                case Later(status=status, text=text):
                    self._said[recipient] = Deferred(recipient, status, text, relay)
                    self._put_off.add(recipient)

    def break_off(self, status: str, text: str) -> None:
        """The delivery ends here and now: whether a server has taken the message for those in flight, nobody knows."""
        for recipient, relay in self._in_flight.items():
            self._settle(Deferred(recipient, status, text, relay, uncertain=True))
        self._in_flight = {}
        self.note(status, text)

    def outcomes(self) -> tuple[RecipientOutcome, ...]:
        """One for each recipient, in their order."""
        return tuple(self._outcome(recipient) for recipient in self.recipients)

    def _outcome(self, recipient: str) -> RecipientOutcome:
        known = self._settled.get(recipient) or self._said.get(recipient)
        return known or replace(self._note, recipient=recipient)

    def _settle(self, outcome: RecipientOutcome) -> None:
        """For good: the first word stands."""
        if outcome.recipient in self._open:
            del self._open[outcome.recipient]
            self._settled[outcome.recipient] = outcome
