"""The connect seam: the one place that connects to strangers' mail and policy hosts, and the guard over where to.

Separate because policy (HTTPS fetch) and delivery (SMTP) both connect and neither may know the other. The lab replaces
the well-known ports at this seam, and nothing else. Addresses that names of strangers lead to are guarded here.
"""

from tlswitness.net.dial import Dialer, DirectDialer, MappedDialer
from tlswitness.net.guard import AddressGuard, canonical_ip

__all__ = ["AddressGuard", "Dialer", "DirectDialer", "MappedDialer", "canonical_ip"]
