"""The configuration: one TOML file, a global scope and scopes for domains, each option with a default that works.

Separate because every room is configured and none may read files for it: it hands out plain frozen values, and the
engine gives each room its own small settings. An option is one field of a class in `model`; parser, commands and the
documentation come from there. A bad file is refused with all that is wrong with it.
"""

from tlswitness.config.daemon import Fsync, JournalConfig, ServeConfig
from tlswitness.config.hook import HookConfig, HookKind, HookStart, LuaAllow, Members, Sessions
from tlswitness.config.load import Loaded, load_config, parse_config
from tlswitness.config.model import (
    AddressFamily,
    Config,
    DaneAndSts,
    DaneDigest,
    DomainConfig,
    DomainScope,
    DomainTimeouts,
    LogConfig,
    LogFormat,
    LogLevel,
    ScopeNotes,
    SmtpLimits,
    Timeouts,
    TlsWanted,
)
from tlswitness.config.place import Endpoint, ReportIp, RouteHost
from tlswitness.config.problem import ConfigError, Problem
from tlswitness.config.web import NOWHERE

__all__ = [
    "NOWHERE",
    "AddressFamily",
    "Config",
    "ConfigError",
    "DaneAndSts",
    "DaneDigest",
    "DomainConfig",
    "DomainScope",
    "DomainTimeouts",
    "Endpoint",
    "Fsync",
    "HookConfig",
    "HookKind",
    "HookStart",
    "JournalConfig",
    "Loaded",
    "LogConfig",
    "LogFormat",
    "LogLevel",
    "LuaAllow",
    "Members",
    "Problem",
    "ReportIp",
    "RouteHost",
    "ScopeNotes",
    "ServeConfig",
    "Sessions",
    "SmtpLimits",
    "Timeouts",
    "TlsWanted",
    "load_config",
    "parse_config",
]
