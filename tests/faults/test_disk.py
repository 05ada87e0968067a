"""The disk of policy store and journal fails under a running engine: mail goes on under the policies, and the log says
why. Points that the journal cannot take are counted.

In processes of their own, which give up root where they have it: root may write anywhere.
"""

import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from tests.faults.support import disk
from tools.faults.life import live
from tools.faults.town import town

from tlswitness.lab import Internet

pytestmark = pytest.mark.slow

FAULTS = {
    "full": "File too large",
    "no room": "No space left on device",
    "read-only": "Permission denied",
    "gone": "No such file or directory",
    "another owner": "Permission denied",
}
"""What happens to the store, and what the log says of it."""


@pytest.fixture
def place():
    """A directory that others can reach, the state directory in it a user's without rights."""
    with tempfile.TemporaryDirectory(prefix="tlswitness-faults-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        (path / "state").mkdir()
        if os.geteuid() == 0:
            os.chown(path / "state", disk.NOBODY, disk.NOBODY)
        yield path


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize("fault", FAULTS)
async def test_mail_goes_on(place, fault):
    if fault in ("no room", "another owner") and os.geteuid() != 0:
        pytest.skip("needs: root, to mount a small disk and to give files away")
    said = []
    async with Internet(time.time) as internet, town(internet, random.Random(1), count=4) as here:
        shutil.copy(internet.trust_file, place / "ca.pem")
        job = disk.Job(here.config("disk"), here.surroundings(), place, here.domains, fault)
        status = await live(disk.deliver, (job,), 30, said.append)
        accepted = here.accepted
    assert status == 0, "\n".join(said)
    words = [line.split() for line in said if line.startswith("mail ")]
    # Two messages to each domain: the first meets a policy that cannot be written, the second is under it all the same.
    assert [(word, verified) for _, _, word, verified in words] == [("Delivered", "sts")] * 2 * len(here.domains)
    assert {name for _, name, _, _ in words} == accepted.keys()
    complaints = [line for line in said if line.startswith("log ")]
    assert len([line for line in complaints if FAULTS[fault] in line and "cannot be written" in line]) >= len(
        here.domains
    )
    assert not any("Traceback" in line for line in said), said
    (account,) = [line.split() for line in said if line.startswith("journal ")]
    _, written, _, dropped, _, _, points = account
    assert int(points) >= len(here.domains)
    # A directory that is gone is made again.
    assert (written, dropped) == ((points, "0") if fault == "gone" else ("0", points))
    failed = [line for line in complaints if FAULTS[fault] in line and "the journal cannot be written" in line]
    assert len(failed) == (fault != "gone"), "once a minute"


@pytest.mark.rfc(8461, "10.2")
@pytest.mark.parametrize("fault", ["read-only", "gone", "another owner"])
async def test_policies_from_before_hold(place, fault):
    """What the index knows is applied, also after the refresher found that it cannot look at the files."""
    if fault == "another owner" and os.geteuid() != 0:
        pytest.skip("needs: root, to give files away")
    said = []
    async with Internet(time.time) as internet, town(internet, random.Random(1), count=4) as here:
        shutil.copy(internet.trust_file, place / "ca.pem")
        job = disk.Job(here.config("disk"), here.surroundings(), place, here.domains, fault, late=True)
        status = await live(disk.deliver, (job,), 30, said.append)
    assert status == 0, "\n".join(said)
    words = [line.split() for line in said if line.startswith("mail ")]
    assert [(word, verified) for _, _, word, verified in words] == [("Delivered", "sts")] * 2 * len(here.domains)
    unread = any("the store of MTA-STS policies cannot be read" in line for line in said)
    assert unread == (fault != "read-only")
