"""Writes docs/configuration.md from the declarations of the options; `--check` says whether it is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tlswitness.config import Config, DomainConfig, HookConfig, ScopeNotes
from tlswitness.config.option import Option, options_of
from tlswitness.config.show import toml_value
from tools.page import ROOT, cell, settle

PAGE = ROOT / "docs" / "configuration.md"

HEAD = """\
# Configuration

<!-- Written by `make rfc` from src/tlswitness/config/model.py. Do not edit. -->

One TOML file: that of `--config`, else that which `TLSWITNESS_CONFIG` names, else `/etc/tlswitness.toml` if it is
there. Every option has a default, so there need not be a file. `tlswitness config check` says all that is wrong with
one, `tlswitness config show --defaults` prints one to start from, `tlswitness config show --domain example.com` what
holds for a domain.

```toml
tls = "ifavailable"
report_ip = "203.0.113.25"

[timeouts]
connect = 20

[domain."partner.example"]
comment = "contract: DANE or nothing"
dane_required = true

[domain."old.example"]
comment = "their certificate expired, renewal is promised"
expires = 2027-01-31
enable_mta_sts = false
timeouts.connect = 60

[domain."intern.example"]
route = ["[mx1.intern.example]:2525", "[192.0.2.1]"]

[[hook]]
python = "hooks/notify.py"

[[hook]]
lua = "hooks/tlsrpt.lua"
start = "beginning"

[[hook]]
webhook = "https://points.example.net/take"
headers = { Authorization = "Bearer ..." }
```

A `[domain."..."]` table changes for mail to that domain what stands above all tables. The domain may be written in any
case and with letters beyond ASCII. It does not reach subdomains: they have tables of their own. Paths that are not
absolute count from the directory of the file.

A `[[hook]]` table is one module, which exactly one of its first six options names. `tlswitness config show` prints its
`headers` as they are, secrets among them.

Names marked M are those of the MTA Momentum.
"""


def main(args: list[str]) -> int:
    return settle(PAGE, page(), check="--check" in args, remedy="make rfc")


def page() -> str:
    """The whole page."""
    own = {option.name for option in options_of(DomainConfig)}
    everywhere = [option for option in options_of(Config) if option.name in own]
    alone = [option for option in options_of(Config) if option.name not in own]
    return "\n".join(
        [
            HEAD,
            *_table("For all mail, or for a domain", everywhere),
            *_table("For the whole machine only", alone),
            *_table("Of a `[domain]` table itself", list(options_of(ScopeNotes))),
            *_table("Of a `[[hook]]` table", list(options_of(HookConfig))),
        ]
    )


def _table(title: str, options: list[Option]) -> Iterator[str]:
    yield from (
        f"## {title}",
        "",
        "| option | what it does | default | allowed | source |",
        "| --- | --- | --- | --- | --- |",
    )
    for option in options:
        facts = option.facts
        mark = " M" if facts.momentum else ""
        columns = (f"`{option.name}`{mark}", facts.text, _default(option), facts.kind.allowed, facts.rfc)
        yield f"| {' | '.join(cell(column) for column in columns)} |"
    yield ""


def _default(option: Option) -> str:
    return option.facts.default_words or f"`{toml_value(option.show(option.default()))}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
