"""What the tools that write a page have in common: write it, or say whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def settle(page: Path, text: str, *, check: bool, remedy: str) -> int:
    """Write `text` to `page`, or with `check` only compare. The exit status: 1 where the page is not current."""
    current = page.exists() and page.read_text(encoding="utf-8") == text
    name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
    if check:
        if not current:
            print(f"{name} is not current: run `{remedy}`", file=sys.stderr)
        return 0 if current else 1
    if not current:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    print(f"{name}: {'as it was' if current else 'written'}")
    return 0


def cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
