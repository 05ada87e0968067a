import re

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.service.support import module, status

from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.service.metrics import Metrics
from tlswitness.service.status import Reload

STATUS = status(
    module(behind=70, lag=1.5, busy=0.25),
    module("other", state=State.FAILED, refused="no such file"),
    journal={"segments": 3, "octets": 4096, "oldest": 5.0, "free": 6, "dropped": 7, "failing": "full"},
    reload=Reload(at=1.0, applied=False),
    reloads=3,
    failed_reloads=2,
)


def shown(one=STATUS):
    metrics = Metrics()
    metrics.show(one)
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    return families, {
        (sample.name, sample.labels.get("module")): sample.value for family in families for sample in family.samples
    }


def test_the_numbers():
    _, samples = shown()
    for (name, of), value in {
        ("tlswitness_hook_calls_total", "told"): 7,
        ("tlswitness_hook_errors_total", "told"): 1,
        ("tlswitness_hook_slow_calls_total", "told"): 2,
        ("tlswitness_hook_retries_total", "told"): 3,
        ("tlswitness_hook_damaged_total", "told"): 4,
        ("tlswitness_hook_missed_segments_total", "told"): 5,
        ("tlswitness_hook_deaths_total", "told"): 6,
        ("tlswitness_hook_dead_letters_total", "told"): 8,
        ("tlswitness_hook_up", "told"): 1,
        ("tlswitness_hook_up", "other"): 0,
        ("tlswitness_hook_failed", "told"): 0,
        ("tlswitness_hook_failed", "other"): 1,
        ("tlswitness_hook_refused", "other"): 1,
        ("tlswitness_hook_behind_bytes", "told"): 70,
        ("tlswitness_hook_lag_seconds", "told"): 1.5,
        ("tlswitness_hook_busy_seconds", "told"): 0.25,
        ("tlswitness_journal_segments", None): 3,
        ("tlswitness_journal_bytes", None): 4096,
        ("tlswitness_journal_oldest_timestamp_seconds", None): 5,
        ("tlswitness_journal_disk_free_bytes", None): 6,
        ("tlswitness_journal_points_dropped_total", None): 7,
        ("tlswitness_journal_failing", None): 1,
        ("tlswitness_config_reloads_total", None): 3,
        ("tlswitness_config_reload_failures_total", None): 2,
        ("tlswitness_config_last_reload_successful", None): 0,
        ("tlswitness_ready_timestamp_seconds", None): 1000,
    }.items():
        assert samples[name, of] == value, (name, of)
    assert samples["process_open_fds", None] > 0


def test_the_names_are_as_prometheus_wants_them():
    families, _ = shown()
    for family in families:
        assert family.documentation
        assert re.fullmatch(r"(tlswitness|process)_[a-z_]+", family.name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert set(sample.labels) <= {"module", "version"}, "nothing that grows"


def test_what_is_not_known_is_not_shown():
    _, samples = shown(status())
    assert ("tlswitness_journal_oldest_timestamp_seconds", None) not in samples
    assert samples["tlswitness_config_last_reload_successful", None] == 1
    assert b"tlswitness_" not in generate_latest(Metrics().registry)
