"""python -m tools.soak --minutes 10 --seed 7"""

import sys

from tools.soak.run import main

sys.exit(main(sys.argv[1:]))
