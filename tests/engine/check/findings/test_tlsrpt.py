import pytest

from tlswitness.dns.answer import LookupFailed, Security
from tlswitness.engine.check import Severity
from tlswitness.engine.check.findings.tlsrpt import about_tlsrpt
from tlswitness.tlsrpt import NoRecord, RecordLookupFailed, parse_records

GOOD = "v=TLSRPTv1; rua=mailto:r@example.com"


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (parse_records([GOOD]), []),
        (NoRecord(), [(Severity.WARNING, "tlsrpt-none", False)]),
        (parse_records([GOOD, GOOD]), [(Severity.PROBLEM, "tlsrpt-several", False)]),
        (parse_records(["v=TLSRPTv1; rua=ftp://x"]), None),
        (parse_records([f"{GOOD},ftp://x"]), [(Severity.WARNING, "tlsrpt-ignored", False)]),
        (parse_records(["v=TLSRPTv1 ; rua=mailto:r@example.com"]), [(Severity.NOTE, "tlsrpt-remark", False)]),
        (
            RecordLookupFailed(LookupFailed(Security.FAILED, "SERVFAIL")),
            [(Severity.PROBLEM, "tlsrpt-lookup", True)],
        ),
        (
            RecordLookupFailed(LookupFailed(Security.BOGUS, "SERVFAIL EDE 6")),
            [(Severity.PROBLEM, "tlsrpt-lookup", False)],
        ),
    ],
)
def test_what_is_told(answer, expected):
    found = list(about_tlsrpt("example.com", answer))
    if expected is None:
        assert [finding.code for finding in found] == ["tlsrpt-invalid", "tlsrpt-ignored"]
        assert found[0].severity is Severity.PROBLEM
    else:
        assert [(finding.severity, finding.code, finding.temporary) for finding in found] == expected


def test_it_says_what_to_publish():
    (finding,) = about_tlsrpt("example.com", NoRecord())
    assert '_smtp._tls.example.com: "v=TLSRPTv1; rua=mailto:tls-reports@example.com"' in finding.advice
