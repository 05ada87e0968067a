"""Where the C headers lie that a module is compiled with. Separate because whoever asks for them loads no module."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[3]


def include_dir() -> Path:
    """The directory for `cc -I`: it holds `tlsrpt.h` and `hooks/core/smtp_tls_reporting.h`."""
    return _PACKAGE / "include"
