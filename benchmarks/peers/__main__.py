"""``python -m benchmarks.peers``: bring the peers, and say which are missing and why."""

import sys

from .installing import main

sys.exit(main())
