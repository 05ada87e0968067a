"""What is wrong, what is weak and what is worth knowing, each with what to do about it. Pure.

Separate because words are for people and change for other reasons than the looking does. One rule says how grave a
finding is: what keeps mail from being delivered, or is reported as a failure, is a problem; what works today and
protects less than it could, or will not last, is a warning. RFC 8460 section 4.3, RFC 8461 sections 3 and 5, RFC 7672.
"""

from tlswitness.engine.check.findings.collect import findings_of

__all__ = ["findings_of"]
