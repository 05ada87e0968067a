"""The configuration: one TOML file, a global scope and scopes for domains, each option with a default that works.

Separate because every room is configured and none may read files for it: it hands out plain frozen values, and the
engine gives each room its own small settings. An option is one field of a class in `model`; parser, commands and the
documentation come from there. A bad file is refused with all that is wrong with it.
"""

from tlswitness.config.load import Loaded, load_config, parse_config
from tlswitness.config.model import (
    AddressFamily,
    Config,
    DaneAndSts,
    DaneDigest,
    DomainConfig,
    DomainScope,
    DomainTimeouts,
    HookConfig,
    LogConfig,
    LogFormat,
    LogLevel,
    Members,
    ScopeNotes,
    Sessions,
    SmtpLimits,
    Timeouts,
    TlsWanted,
)
from tlswitness.config.place import Endpoint, ReportIp, RouteHost
from tlswitness.config.problem import ConfigError, Problem

__all__ = [
    "AddressFamily",
    "Config",
    "ConfigError",
    "DaneAndSts",
    "DaneDigest",
    "DomainConfig",
    "DomainScope",
    "DomainTimeouts",
    "Endpoint",
    "HookConfig",
    "Loaded",
    "LogConfig",
    "LogFormat",
    "LogLevel",
    "Members",
    "Problem",
    "ReportIp",
    "RouteHost",
    "ScopeNotes",
    "Sessions",
    "SmtpLimits",
    "Timeouts",
    "TlsWanted",
    "load_config",
    "parse_config",
]
