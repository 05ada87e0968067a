"""The status as Prometheus's metrics.

Separate because names, units and help are a contract with other people's dashboards. Labels are the names of modules
alone, which the operator chose: nothing that a peer chooses becomes a time series. Counters of modules are those of
their progress files, so that a restart of the daemon resets none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.service.status import JournalStatus, ModuleStatus, Status

_MODULE_COUNTERS: tuple[tuple[str, str, Callable[[ModuleStatus], float]], ...] = (
    ("calls", "Calls of the module that returned or raised.", lambda module: module.now.counts.calls),
    ("errors", "Calls that raised.", lambda module: module.now.counts.errors),
    ("slow_calls", "Calls that took longer than the budget.", lambda module: module.now.counts.slow),
    ("retries", "Calls after which the module asked to be told again.", lambda module: module.now.counts.retries),
    ("deaths", "Deaths of the module's process.", lambda module: module.now.counts.deaths),
    ("dead_letters", "Points put aside after deaths of the process.", lambda module: module.now.counts.dead_letters),
    ("damaged", "Damages of the journal that the module met.", lambda module: module.now.counts.damaged),
    ("missed_segments", "Segments removed before it had read them.", lambda module: module.now.counts.missed),
)
_MODULE_GAUGES: tuple[tuple[str, str, Callable[[ModuleStatus], float]], ...] = (
    ("up", "Whether a process of the module has loaded it and runs.", lambda module: _up(module)),
    ("failed", "Whether the module does not load.", lambda module: module.now.state is State.FAILED),
    ("refused", "Whether its newest version does not load.", lambda module: bool(module.now.refused)),
    ("behind_bytes", "Octets of the journal that it has not been told.", lambda module: module.now.behind),
    ("lag_seconds", "Age of the oldest write that it has not been told.", lambda module: module.lag),
    ("busy_seconds", "How long its running call has taken; 0 without one.", lambda module: module.now.busy),
)
_JOURNAL_GAUGES: tuple[tuple[str, str, Callable[[JournalStatus], float | None]], ...] = (
    ("segments", "Segments of the journal.", lambda journal: journal.segments),
    ("chains", "Chains of segments: one for each writer.", lambda journal: journal.chains),
    ("bytes", "Octets of all segments.", lambda journal: journal.octets),
    ("oldest_timestamp_seconds", "When the oldest segment was made.", lambda journal: journal.oldest),
    ("unsynced_bytes", "Octets of the daemon's chain not yet on the disk.", lambda journal: journal.unsynced),
    ("pending_points", "Points of the daemon that wait for the disk.", lambda journal: journal.pending),
    ("failing", "Whether the journal cannot be written, listed or cleaned.", lambda journal: bool(journal.failing)),
    ("disk_free_bytes", "Free octets of the journal's disk.", lambda journal: journal.free),
)
_JOURNAL_COUNTERS: tuple[tuple[str, str, Callable[[JournalStatus], float]], ...] = (
    ("points_written", "Points that the daemon wrote.", lambda journal: journal.written),
    ("points_dropped", "Points of the daemon that were lost.", lambda journal: journal.dropped),
    ("damaged", "Damages met since the start.", lambda journal: journal.damaged),
    ("torn_bytes", "Octets cut off at recovery: written in part.", lambda journal: journal.torn),
    ("removed_segments", "Segments removed by retention.", lambda journal: journal.removed),
)


class Metrics:
    """A registry of our own, which shows the status that it was given last."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_Shown(lambda: self._status))
        ProcessCollector(registry=self.registry)
        self._status: Status | None = None

    def show(self, status: Status) -> None:
        self._status = status


class _Shown(Collector):
    def __init__(self, status: Callable[[], Status | None]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        """All names, so that a client may ask for some of them."""
        return families(_ALL)

    def collect(self) -> Iterable[Metric]:
        status = self._status()
        return () if status is None else families(status)


_ALL = Status(
    version="", pid=0, at=0, since=0, config="", state="", journal=JournalStatus(directory="", oldest=0.0, free=0)
)


def families(status: Status) -> Iterator[Metric]:
    """All metrics of one status."""
    info = GaugeMetricFamily("tlswitness_build_info", "The version that runs.", labels=["version"])
    info.add_metric([status.version], 1)
    yield info
    yield GaugeMetricFamily("tlswitness_ready_timestamp_seconds", "When the daemon was ready.", status.since)
    yield from _of_modules(status.modules)
    yield from _of_journal(status.journal)
    yield from _of_reloads(status)


def _of_modules(modules: tuple[ModuleStatus, ...]) -> Iterator[Metric]:
    for name, text, value in _MODULE_COUNTERS:
        counter = CounterMetricFamily(f"tlswitness_hook_{name}", text, labels=["module"])
        for module in modules:
            counter.add_metric([module.now.name], value(module))
        yield counter
    for name, text, value in _MODULE_GAUGES:
        gauge = GaugeMetricFamily(f"tlswitness_hook_{name}", text, labels=["module"])
        for module in modules:
            gauge.add_metric([module.now.name], float(value(module)))
        yield gauge


def _of_journal(journal: JournalStatus) -> Iterator[Metric]:
    for name, text, gauge in _JOURNAL_GAUGES:
        value = gauge(journal)
        if value is not None:
            yield GaugeMetricFamily(f"tlswitness_journal_{name}", text, float(value))
    for name, text, counter in _JOURNAL_COUNTERS:
        yield CounterMetricFamily(f"tlswitness_journal_{name}", text, counter(journal))


def _of_reloads(status: Status) -> Iterator[Metric]:
    yield CounterMetricFamily("tlswitness_config_reloads", "Reloads of the configuration.", status.reloads)
    yield CounterMetricFamily(
        "tlswitness_config_reload_failures", "Reloads whose configuration was wrong.", status.failed_reloads
    )
    reload = status.reload
    yield GaugeMetricFamily(
        "tlswitness_config_last_reload_successful",
        "Whether the configuration is the one that was loaded last.",
        float(reload is None or reload.applied),
    )


def _up(module: ModuleStatus) -> bool:
    return module.now.state in (State.RUNNING, State.RETRYING)
