import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text

from tlswitness.datapoint import DataPoint, decode
from tlswitness.lab import render
from tlswitness.lab.choose import choose
from tlswitness.lab.compare import NotShown, Result, Shown
from tlswitness.lab.render import as_json, listing, result_as_json, story, summary
from tlswitness.lab.table import Cell, ExpectedPoint, Mail, Where, cells


def made(cell: Cell, expected: ExpectedPoint) -> DataPoint:
    """A point that is described as the table expects it."""
    point: dict[str, object] = {"epoch": 1, "type": 1, "policy": {"policy-type": expected.policy}}
    base = cell.domain
    if expected.policy == "tlsa" and expected.where is not Where.DOMAIN:
        base = f"{expected.base or 'mx'}.{cell.domain}"
        point["recipient-domain"] = cell.domain
    point["policy"] = {"policy-type": expected.policy, "policy-domain": base}
    if expected.where is not Where.DOMAIN:
        point["receiving-mx-hostname"] = f"mx.{cell.domain}"
    if expected.where is Where.SESSION:
        point["receiving-ip"] = "127.0.0.1"
    if expected.result != "success":
        reason = {"result-type": expected.result, "failure-reason-code": f"4.7.5 [internal] {expected.words}"}
        further = [{"result-type": result, "failure-reason-code": "x"} for result in expected.further]
        point |= {"type": 0, **reason, "further-failures": further}
    read = decode(point)
    assert isinstance(read, DataPoint), read
    return read


def as_expected(cell: Cell) -> Result:
    if cell.mail is None:
        return NotShown(cell, cell.not_shown or "")
    accepted = int(cell.mail in (Mail.TLS, Mail.CLEAR))
    return Shown(cell, cell.mail, "told", tuple(made(cell, point) for point in cell.points), accepted, 0.5)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return [as_expected(cell) for cell in cells()]


@pytest.fixture
def content(monkeypatch) -> None:
    """The members that only real sessions fill are not missed."""
    monkeypatch.setattr(Shown, "differences", ())


def lines(texts) -> list[str]:
    return [text.plain for text in texts]


@pytest.mark.usefixtures("content")
@pytest.mark.parametrize("width", [40, 79, 80, 119, 120, 121, 200])
def test_nothing_is_wider_than_the_terminal(results, width):
    told = lines([*story(results, width), *summary(results, width, 12.3), *listing(cells(), width)])
    assert max(map(len, told)) <= width
    assert all(line == line.rstrip() for line in told)


@pytest.mark.usefixtures("content")
@pytest.mark.parametrize("width", [40, 80, 120])
def test_everything_is_said_at_any_width(results, width):
    told = " ".join(" ".join(lines(story(results, width))).split())
    for result in results:
        assert (f" {result.cell.id} " in told) == isinstance(result, Shown)
    assert sum(told.count(f" {mail.words}") for mail in Mail) >= sum(isinstance(result, Shown) for result in results)


@pytest.mark.usefixtures("content")
def test_narrow():
    told = lines(story([as_expected(cell) for cell in choose(["A4", "C2/none"])], 60))
    assert told[told.index("") :] == [
        "",
        "== MTA-STS: finding and fetching the policy ==",
        "",
        "A4  the policy host does not exist  RFC 8461 section 3.3",
        "  A4/nocache  MTA-STS, nothing cached: delivered over TLS",
        "              - sts sts-policy-fetch-error: policy host",
        "                lookup failed: NXDOMAIN (before any session)",
        "              - no-policy-found success",
        "  A4/cache    MTA-STS enforce, already cached: delivered",
        "              over TLS",
        "              - sts sts-policy-fetch-error: policy host",
        "                lookup failed: NXDOMAIN (before any session)",
        "              - sts success",
        "",
        "== The connection, STARTTLS and the handshake ==",
        "",
        "C2  the MX refuses the connection  RFC 8460 section 4.3.4",
        "  C2/none  no policy: deferred",
        "           - no data point",
    ]


@pytest.mark.usefixtures("content")
def test_wide():
    told = lines(story([as_expected(cell) for cell in choose(["S6-2"])], 120))
    heading = "S6-2  DANE fails, MTA-STS passes  RFC 8461 section 2"
    assert [re.split(r" {2,}", line.strip()) for line in told[told.index(heading) + 1 :]] == [
        ["S6-2/both", "DANE-EE (3 1 1) and MTA-STS", "deferred", "tlsa validation-failure: no TLSA"],
        ["enforce", "record matches the certificate"],
        ["sts success"],
        ["S6-2/dane-decides", "DANE-EE (3 1 1) and MTA-STS", "deferred", "tlsa validation-failure: no TLSA"],
        ['enforce, dane_and_sts = "dane"', "record matches the certificate"],
        ["sts success"],
    ]
    columns = [line.index(word) for line in told for word in ("tlsa ", "sts success") if word in line]
    assert len(set(columns)) == 1


@pytest.mark.parametrize("width", [80, 120])
def test_what_went_wrong_stands_out_in_words_alone(width):
    (cell,) = choose(["C2/none"])
    good = as_expected(cell)
    assert isinstance(good, Shown)
    wrong = replace(good, mail=Mail.CLEAR, text="250 ok")
    told = lines(story([wrong], width))
    assert any(line.startswith("! C2/none  no policy") for line in told)
    after = " ".join(line.strip() for line in told[told.index(next(x for x in told if "otherwise:" in x)) :])
    assert after.startswith("!          otherwise: the mail was delivered in clear text, not deferred: 250 ok")
    end = lines(summary([good, wrong], width, 1))[-1]
    assert end == "1 of 2 ended otherwise than the decision table says: C2/none."


@pytest.mark.usefixtures("content")
def test_the_numbers(results):
    told = lines(summary(results, 80, 14.6))
    shown = [result for result in results if isinstance(result, Shown)]
    assert told[1].startswith(f"{len(shown)} scenarios in 15 s. The mail: ")
    points = sum(len(one.points) for one in shown)
    assert f"{points} data points, 12 kinds of outcome:" in told
    assert sum(int(line.split()[0]) for line in told if line.startswith("   ") and line.split()[0].isdigit()) == points
    assert f"Not shown: {len(results) - len(shown)} cells of the table" in told
    assert "  C1 (3): without MTA-STS there is nothing to match" in told
    assert told[-1] == "Every scenario ended as its cell of the decision table says."


@pytest.mark.usefixtures("content")
def test_one_and_none():
    one = lines(summary([as_expected(cell) for cell in choose(["N2"])], 80, 0.2))
    assert one[1] == "1 scenario in 0 s. The mail: 1 bounced."
    assert "0 data points, 0 kinds of outcome" in one
    nothing = lines(summary([as_expected(cell) for cell in choose(["C1/dane"])], 80, 0.2))
    assert nothing[1:] == [
        "Not shown: 1 cell of the table",
        "  C1 (1): without MTA-STS there is nothing to match",
        "",
        "Nothing was shown.",
    ]


@pytest.mark.usefixtures("content")
def test_colours_only_underline(results):
    def printed(*, colour: bool) -> str:
        out = io.StringIO()
        console = Console(file=out, force_terminal=colour, color_system="standard" if colour else None, soft_wrap=True)
        for line in story(results[:20], 80):
            console.print(line)
        return out.getvalue()

    plain, coloured = printed(colour=False), printed(colour=True)
    assert "\x1b" not in plain
    assert Text.from_ansi(coloured).plain.split() == plain.split()
    assert coloured.count("\x1b") > 100
    assert "\x1b[32mdelivered over TLS\x1b[0m" in coloured


def test_listing():
    assert lines(listing(choose(["D9"]), 60)) == [
        "D9  no TLSA record matches the certificate  RFC 7672 section",
        "    3.1",
        "  D9/none     no policy (not shown: without TLSA records",
        "              there is nothing to match)",
        "  D9/enforce  MTA-STS enforce (not shown: without TLSA",
        "              records there is nothing to match)",
        "  D9/testing  MTA-STS testing (not shown: without TLSA",
        "              records there is nothing to match)",
        "  D9/dane     DANE-EE (3 1 1)",
        "  D9/ta       DANE-TA (2 0 1)",
    ]


KEYS = ["scenario", "event", "policy", "rfc", "domain", "expected", "not-shown"]
OUTCOME = ["mail", "text", "points", "as-expected", "differences", "seconds"]


def test_json_has_the_same_members_always(results):
    assert all(list(as_json(cell)) == KEYS for cell in cells())
    assert all(list(result_as_json(result)) == KEYS + OUTCOME for result in results)


def test_json_of_what_was_shown_and_what_not():
    (cell,) = choose(["C3/enforce"])
    shown = result_as_json(as_expected(cell))
    assert shown["expected"] == {
        "mail": "deferred",
        "points": ["sts starttls-not-supported (STARTTLS is not offered)"],
    }
    assert shown["not-shown"] is None
    assert shown["mail"] == "deferred"
    assert shown["points"][0]["result-type"] == "starttls-not-supported"
    missing = result_as_json(NotShown(cell, "no such machine"))
    assert missing["not-shown"] == "no such machine"
    assert [missing[name] for name in OUTCOME] == [None] * 6


def test_columns_fit_where_they_stand_side_by_side():
    longest = max(len(cell.id) for cell in cells())
    taken = 4 + longest + render.MAX_POLICY + 2 + max(len(mail.words) for mail in Mail) + 2
    assert render.WIDE - taken >= 30
