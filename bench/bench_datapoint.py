"""Writing and reading data points: what every session costs."""

from __future__ import annotations

from collections.abc import Iterator

from bench.measure import Measure, rate
from tlswitness.datapoint import DataPointError, compact, decode, paniclog

POINT = (
    '{"epoch":1746712864,"type":0,"policy":{"policy-type":"sts","policy-domain":"example.com",'
    '"policy-string":["version: STSv1","mode: enforce","mx: *.example.com","max_age: 604800"]},'
    '"result-type":"certificate-expired","failure-reason-code":"certificate has expired","sending-mta-ip":"192.0.2.1",'
    '"receiving-mx-hostname":"mx.example.com","receiving-ip":"198.51.100.7"}'
)


def bench() -> Iterator[Measure]:
    point = decode(POINT)
    assert not isinstance(point, DataPointError)
    yield rate("data point: decode", lambda: decode(POINT))
    yield rate("data point: compact text", lambda: compact(point))
    yield rate("data point: paniclog text", lambda: paniclog(point))
