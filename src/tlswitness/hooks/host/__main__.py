"""`python -m tlswitness.hooks.host`: a module's process. Started by the supervisor alone."""

from __future__ import annotations

import sys

from tlswitness.hooks.host.process import main

if __name__ == "__main__":
    sys.exit(main())
