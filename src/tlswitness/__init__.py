"""tlswitness: an outbound SMTP TLS engine in which every TLS session becomes one data point.

The names below are the public ones; everything else may change without notice. Each is imported when it is first
used: the command's help need not wait for cryptography and DNS.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlswitness.config import Config, ConfigError, load_config
    from tlswitness.datapoint import (
        DataPoint,
        DataPointError,
        FurtherFailure,
        Policy,
        PolicyType,
        ResultType,
        compact,
        decode,
        paniclog,
    )
    from tlswitness.delivery.outcome import Deferred, Delivered, DeliveryOutcome, Envelope, Failed, RecipientOutcome
    from tlswitness.engine import Engine
    from tlswitness.hooks.contract import Retry
    from tlswitness.policy.plan import Tag

__all__ = [
    "Config",
    "ConfigError",
    "DataPoint",
    "DataPointError",
    "Deferred",
    "Delivered",
    "DeliveryOutcome",
    "Engine",
    "Envelope",
    "Failed",
    "FurtherFailure",
    "Policy",
    "PolicyType",
    "RecipientOutcome",
    "ResultType",
    "Retry",
    "Tag",
    "__version__",
    "compact",
    "decode",
    "load_config",
    "paniclog",
]

__version__ = "0.1.0"

_HOMES = {
    "tlswitness.config": ("Config", "ConfigError", "load_config"),
    "tlswitness.datapoint": (
        "DataPoint",
        "DataPointError",
        "FurtherFailure",
        "Policy",
        "PolicyType",
        "ResultType",
        "compact",
        "decode",
        "paniclog",
    ),
    "tlswitness.delivery.outcome": (
        "Deferred",
        "Delivered",
        "DeliveryOutcome",
        "Envelope",
        "Failed",
        "RecipientOutcome",
    ),
    "tlswitness.engine": ("Engine",),
    "tlswitness.hooks.contract": ("Retry",),
    "tlswitness.policy.plan": ("Tag",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
