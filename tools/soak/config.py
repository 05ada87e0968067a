"""The configuration: read, or refused with words; never anything else."""

from __future__ import annotations

from tlswitness.config import ConfigError, parse_config
from tools.soak.target import Target, text_of


def attempt(data: bytes) -> object:
    try:
        config = parse_config(text_of(data), files=False)
    except ConfigError as error:
        words = str(error)
        assert words
        return "refused", words.partition("\n")[0][:30]
    config.warnings()
    return "read", len(config.domains), len(config.hook), bool(config.resolvers)


TARGET = Target(
    "config",
    (
        b'tls = "required"\ntls_verify = true\nehlo_name = "me.example"\n',
        '[domain."bücher.example"]\ntls = "no"\nroute = ["[192.0.2.1]:25"]\nexpires = 2030-01-01\n'.encode(),
        b'resolvers = ["127.0.0.1:53"]\ntrusted_resolvers = ["::1"]\n[timeouts]\ndns = 3\n[smtp]\nidle_seconds = 1.5\n',
        b'[[hook]]\npython = "a.b"\nmembers = "seed"\n[log]\nlevel = "debug"\nformat = "json"\n',
        b'policy_fetch_allow = ["10.0.0.0/8"]\nreport_ip = "192.0.2.1"\nown_names = ["a.example"]\n',
    ),
    attempt,
    (
        b"\n[",
        b"]]",
        b" = ",
        b'"""',
        b"true",
        b"1e400",
        b"-1",
        b"0x",
        b"{a=",
        b'"\\ud800"',
        b"99999999999999999999",
        b"nan",
    ),
)
