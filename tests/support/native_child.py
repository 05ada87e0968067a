"""The process of `tests.support.native.Host`: loads one module in a thread and answers in JSON lines."""

import json
import os
import sys
import threading

from tlswitness.datapoint import SEED_VIEW, Finding
from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.native import load
from tlswitness.hooks.spec import Kind, ModuleSpec


def main() -> None:
    order = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    printed: list[str] = []

    def say(**members: object) -> None:
        answers.write(json.dumps(members | {"printed": printed}) + "\n")
        answers.flush()
        printed.clear()

    spec = ModuleSpec(name="m", kind=Kind.C, target=order["target"], view=SEED_VIEW, config=order["config"])
    callee = load(spec, printed.append)
    if isinstance(callee, HookLoadFailed):
        say(failed=callee.reason)
        return
    say(loaded=True)
    for line in sys.stdin:
        point = json.loads(line)
        finding = Finding.decode(point["text"])
        assert isinstance(finding, Finding), finding
        say(answer=callee.call(point["epoch"], finding))
    callee.close()
    say(closed=True)


if __name__ == "__main__":
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
