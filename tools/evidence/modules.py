"""The modules that are told: one in each language, each of which writes down what it hears, one line at once.

Their record survives them: it is in the file before the call returns. SIGKILL may tear even a short write, so each
begins a line of its own and says its number twice.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PYTHON = """
import os
out = os.open({record!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def core_smtp_tls_reporting(point):
    writer = point.policy.policy_domain.partition(".")[0][1:]
    number = point.epoch - 1000000000
    os.write(out, b"\\n%b %d %d" % (writer.encode(), number, number))
"""

LUA = """
require("msys.core")
local out = io.open({record!r}, "a")
out:setvbuf("no")
local mod = {{}}

function mod:core_smtp_tls_reporting(js)
  local writer = string.match(js.policy["policy-domain"], "^w(%d+)")
  local number = js.epoch - 1000000000
  out:write(string.format("\\n%s %d %d", writer, number, number))
end

msys.registerModule("evidence", mod)
"""

C = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct json_object;
int json_object_object_get_ex(const struct json_object *, const char *, struct json_object **);
const char *json_object_get_string(struct json_object *);
long json_object_get_int64(struct json_object *);

static int out = -1;

int tlswitness_module_init(void **closure, const char *config)
{
  (void)closure;
  out = open(config, O_WRONLY | O_CREAT | O_APPEND, 0600);
  return out < 0;
}

int core_smtp_tls_reporting(void *closure, struct json_object *json)
{
  struct json_object *epoch, *policy, *domain;
  char line[64];
  long number;
  int length;
  (void)closure;
  json_object_object_get_ex(json, "epoch", &epoch);
  json_object_object_get_ex(json, "policy", &policy);
  json_object_object_get_ex(policy, "policy-domain", &domain);
  number = json_object_get_int64(epoch) - 1000000000L;
  length = snprintf(line, sizeof line, "\n%ld %ld %ld", strtol(json_object_get_string(domain) + 1, NULL, 10), number,
                    number);
  return write(out, line, length) != length;
}
"""


@dataclass(frozen=True)
class Told:
    """One module, where its record is, and how it is configured."""

    name: str
    record: Path
    toml: str


def make_modules(home: Path) -> list[Told]:
    """Write the modules into `home`; the one in C where there is a compiler."""
    python, lua = home / "told.py", home / "told.lua"
    records = {name: home / f"{name}.record" for name in ("python", "lua", "c")}
    python.write_text(PYTHON.format(record=str(records["python"])))
    lua.write_text(LUA.format(record=str(records["lua"])))
    told = [
        Told("python", records["python"], f'python = "{python}"'),
        Told("lua", records["lua"], f'lua = "{lua}"\nallow = ["io"]'),
    ]
    if shutil.which("cc"):
        source, shared = home / "told.c", home / "told.so"
        source.write_text(C)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(shared), str(source)], check=True)
        told.append(Told("c", records["c"], f'c = "{shared}"\nconfig = "{records["c"]}"'))
    return told


def configuration(home: Path, told: list[Told], journal_options: str = "") -> Path:
    """The daemon's configuration file."""
    tables = [f'[[hook]]\nname = "{each.name}"\nstart = "beginning"\n{each.toml}\n' for each in told]
    file = home / "tlswitness.toml"
    text = f'state_dir = "{home / "state"}"\n[serve]\nmetrics = ""\ndrain = 3600\n[journal]\n{journal_options}\n'
    file.write_text(text + "\n".join(tables))
    return file
