"""The data point: one TLS session's outcome under one policy, as the hook `core_smtp_tls_reporting` sees it.

Separate and low because all producers and all consumers meet here. It holds the model, the eleven result types of
RFC 8460 section 4.3, the reason texts, the text forms, the decoder, the views, the keys for counting, and the one
constructor. It knows no clock, no socket and no policy engine.
"""

from tlswitness.datapoint.decode import decode
from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.keys import DetailKey, PolicyKey, detail_keys, policy_key
from tlswitness.datapoint.make import points_of
from tlswitness.datapoint.model import (
    FAILURE,
    SUCCESS,
    DataPoint,
    FurtherFailure,
    Json,
    JsonObject,
    Member,
    Policy,
)
from tlswitness.datapoint.outcome import Judged, NotReportable, Outcome, PolicyFacts, PolicyFailed, SessionEnded
from tlswitness.datapoint.reader import DataPointError
from tlswitness.datapoint.results import RESULTS, PolicyType, ResultInfo, ResultType
from tlswitness.datapoint.text import compact, paniclog, to_dict
from tlswitness.datapoint.views import SEED_VIEW, Members, Sessions, View

__all__ = [
    "FAILURE",
    "RESULTS",
    "SEED_VIEW",
    "SUCCESS",
    "Cause",
    "DataPoint",
    "DataPointError",
    "DetailKey",
    "Failure",
    "Finding",
    "FurtherFailure",
    "Json",
    "JsonObject",
    "Judged",
    "Member",
    "Members",
    "NotReportable",
    "Outcome",
    "Policy",
    "PolicyFacts",
    "PolicyFailed",
    "PolicyKey",
    "PolicyType",
    "ResultInfo",
    "ResultType",
    "SessionEnded",
    "Sessions",
    "View",
    "compact",
    "decode",
    "detail_keys",
    "paniclog",
    "points_of",
    "policy_key",
    "to_dict",
]
