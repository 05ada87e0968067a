"""The lab's results for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tlswitness.lab.compare import Shown, describe
from tlswitness.lab.table import Cell, Mail, Where

_STYLE = {Mail.TLS: "green", Mail.CLEAR: "yellow", Mail.DEFERRED: "red", Mail.FAILED: "red"}
_NO_POINT = "(none: nothing of TLS happened)"


def table_of(shown: Sequence[Shown]) -> Table:
    """Scenario, policy, what became of the mail, the data points, in words."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title_justify="left")
    table.add_column("scenario", no_wrap=True)
    table.add_column("what happens", ratio=3)
    table.add_column("policy", ratio=2)
    table.add_column("the mail is", ratio=2)
    table.add_column("data points", ratio=5)
    row = ""
    for one in shown:
        cell = one.cell
        table.add_row(
            Text(cell.id, style="bold" if one.as_expected else "bold red"),
            cell.event if cell.row != row else "",
            cell.policy,
            Text(one.mail.words, style=_STYLE[one.mail]),
            points_in_words(one),
        )
        for difference in one.differences:
            table.add_row("", "", "", Text("otherwise:", style="bold red"), Text(difference, style="red"))
        row = cell.row
    return table


def points_in_words(shown: Shown) -> Text:
    """One line for each data point."""
    text = Text()
    for point in shown.points:
        expected = describe(point)
        text.append("\n" if text else "")
        text.append(f"{expected.policy} ", style="cyan")
        text.append(expected.result, style="green" if expected.result == "success" else "red")
        text.append("".join(f" + {result}" for result in expected.further), style="red")
        if expected.words:
            text.append(f": {expected.words}")
        if expected.where is not Where.SESSION:
            text.append(" (before any session)", style="dim")
    return text if shown.points else Text(_NO_POINT, style="dim")


def summary(shown: Sequence[Shown], not_shown: Sequence[Cell], console: Console) -> None:
    """The numbers, and the reasons for what cannot be shown."""
    wrong = sum(not one.as_expected for one in shown)
    results = {point.result_type or "success" for one in shown for point in one.points}
    points = sum(len(one.points) for one in shown)
    console.print(
        f"\n{len(shown)} scenarios, {points} data points, {len(results)} kinds of outcome: {', '.join(sorted(results))}"
    )
    for cell in not_shown:
        console.print(f"not shown: {cell.id} ({cell.event}): {cell.not_shown}", style="dim")
    if wrong:
        console.print(f"{wrong} ended otherwise than the table says", style="bold red")
    else:
        console.print("every scenario ended as its cell of the decision table says", style="bold green")


def as_json(shown: Shown) -> dict[str, Any]:
    """One scenario for `--json`."""
    from tlswitness.datapoint import to_dict

    cell = shown.cell
    return {
        "scenario": cell.id,
        "event": cell.event,
        "policy": cell.policy,
        "rfc": cell.rfc,
        "domain": cell.domain,
        "mail": str(shown.mail),
        "text": shown.text,
        "points": [to_dict(point) for point in shown.points],
        "expected": {"mail": str(cell.mail), "points": [str(point) for point in cell.points]},
        "as-expected": shown.as_expected,
        "differences": list(shown.differences),
        "seconds": round(shown.seconds, 3),
    }
