"""Writing and reading data points, which every session costs, beside the json of the standard library."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.measure import Comparison, Pace, calls, race
from tlswitness.datapoint import DataPointError, compact, decode, paniclog

POINT = (
    '{"epoch":1746712864,"type":0,"policy":{"policy-type":"sts","policy-domain":"example.com",'
    '"policy-string":["version: STSv1","mode: enforce","mx: *.example.com","max_age: 604800"]},'
    '"result-type":"certificate-expired","failure-reason-code":"certificate has expired","sending-mta-ip":"192.0.2.1",'
    '"receiving-mx-hostname":"mx.example.com","receiving-ip":"198.51.100.7"}'
)


def bench(pace: Pace) -> Iterator[Comparison]:
    point = decode(POINT)
    assert not isinstance(point, DataPointError)
    plain = json.loads(POINT)
    yield race(
        "a data point read",
        "/s",
        [calls("decode", lambda: decode(POINT), pace), calls("json.loads", lambda: json.loads(POINT), pace)],
        [("decode", "json.loads", None)],
        pace.rounds,
    )
    yield race(
        "a data point written",
        "/s",
        [
            calls("compact", lambda: compact(point), pace),
            calls("paniclog", lambda: paniclog(point), pace),
            calls("json.dumps", lambda: json.dumps(plain), pace),
        ],
        [("compact", "json.dumps", None), ("paniclog", "json.dumps", None)],
        pace.rounds,
    )
