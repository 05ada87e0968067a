"""A journal to write to, and Python modules that write down what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journal.support import entries

from tlswitness.datapoint import View
from tlswitness.hooks.spec import Kind, ModuleSpec
from tlswitness.journal import JournalSettings, Writer, new_chain
from tlswitness.service.settings import ServiceSettings

CODE = """
def core_smtp_tls_reporting(point):
    with open({told!r}, "a") as file:
        file.write(f"{{point.epoch}} {{point.policy.policy_domain}}\\n")
"""


class Place:
    """A state directory, and what stands around it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = ServiceSettings(
            state_dir=directory / "state",
            journal=JournalSettings(directory=directory / "state" / "journal"),
            hooks=directory / "state" / "hooks",
            socket=directory / "state" / "sock",
        )

    def module(self, name: str = "told", code: str | None = None, **options: object) -> ModuleSpec:
        """A module that writes down what it is told, unless it has other `code`."""
        file = self.directory / f"{name}.py"
        if code is not None or not file.exists():
            file.write_text(CODE.format(told=str(self.told(name))) if code is None else code)
        return ModuleSpec(name=name, kind=Kind.PYTHON, target=str(file), view=View(), **options)  # type: ignore[arg-type]

    def told(self, name: str = "told") -> Path:
        """The file in which the module writes down."""
        return self.directory / f"{name}.txt"

    def lines(self, name: str = "told") -> list[str]:
        """What it has been told."""
        file = self.told(name)
        return file.read_text().splitlines() if file.exists() else []

    def write(self, numbers: range) -> None:
        """Points of a program of its own."""
        writer = Writer(self.settings.journal, new_chain("test"))
        writer.append(entries(numbers))
        writer.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
