"""What `tlswitness journal` does when its words are understood.

Separate from the commands for the same reasons as `check_run`.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import click
from click.exceptions import Exit
from rich import box
from rich.table import Table

from tlswitness.cli.bar import bar
from tlswitness.cli.common import ONE_A_LINE, complain, console, json_members, print_json, warn
from tlswitness.cli.plain import iso, moment, plain, size
from tlswitness.cli.running import may_use_state
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.engine.translate import journal_settings
from tlswitness.journal import Reader, SourceBusy, WriteFailed, Writer, new_chain, read_positions
from tlswitness.journal.importer import READ_ERRORS, FileChanged, Imported, import_file
from tlswitness.journal.survey import Contents, Stored, contents, last_points, stored


def run_tail(config: Config, lines: int, *, follow: bool = False) -> int:
    """`journal tail`."""
    directory = _directory(config)
    found = stored(directory)
    for _, text in last_points(directory, found, lines):
        click.echo(text)
    if follow:
        with Reader(directory, {each.name.id: each.octets for each in found}) as reader:
            _follow(reader)
    return Status.OK


def run_stat(config: Config, *, count: bool = False, json: bool = False) -> int:
    """`journal stat`."""
    directory = _directory(config)
    found = stored(directory)
    inside = {each.name.id: each for each in _read(directory, found)} if count else {}
    sources = read_positions(directory).sources
    if json:
        chains = [_chain_json(chain, list(group), inside) for chain, group in _chains(found)]
        positions = {source: position.text for source, position in sources.items()}
        print_json({"directory": str(directory), "chains": chains, "sources": positions})
        return Status.OK
    if not found:
        click.echo(f"there is nothing in {directory} yet")
    else:
        click.echo(f"{directory}: {size(sum(each.octets for each in found))} in {_segments(len(found))}")
        console().print(_table(found, inside))
    for source, position in sources.items():
        click.echo(f"source {plain(source)}: up to {plain(position.text)}")
    return Status.OK


def run_verify(config: Config, *, json: bool = False) -> int:
    """`journal verify`."""
    directory = _directory(config)
    found = list(_read(directory, stored(directory)))
    damaged = sum(each.damaged for each in found)
    if json:
        print_json({"segments": [_contents_json(each) for each in found]})
        return Status.NO if damaged else Status.OK
    for each in found:
        for damage in each.damages:
            complain(plain(damage))
        if each.torn:
            click.echo(f"{each.name.file}: the last {each.torn} octets are not a whole line or batch")
    points, lost = sum(each.points for each in found), sum(each.lost for each in found)
    click.echo(f"{points} points in {_segments(len(found))} are whole")
    if damaged:
        complain(f"{damaged} lines are damaged; {lost} of them are points whose outcome is damaged")
    return Status.NO if damaged else Status.OK


def run_export(config: Config, since: float | None, until: float | None, output: Path | None) -> int:
    """`journal export`."""
    directory = _directory(config)
    begin, end = since if since is not None else 0.0, until if until is not None else float("inf")
    with _written(output) as out, Reader(directory, {}) as reader:
        total = sum(each.octets for each in stored(directory))
        with bar(total if output is not None else None, "exporting") as done:
            while chunks := reader.read():
                for chunk in chunks:
                    lines = [f"{f.compact(epoch)}\n" for epoch, f, _, _ in chunk.sessions if begin <= epoch < end]
                    out.write("".join(lines).encode())
                    done(sum(behind - start for _, _, start, behind in chunk.sessions))
        for damage in reader.take_damages():
            complain(plain(damage))
    if reader.damaged:
        complain(f"{reader.damaged} damaged lines are left out")
    return Status.NO if reader.damaged else Status.OK


def run_import(config: Config, files: Sequence[Path], *, json: bool = False) -> int:
    """`journal import`."""
    may_use_state(config)
    settings = journal_settings(config)
    settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    writer = Writer(settings, new_chain("import"))
    results: list[dict[str, Any]] = []
    status = Status.OK
    try:
        for file in files:
            imported = _import(writer, settings.directory, file)
            if isinstance(imported, str):
                complain(f"{file}: {imported}")
                results.append({"file": str(file), "error": imported})
                status = Status.DATA
                continue
            results.append({"file": str(file), **json_members(imported)})
            _say(file, imported, quiet=json)
            status = Status.DATA if imported.bad else status
    finally:
        writer.close()
    if json:
        print_json({"files": results})
    return status


def _import(writer: Writer, directory: Path, file: Path) -> Imported | str:
    with bar(file.stat().st_size, file.name) as done:
        at = 0

        def progress(octets: int, _all: int) -> None:
            nonlocal at
            done(octets - at)
            at = octets

        try:
            return import_file(writer, directory, file, progress=progress)
        except (FileChanged, SourceBusy) as error:
            return str(error)
        except WriteFailed as error:
            complain(f"the journal cannot be written: {error}; import the file again, nothing is taken twice")
            raise Exit(Status.IO) from None
        except READ_ERRORS as error:
            return f"cannot be read: {error}; what was read of it is imported, and is not taken twice"


def _say(file: Path, imported: Imported, *, quiet: bool) -> None:
    for bad in imported.bad_lines:
        complain(plain(f"{file}: {bad}"))
    if imported.bad > len(imported.bad_lines):
        complain(f"{file}: and {imported.bad - len(imported.bad_lines)} more lines that are no data points")
    if imported.bad and not imported.points and not imported.before:
        warn(f"{file}: {ONE_A_LINE}")
    if not quiet:
        earlier = f"; the first {imported.before} octets had been imported before" if imported.before else ""
        click.echo(f"{file}: {imported.points} points imported{earlier}")


def _follow(reader: Reader) -> None:
    while True:
        chunks = reader.read()
        for chunk in chunks:
            for epoch, finding, _, _ in chunk.sessions:
                click.echo(finding.compact(epoch))
        if not chunks:
            reader.wait(60.0)


def _directory(config: Config) -> Path:
    return config.journal.directory


def _chains(found: list[Stored]) -> Iterator[tuple[str, Iterator[Stored]]]:
    return groupby(found, key=lambda each: each.name.chain)


def _read(directory: Path, found: list[Stored]) -> Iterator[Contents]:
    with bar(sum(each.octets for each in found), "reading") as done:
        yield from contents(directory, [each.name for each in found], done)


@contextmanager
def _written(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
    elif output.suffix == ".gz":
        with gzip.open(output, "wb") as packed:
            yield packed  # type: ignore[misc]  # a GzipFile is written like any file
    else:
        with output.open("wb") as file:
            yield file


def _table(found: list[Stored], inside: dict[str, Contents]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("chain", "segments", "size", "from", "to", "state", *(("points", "damaged") if inside else ())):
        table.add_column(column)
    for chain, group in _chains(found):
        segments = list(group)
        row = [
            chain,
            str(len(segments)),
            size(sum(each.octets for each in segments)),
            moment(segments[0].name.created),
            moment(max(each.written for each in segments)),
            segments[-1].state.value,
        ]
        if inside:
            row += [str(_sum(segments, inside, "points")), str(_sum(segments, inside, "damaged"))]
        table.add_row(*row)
    return table


def _segments(count: int) -> str:
    return f"{count} segment{'s' * (count != 1)}"


def _sum(segments: list[Stored], inside: dict[str, Contents], name: str) -> int:
    return sum(getattr(inside[each.name.id], name) for each in segments if each.name.id in inside)


def _chain_json(chain: str, segments: list[Stored], inside: dict[str, Contents]) -> dict[str, Any]:
    return {"chain": chain, "segments": [_segment_json(each, inside.get(each.name.id)) for each in segments]}


def _segment_json(each: Stored, inside: Contents | None) -> dict[str, Any]:
    members: dict[str, Any] = {
        "file": each.name.file,
        "octets": each.octets,
        "created": iso(each.name.created),
        "written": iso(each.written),
        "state": each.state.value,
    }
    return members if inside is None else members | _contents_json(inside)


def _contents_json(each: Contents) -> dict[str, Any]:
    return {
        "file": each.name.file,
        "points": each.points,
        "outcomes": each.findings,
        "damaged": each.damaged,
        "lost": each.lost,
        "torn-octets": each.torn,
        "damages": [
            {"offset": damage.offset, "octets": damage.octets, "reason": damage.reason} for damage in each.damages
        ],
    }
