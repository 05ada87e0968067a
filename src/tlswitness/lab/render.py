"""The lab's results: a story by events for people, an object for each cell for programs.

Every line is made here, to the width that is asked for, so that a pipe gets the same words as a terminal. Colour only
underlines what the words say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Any

from rich.console import Console
from rich.text import Text

from tlswitness.datapoint import DataPoint, to_dict
from tlswitness.lab.compare import NotShown, Result, Shown, describe
from tlswitness.lab.table import Cell, Mail, Where

WIDE = 120
"""Columns from which on a cell's facts stand side by side."""
MAX_POLICY = 32
"""Columns for the policy in words, side by side with the rest."""

INTRODUCTION = (
    "Real messages through a small Internet on loopback: what happens, and for each policy that a recipient may have "
    "what becomes of the mail, and the data points that are made of it."
)
_STYLE = {Mail.TLS: "green", Mail.CLEAR: "yellow", Mail.DEFERRED: "cyan", Mail.FAILED: "cyan"}
_MAIL_WIDTH = max(len(mail.words) for mail in Mail)
_ALARM = "bold red"


def story(results: Sequence[Result], width: int) -> Iterator[Text]:
    """All cells that were shown, by event, in lines of at most `width` columns."""
    shown = [result for result in results if isinstance(result, Shown)]
    yield from _wrap(Text(INTRODUCTION, style="dim"), width)
    for part, of_part in groupby(shown, lambda one: one.cell.part):
        yield from (Text(), *_wrap(Text(f"== {part} ==", style="bold"), width))
        for _, of_event in groupby(of_part, lambda one: one.cell.row):
            yield from (Text(), *_event(list(of_event), width))


def summary(results: Sequence[Result], width: int, seconds: float) -> Iterator[Text]:
    """The numbers, the reasons for what was not shown, and whether all ended as it should."""
    shown = [result for result in results if isinstance(result, Shown)]
    if shown:
        yield from (Text(), *_wrap(_mails(shown, seconds), width), Text(), *_kinds(shown))
    yield from _missing([result for result in results if isinstance(result, NotShown)], width)
    yield Text()
    yield from _wrap(_verdict(shown), width)


def listing(cells: Iterable[Cell], width: int) -> Iterator[Text]:
    """What there is to be shown, and what is not."""
    for _, group in groupby(cells, lambda cell: cell.row):
        of_event = list(group)
        yield from _heading(of_event[0], width)
        margin = 4 + max(len(cell.id) for cell in of_event)
        for cell in of_event:
            text = Text(cell.policy)
            if cell.not_shown is not None:
                text.append(f" (not shown: {cell.not_shown})", style="dim")
            yield from _hang(Text(f"  {cell.id}"), text, margin, width)


def as_json(cell: Cell) -> dict[str, Any]:
    """What is known of a cell before it is run."""
    expected = {"mail": str(cell.mail), "points": [str(point) for point in cell.points]}
    return {
        "scenario": cell.id,
        "event": cell.event,
        "policy": cell.policy,
        "rfc": cell.rfc,
        "domain": cell.domain,
        "expected": expected if cell.not_shown is None else None,
        "not-shown": cell.not_shown,
    }


def result_as_json(result: Result) -> dict[str, Any]:
    """A cell, and what became of it: the same members for all; those that an unshown cell has not are null."""
    known = as_json(result.cell)
    if isinstance(result, NotShown):
        known["not-shown"] = result.reason
        outcome = dict.fromkeys(("mail", "text", "points", "as-expected", "differences", "seconds"))
        return known | outcome
    return known | {
        "mail": str(result.mail),
        "text": result.text,
        "points": [to_dict(point) for point in result.points],
        "as-expected": result.as_expected,
        "differences": list(result.differences),
        "seconds": round(result.seconds, 3),
    }


def _heading(cell: Cell, width: int) -> Iterator[Text]:
    number, _, section = cell.rfc.partition(" ")
    text = Text(cell.event, style="bold").append(f"  RFC {number} section {section}", style="not bold dim")
    return _hang(Text(cell.row, style="bold"), text, len(cell.row) + 2, width)


def _event(of_event: Sequence[Shown], width: int) -> Iterator[Text]:
    yield from _heading(of_event[0].cell, width)
    margin = 4 + max(len(one.cell.id) for one in of_event)
    for one in of_event:
        yield from _abreast(one, margin, width) if width >= WIDE else _stacked(one, margin, width)
        for difference in one.differences:
            yield from _hang(Text("!", _ALARM), Text(f"otherwise: {difference}", style="red"), margin, width)


def _stacked(one: Shown, margin: int, width: int) -> Iterator[Text]:
    text = Text(f"{one.cell.policy}: ").append(one.mail.words, style=_STYLE[one.mail])
    yield from _hang(_label(one), text, margin, width)
    for point in _points(one):
        yield from _hang(Text(" " * margin + "- "), point, margin + 2, width)


def _abreast(one: Shown, margin: int, width: int) -> Iterator[Text]:
    policies = _wrap(Text(one.cell.policy), MAX_POLICY)
    mail = [Text(one.mail.words, style=_STYLE[one.mail])]
    left = margin + MAX_POLICY + 2 + _MAIL_WIDTH + 2
    points = [line for point in _points(one) for line in _hang(Text(), point, 2, width - left, first=0)]
    rows = zip_longest([_label(one)], policies, mail, points, fillvalue=Text())
    for label, policy, fate, point in rows:
        line = _side_by_side(
            _padded(label, margin), _padded(policy, MAX_POLICY + 2), _padded(fate, _MAIL_WIDTH + 2), point
        )
        line.rstrip()
        yield line


def _label(one: Shown) -> Text:
    return Text(f"  {one.cell.id}", "bold") if one.as_expected else Text(f"! {one.cell.id}", _ALARM)


def _points(one: Shown) -> list[Text]:
    return [_point(point) for point in one.points] or [Text("no data point", style="dim")]


def _point(point: DataPoint) -> Text:
    known = describe(point)
    text = Text(f"{known.policy} ")
    text.append(known.result, style="green" if known.result == "success" else "magenta")
    text.append("".join(f" + {result}" for result in known.further), style="magenta")
    if known.words:
        text.append(f": {known.words}")
    if known.where is not Where.SESSION:
        text.append(" (before any session)", style="dim")
    return text


def _mails(shown: Sequence[Shown], seconds: float) -> Text:
    mails = Counter(one.mail for one in shown)
    fates = ", ".join(f"{mails[mail]} {mail.words}" for mail in Mail if mails[mail])
    return Text(f"{_count(len(shown), 'scenario')} in {seconds:.0f} s. The mail: {fates}.")


def _kinds(shown: Sequence[Shown]) -> Iterator[Text]:
    kinds = Counter(point.result_type or "success" for one in shown for point in one.points)
    ending = ":" if kinds else ""
    yield Text(f"{_count(kinds.total(), 'data point')}, {_count(len(kinds), 'kind')} of outcome{ending}")
    for kind, number in kinds.most_common():
        yield Text(f"{number:6}  {kind}")


def _missing(missing: Sequence[NotShown], width: int) -> Iterator[Text]:
    by_reason: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in missing:
        by_reason[one.reason][one.cell.row] += 1
    if missing:
        yield Text()
        yield Text(f"Not shown: {_count(len(missing), 'cell')} of the table")
    for reason, rows in by_reason.items():
        cells = ", ".join(f"{row} ({number})" for row, number in rows.items())
        yield from _hang(Text("  "), Text(f"{cells}: {reason}", style="dim"), 4, width, first=2)


def _verdict(shown: Sequence[Shown]) -> Text:
    wrong = [one.cell.id for one in shown if not one.as_expected]
    if wrong:
        text = f"{len(wrong)} of {len(shown)} ended otherwise than the decision table says: {', '.join(wrong)}."
        return Text(text, style=_ALARM)
    if not shown:
        return Text("Nothing was shown.")
    return Text("Every scenario ended as its cell of the decision table says.", style="bold green")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _hang(label: Text, body: Text, indent: int, width: int, *, first: int | None = None) -> Iterator[Text]:
    """`body` in lines that begin at column `indent`, the first one at `first` if given, behind `label`."""
    for number, line in enumerate(_wrap(body, width - indent)):
        if number == 0:
            yield _side_by_side(_padded(label, indent if first is None else first), line)
        else:
            yield _side_by_side(Text(" " * indent), line)


def _side_by_side(*texts: Text) -> Text:
    """One line of these, each in its own style: `+` would give that of the first to all."""
    return Text.assemble(*texts)


def _wrap(text: Text, width: int) -> list[Text]:
    lines = list(text.wrap(_ANY, width))
    for line in lines:
        line.rstrip()
    return lines


def _padded(text: Text, width: int) -> Text:
    padded = text.copy()
    padded.pad_right(width - text.cell_len)
    return padded


_ANY = Console()
"""To wrap text rich wants a console, which nothing is asked of."""
