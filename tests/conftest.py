"""For all tests: fast ones first, skips that a prepared machine must not have, Hypothesis at ease on a slow machine."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # tools and bench are not installed

NEEDS = ("needs:", "could not import")
"""A skip for want of a package or a privilege says so in these words."""

settings.register_profile("tlswitness", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tlswitness")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests last, and in each file the slow ones last: a fault shows as early as it can."""
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path in slow_files, item.get_closest_marker("slow") is not None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    return unskipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    return unskipped(report)


def unskipped(report):
    """With TLSWITNESS_CI=1 the machine is prepared, and a test that misses something has failed."""
    if os.environ.get("TLSWITNESS_CI") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if any(word in reason for word in NEEDS):
            report.outcome = "failed"
            report.longrepr = f"a prepared machine must not skip: {reason}"
    return report
