"""``python -m gateway`` for tests: with limits and deadlines that its command line does not have, logging everything.

Usage: ``python -m tests.support.gateway_program '{"ping_interval_s": 1}' --data DIR …``

The log is not redacted here: what a gateway must not say at DEBUG it must not hand to the log in the first place.
"""

from __future__ import annotations

import functools
import json
import logging
import sys

import gateway.__main__ as program
from gateway import config


def main() -> int:
    """Run it; the first argument holds the numbers."""
    numbers = json.loads(sys.argv.pop(1))
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    program.from_options = functools.partial(config.from_options, numbers=numbers)  # type: ignore[attr-defined]
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
