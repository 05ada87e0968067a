"""What would a delivery to this domain do, and report? Answered without a message.

Separate because a delivery stops at the first MX that takes the mail and says only what it must, and a person wants
everything looked at and put into words. It asks the same rooms the same questions, and leaves no trace: no data point
is made known, no policy is stored, no back-off begins. RFC 8460 section 3, RFC 8461 sections 3 to 5, RFC 7672 section
2.2. `look` asks, `prospect` follows what was found as a delivery would, `findings` say what is wrong.
"""

from tlswitness.engine.check.look import Looker
from tlswitness.engine.check.model import (
    CertificateFacts,
    Check,
    Fate,
    Finding,
    MxLook,
    Pass,
    Prospect,
    Severity,
    StsLook,
    Try,
    Way,
)
from tlswitness.engine.check.requiretls import RequireTls, require_tls

__all__ = [
    "CertificateFacts",
    "Check",
    "Fate",
    "Finding",
    "Looker",
    "MxLook",
    "Pass",
    "Prospect",
    "RequireTls",
    "Severity",
    "StsLook",
    "Try",
    "Way",
    "require_tls",
]
