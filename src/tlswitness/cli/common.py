"""What the verbs share: the configuration, the console, JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from tlswitness.cli.status import Status
from tlswitness.config import Config, ConfigError, Loaded, load_config

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TABLE_WIDTH = 160
"""Columns that a table of modules may take: names and numbers stay whole, for `grep` and for copying."""

ONE_A_LINE = "a data point is one JSON object on one line; `jq -c . FILE` puts those of several lines on one each"
"""What helps where no line of a file is a point: manual pages print them on many lines."""

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """`--json`, which every command has that lists or shows."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)


def config_option(function: F) -> F:
    """`--config` behind the verb, where people look for it in the line that starts a daemon."""

    def given(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
        if path is not None:
            ctx.find_root().obj = path

    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        expose_value=False,
        callback=given,
        help="The configuration file.",
    )(function)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Where words for people go. Colour and progress show on a terminal only; nothing is read as markup by itself.

    `width` in columns is for tables; without it that of the terminal.
    """
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def print_json(value: object) -> None:
    """Print a JSON value, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def json_members(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass as the commands' JSON names them: `bad-lines`, as RFC 8460 would."""
    return asdict(value, dict_factory=lambda items: {name.replace("_", "-"): item for name, item in items})


def dashed(value: Any) -> Any:
    """A JSON value with dashes in the names of all members."""
    match value:
        case dict():
            return {name.replace("_", "-"): dashed(member) for name, member in value.items()}
        case list():
            return [dashed(item) for item in value]
        case _:
            return value


def give_up_printing() -> None:
    """After printing has failed: what is still buffered must not fail once more at the end and change the status."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def config_path(ctx: click.Context) -> Path | None:
    """What `--config` said."""
    path = ctx.find_root().obj
    return path if isinstance(path, Path) else None


def load(ctx: click.Context) -> Loaded:
    """The configuration. Warnings go to the standard error; a wrong configuration ends the command with EX_CONFIG."""
    try:
        loaded = load_config(config_path(ctx))
    except ConfigError as error:
        for problem in error.problems:
            complain(str(problem))
        raise click.exceptions.Exit(Status.CONFIG) from None
    for warning in loaded.warnings:
        warn(warning)
    return loaded


def configuration(ctx: click.Context) -> Config:
    """As `load`, for who does not care where it came from."""
    return load(ctx).config


def complain(text: str) -> None:
    """Say what is wrong, on the standard error."""
    console(stderr=True).print(Text("error: ", style="bold red").append(text, style="not bold default"))


def warn(text: str) -> None:
    """Say what should be heard although it is no error."""
    console(stderr=True).print(Text("warning: ", style="bold yellow").append(text, style="not bold default"))
