"""The store of policies, killed at each line of its code in turn."""

import os
from dataclasses import replace

import pytest
from tools.faults import child
from tools.faults.life import forks

from tlswitness.lab.policyhost import policy_text
from tlswitness.names import Domain
from tlswitness.policy.sts import Entry, PolicyStore, parse_policy

BODY = policy_text("mx.example.com", "*.example.com")
OLD = Entry(Domain("example.com"), "1", parse_policy(BODY), BODY, 1_800_000_000, 1_800_000_000)
NEW = replace(OLD, id="2", fetched_at=1_800_000_100)
MOST = 200
"""Lines that writing a policy may take."""


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize("before", [None, OLD], ids=["the first", "another"])
def test_a_kill_at_each_line(tmp_path, before):
    """Before the file is in its place the old policy holds, from then on the new one; never half of one."""
    context = forks()
    seen = []
    for line in range(1, MOST):
        directory = tmp_path / str(line)
        store = PolicyStore(directory)
        if before is not None:
            store.put(before)
        process = context.Process(target=child.put, args=(directory, NEW, line))
        process.start()
        process.join()
        found = PolicyStore(directory)
        assert found.garbage() == ()
        seen.append(found.get(NEW.domain))
        left = list(directory.glob(".tmp-*"))
        assert len(left) <= 1
        for path in left:
            os.utime(path, (1, 1))
            PolicyStore(directory)
            assert not path.exists(), "an old one goes when a store is opened"
        if process.exitcode == 0:
            break
        assert process.exitcode == -9
    moment = seen.index(NEW)
    assert 10 < moment < len(seen)
    assert seen == [before] * moment + [NEW] * (len(seen) - moment)
