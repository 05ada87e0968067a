from __future__ import annotations

import errno
import logging
import os
import stat
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlswitness.lab.policyhost import policy_text
from tlswitness.names import Domain
from tlswitness.policy.sts import store as module
from tlswitness.policy.sts.entry import Entry, encode
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import StsPolicy
from tlswitness.policy.sts.store import PolicyStore

NOW = 1_767_225_600


def make(domain: str = "example.com", *, used: int = NOW, fetched: int = NOW, pad: int = 0, **policy: Any) -> Entry:
    body = policy_text("mx.example.com", **policy) + b"x: " + b"y" * pad + b"\r\n" * (pad > 0)
    if not pad:
        body = policy_text("mx.example.com", **policy)
    parsed = parse_policy(body)
    assert isinstance(parsed, StsPolicy)
    return Entry(Domain(domain), "1", parsed, body, fetched, used)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sts"


@pytest.fixture
def store(directory: Path) -> PolicyStore:
    return PolicyStore(directory)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_survives_a_restart(store: PolicyStore, directory: Path) -> None:
    store.put(make())
    store.put(make("example.net", mode="testing"))
    store.put(replace(make(), id="2"))
    again = PolicyStore(directory)
    assert again.entries() == (replace(make(), id="2"), make("example.net", mode="testing"))
    assert again.get(Domain("example.org")) is None


def test_it_is_readable_by_its_user_alone(store: PolicyStore, directory: Path) -> None:
    store.put(make())
    assert mode_of(directory) == 0o700
    assert mode_of(directory / "garbage") == 0o700
    assert mode_of(directory / "example.com.policy") == 0o600
    directory.chmod(0o755)
    PolicyStore(directory)
    assert mode_of(directory) == 0o700


def test_it_needs_no_directory() -> None:
    store = PolicyStore(None)
    store.put(make())
    store.rescan()
    assert store.get(Domain("example.com")) == make()
    assert store.purge(NOW + 604_800).expired == (make(),)
    assert store.entries() == ()
    assert store.garbage() == ()


@pytest.mark.parametrize("domain", ["../x", "a/b", "", ".", "..", "Example.com", "a..b", "x.example.", "a\0b", "~x"])
def test_no_path_comes_from_what_is_no_domain(store: PolicyStore, directory: Path, domain: str) -> None:
    with pytest.raises(ValueError, match="not a domain"):
        store.put(make(domain))
    assert [path.name for path in directory.iterdir()] == ["garbage"]


def test_the_longest_domains_have_files_of_their_own(store: PolicyStore, directory: Path) -> None:
    long = ".".join(["a" * 63] * 3 + ["b" * 53])
    other = long[:-1] + "c"
    store.put(make(long + ".example"))
    store.put(make(other + ".example"))
    assert len(long + ".example") == 253
    assert [entry.domain for entry in PolicyStore(directory).entries()] == [long + ".example", other + ".example"]
    assert store.delete(Domain(long + ".example"))
    assert len(PolicyStore(directory).entries()) == 1


def test_half_written_files_are_set_aside_and_told(
    store: PolicyStore, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(make())
    content = encode(make("example.net"))
    (directory / "example.net.policy").write_bytes(content[: len(content) // 2])
    (directory / "example.org.policy").write_bytes(b"")
    (directory / "elsewhere.example.policy").write_bytes(content)
    (directory / "large.example.policy").write_bytes(content + b"x" * module.MAX_FILE)
    (directory / "link.example.policy").symlink_to("/etc/passwd")
    os.mkfifo(directory / "pipe.example.policy")
    (directory / "folder.example.policy").mkdir()
    (directory / "README").write_text("not ours")
    again = PolicyStore(directory)
    assert again.entries() == (make(),)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 7
    reasons = {garbage.name.partition("-")[2]: garbage.reason for garbage in again.garbage()}
    assert reasons["example.net.policy"] == "the checksum does not match"
    assert reasons["example.org.policy"] == "the first line is not that of a policy file of format 1"
    assert reasons["elsewhere.example.policy"] == "the file's name is not that of its domain"
    assert reasons["large.example.policy"].startswith("it is longer than")
    assert reasons["link.example.policy"].startswith("it cannot be read")
    assert reasons["pipe.example.policy"] == "it is not a regular file"
    assert "folder.example.policy" in " ".join(path.name for path in (directory / "garbage").iterdir())
    assert sorted(path.name for path in directory.iterdir()) == ["README", "example.com.policy", "garbage"]
    assert PolicyStore(directory).garbage() == again.garbage()


@pytest.mark.rfc(8461, "10.2")
@pytest.mark.parametrize("domain", ["example.com", ".".join(["a" * 60] * 4)])
def test_a_file_that_cannot_be_opened_now_is_left_for_later(
    store: PolicyStore, directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, domain: str
) -> None:
    known, late = PolicyStore(directory), PolicyStore(directory)
    store.put(make(domain))
    known.rescan()
    store.put(replace(make(domain), id="2"))
    with monkeypatch.context() as patch:
        patch.setattr(module, "_read", _no_descriptors)
        known.rescan()
        late.rescan()
    assert known.entries() == (make(domain),)
    assert late.entries() == ()
    assert "1 files of MTA-STS policies cannot be read" in caplog.text
    for each in (known, late):
        each.rescan()
        assert each.entries() == (replace(make(domain), id="2"),)
        assert each.garbage() == ()


def _no_descriptors(path: Path) -> Entry:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))


def test_garbage_is_bounded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_GARBAGE", 3)
    PolicyStore(directory)
    for number in range(6):
        (directory / f"x{number}.example.policy").write_bytes(b"no")
    assert len(PolicyStore(directory).garbage()) == 3


def test_left_over_temporary_files_go_when_they_are_old(directory: Path) -> None:
    PolicyStore(directory)
    old, new = directory / ".tmp-old", directory / ".tmp-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    PolicyStore(directory)
    assert not old.exists()
    assert new.exists()


def test_a_disk_that_is_full_costs_the_file_not_the_policy(
    store: PolicyStore, directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    store.put(make())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        store.put(replace(make(), id="2"))
    assert store.get(Domain("example.com")) == replace(make(), id="2")
    assert "cannot be written" in caplog.text
    assert sorted(path.name for path in directory.iterdir()) == ["example.com.policy", "garbage"]
    store.rescan()
    assert store.get(Domain("example.com")) == replace(make(), id="2")
    assert PolicyStore(directory).get(Domain("example.com")) == make()  # the older one is whole


def test_what_another_process_does_is_seen(store: PolicyStore, directory: Path) -> None:
    other = PolicyStore(directory)
    store.put(make())
    other.rescan()
    assert other.get(Domain("example.com")) == make()
    other.put(replace(make(), id="2"))
    store.rescan()
    assert store.get(Domain("example.com")) == replace(make(), id="2")
    other.delete(Domain("example.com"))
    store.rescan()
    assert store.entries() == ()


def test_a_file_that_is_spoilt_later_does_not_take_the_policy_away(store: PolicyStore, directory: Path) -> None:
    store.put(make())
    (directory / "example.com.policy").write_bytes(b"spoilt")
    store.rescan()
    assert store.get(Domain("example.com")) == make()
    store.rescan()
    assert store.get(Domain("example.com")) == make()
    assert len(store.garbage()) == 1


def test_an_unchanged_directory_costs_one_stat(store: PolicyStore, directory: Path, monkeypatch: Any) -> None:
    store.put(make())
    os.utime(directory, (1, 1))
    store.rescan()
    monkeypatch.setattr(os, "scandir", None)
    store.rescan()


def test_purge_deletes_the_expired_and_the_garbage(store: PolicyStore, directory: Path) -> None:
    store.put(make())
    store.put(make("short.example", max_age=60))
    (directory / "bad.example.policy").write_bytes(b"no")
    store.rescan()
    would = store.purge(NOW + 60, dry_run=True)
    assert [entry.domain for entry in would.expired] == ["short.example"]
    assert len(would.garbage) == 1
    assert len(store.entries()) == 2
    assert store.purge(NOW + 60) == would
    assert store.entries() == (make(),)
    assert store.garbage() == ()
    assert PolicyStore(directory).entries() == (make(),)


def test_delete(store: PolicyStore, directory: Path) -> None:
    store.put(make())
    assert store.delete(Domain("example.com"))
    assert not store.delete(Domain("example.com"))
    assert PolicyStore(directory).entries() == ()


def test_use_is_noted_twice_a_day_at_most(store: PolicyStore, directory: Path) -> None:
    store.put(make())
    domain = Domain("example.com")
    store.used(domain, NOW + 3600)
    assert store.get(domain) == make()
    store.used(domain, NOW + 43_200.5)
    store.used(Domain("unknown.example"), NOW)
    assert store.get(domain) == PolicyStore(directory).get(domain) == make(used=NOW + 43_200)


def test_a_full_store_forgets_the_expired_then_mode_none_then_the_longest_unused(directory: Path) -> None:
    store = PolicyStore(directory, max_entries=3)
    store.put(make("expired.example", max_age=1, used=NOW + 9))
    store.put(make("none.example", mode="none", used=NOW + 9))
    store.put(make("unused.example", used=NOW + 1))
    gone = []
    for domain in ("used.example", "n1.example", "n2.example", "n3.example"):
        before = {known.domain for known in store.entries()}
        store.put(make(domain, used=NOW + 5 if domain == "used.example" else NOW + 10))
        gone += sorted(before - {known.domain for known in store.entries()})
    assert gone == ["expired.example", "none.example", "unused.example", "used.example"]
    store.put(make("useless.example", max_age=0, used=NOW + 10))
    left = ["n1.example", "n2.example", "n3.example"]
    assert [entry.domain for entry in store.entries()] == left
    assert [entry.domain for entry in PolicyStore(directory).entries()] == left


def test_a_policy_of_many_lines_counts_as_what_it_takes_in_memory() -> None:
    body = policy_text(*(f"*.m{number}.example" for number in range(2500)))
    tracemalloc.start()
    try:
        parsed = parse_policy(bytes(body))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(parsed, StsPolicy)
    store = PolicyStore(None)
    store.put(Entry(Domain("example.com"), "1", parsed, body, NOW, NOW))
    assert taken < store._bytes < 2 * taken
    store.delete(Domain("example.com"))
    assert store._bytes == 0


def test_the_octets_of_all_policies_are_bounded() -> None:
    store = PolicyStore(None, max_bytes=200_000)
    for number in range(10):
        store.put(make(f"n{number}.example", used=NOW + number, pad=30_000))
    assert [entry.domain for entry in store.entries()] == ["n7.example", "n8.example", "n9.example"]
