import pytest

from tlswitness.dns.answer import (
    Answer,
    Denial,
    Denied,
    Found,
    LookupFailed,
    MxRecord,
    RecordType,
    Security,
    TlsaRecord,
    TxtRecord,
)
from tlswitness.dns.cache import AnswerCache
from tlswitness.lab.fakes import VirtualClock

KEY = ("example.com", RecordType.A)
SECURE, INSECURE = Security.SECURE, Security.INSECURE


def found(ttl: int = 300, security: Security = SECURE) -> Found:
    return Found(("192.0.2.1",), security, ttl)


@pytest.mark.rfc(7671, "13")
@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (found(300), 300),
        (found(86_400), 3_600),
        (found(0), 0),
        (Denied(Denial.NXDOMAIN, SECURE, 60), 60),
        (Denied(Denial.NODATA, INSECURE, 0), 0),
        (LookupFailed(Security.FAILED, "SERVFAIL"), 1),
    ],
)
def test_how_long_an_answer_is_kept(clock: VirtualClock, answer: Answer, seconds: int) -> None:
    cache = AnswerCache(clock)
    cache.put(KEY, answer)
    assert (cache.get(KEY) is not None) is (seconds > 0)
    clock.advance(seconds - 0.25)
    assert (cache.get(KEY) is not None) is (seconds > 0)
    clock.advance(0.25)
    assert cache.get(KEY) is None
    assert len(cache) == 0


def test_the_ttl_given_is_what_is_left(clock: VirtualClock) -> None:
    cache = AnswerCache(clock)
    denied = ("x.example", RecordType.A)
    cache.put(KEY, found(300))
    cache.put(denied, Denied(Denial.NXDOMAIN, SECURE, 200))
    assert cache.get(KEY) == found(300)
    assert cache.get(KEY) is cache.get(KEY)
    clock.advance(100.5)
    assert cache.get(KEY) == found(199)
    assert cache.get(denied) == Denied(Denial.NXDOMAIN, SECURE, 99)


def test_the_least_recently_used_goes_first(clock: VirtualClock) -> None:
    cache = AnswerCache(clock, max_entries=2)
    keys = [(name, RecordType.A) for name in ("a", "b", "c")]
    cache.put(keys[0], found())
    cache.put(keys[1], found())
    cache.get(keys[0])
    cache.put(keys[2], found())
    assert [cache.get(key) is not None for key in keys] == [True, False, True]


@pytest.mark.parametrize(
    "record",
    [
        TxtRecord((b"x" * 255,) * 40),
        TlsaRecord(3, 0, 0, b"x" * 10_000),
        "x" * 10_000,
        MxRecord(1, "x" * 10_000),
    ],
)
def test_the_size_of_all_answers_is_bounded(clock: VirtualClock, record: object) -> None:
    cache = AnswerCache(clock, max_octets=50_000)
    for number in range(10):
        cache.put((str(number), RecordType.TXT), Found((record,), SECURE, 300))  # type: ignore[arg-type]
    assert len(cache) == 4
    assert cache.get(("9", RecordType.TXT)) is not None
    cache.put(KEY, Found((record,) * 6, SECURE, 300))  # type: ignore[arg-type]
    assert cache.get(KEY) is None
    assert len(cache) == 4


def test_a_new_answer_takes_the_old_ones_place(clock: VirtualClock) -> None:
    cache = AnswerCache(clock)
    cache.put(KEY, found(300))
    cache.put(KEY, found(0))
    assert cache.get(KEY) is None


def test_what_is_not_secure_can_be_forgotten(clock: VirtualClock) -> None:
    cache = AnswerCache(clock)
    answers: dict[str, Answer] = {
        "secure": found(),
        "insecure": found(security=INSECURE),
        "denied": Denied(Denial.NODATA, INSECURE, 60),
        "failed": LookupFailed(Security.BOGUS, "SERVFAIL EDE 6"),
    }
    for name, answer in answers.items():
        cache.put((name, RecordType.A), answer)
    cache.forget_unproven(iter([("secure", RecordType.A), ("denied", RecordType.A), ("unknown", RecordType.A)]))
    assert [name for name in answers if cache.get((name, RecordType.A))] == ["secure", "insecure", "failed"]
    cache.forget_unproven()
    assert [name for name in answers if cache.get((name, RecordType.A))] == ["secure"]
    cache.clear()
    assert len(cache) == 0
