"""``python -m gateway``: a gateway without the rest of RelayDesk; ``relaydesk gateway serve`` is the same."""

from __future__ import annotations

import argparse
import logging
import sys

from .config import from_options, in_options
from .errors import AddressTakenError, ConfigError, GatewayError
from .program import run
from .server import Gateway


def main() -> int:
    """Serve until told to stop. Exit code 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="where entities, keys and certificates are kept"
    )
    parser.add_argument(
        "--bind", action="append", default=[], metavar="HOST:PORT", help="for senders and listeners"
    )
    parser.add_argument("--admin-bind", metavar="HOST:PORT", help="for the admin API")
    parser.add_argument("--public-url", metavar="URL", help="how others reach this gateway")
    parser.add_argument("--tls-cert", metavar="FILE")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument(
        "--tls-self-signed", action="store_true", help="make and keep a certificate of its own"
    )
    parser.add_argument(
        "--trusted-proxy", action="append", default=[], metavar="CIDR", dest="trusted_proxies"
    )
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        run(from_options(**options), _say_ready)
    except ConfigError as error:
        next_step = f"; {error.next_step}" if isinstance(error, AddressTakenError) else ""
        print(f"error: {'; '.join(map(in_options, error.problems))}{next_step}", file=sys.stderr)
        return 2
    except GatewayError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _say_ready(gateway: Gateway) -> None:
    bound = ", ".join(map(str, gateway.addresses))
    print(f"ready: listening on {bound}, admin API on {gateway.admin_address}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
