"""Data points from elsewhere: decoded or refused, and what is decoded can be written and read again."""

from __future__ import annotations

import json

from tlswitness.datapoint import DataPointError, compact, decode
from tools.soak.target import Target, kind, text_of


def attempt(data: bytes) -> object:
    point = decode(text_of(data))
    raw = decode(data)
    assert isinstance(raw, DataPointError) or decode(compact(raw)) == raw
    if isinstance(point, DataPointError):
        return "refused", str(point)[:30]
    text = compact(point)
    assert decode(text) == point
    json.loads(text)
    return kind(point), point.policy.policy_type[:8], point.result_type is None, min(len(point.further_failures), 4)


TARGET = Target(
    "points",
    (
        (
            b'{"epoch":1746712864,"type":1,"policy":{"policy-type":"tlsa","policy-domain":"mx.example",'
            b'"policy-string":["3 1 1 00"]}}'
        ),
        (
            b'{ "epoch": 1, "type": 0, "policy": { "policy-type": "sts", "policy-domain": "a.example",'
            b' "mx-host": ["*.a"] },'
            b' "result-type": "certificate-expired", "failure-reason-code": "x", "sending-mta-ip": "192.0.2.1",'
            b' "receiving-mx-hostname": "mx.a", "receiving-ip": "::1" }'
        ),
        (
            b'{"epoch":1,"type":0,"policy":{"policy-type":"no-policy-found","policy-domain":"a"},"result-type":"x",'
            b'"further-failures":[{"result-type":"y"}],"unknown":{"a":[1,null,true,"\\u0000"]}}'
        ),
    ),
    attempt,
    (
        b"null",
        b"[]",
        b'""',
        b"{}",
        b'"\\ud800"',
        b"1e999",
        b"18446744073709551616",
        b"-0",
        b"[[[[[[[[",
        b'"epoch":2,',
        b',{"result-type":"z"}',
        b"\xef\xbb\xbf",
    ),
)
