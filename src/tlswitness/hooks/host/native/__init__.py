"""The host for modules in C: a shared object that is told json-c objects, as the seed's MTA tells them.

Separate because it alone runs machine code of others' in its process: a fault there ends the process and nothing else.
"""

from tlswitness.hooks.host.native.headers import include_dir
from tlswitness.hooks.host.native.host import NativeCallee, load

__all__ = ["NativeCallee", "include_dir", "load"]
