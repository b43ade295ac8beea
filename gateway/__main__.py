"""``python -m gateway``: a gateway without the rest of RelayDesk; ``relaydesk gateway serve`` is the same."""

from __future__ import annotations

import argparse
import logging
import sys

from hyco.redaction import one_line, safe_lines

from .config import from_options, in_options
from .data_folder import default_data_folder
from .errors import AddressTakenError, ConfigError, GatewayError
from .program import run
from .server import Gateway


def main() -> int:
    """Serve until told to stop. Exit code 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="A gateway without the rest of RelayDesk; relaydesk gateway serve is the same.",
        epilog="Exit codes: 0 after SIGTERM or Ctrl-C, 2 for settings that cannot be used.",
    )
    parser.add_argument(
        "--data",
        default=default_data_folder(),
        metavar="DIR",
        help="where entities, keys and certificates are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="a PostgreSQL database for entities, instead of a file in there: postgresql://USER@HOST:5432/DATABASE",
    )
    parser.add_argument(
        "--fabric",
        action="append",
        default=[],
        metavar="URL,…",
        help="NATS servers by which several gateways act as one: nats://HOST:4222 or tls://HOST:4222",
    )
    parser.add_argument("--fabric-credentials", metavar="FILE", help="a JWT and an nkey for them")
    parser.add_argument("--node-name", metavar="NAME", help="what this gateway is called among them")
    parser.add_argument("--node-url", metavar="URL", help="how listeners reach this very gateway")
    parser.add_argument("--peer-url", metavar="URL", help="how the other gateways reach it")
    parser.add_argument("--peer-ca", metavar="FILE", help="a certificate authority to trust there")
    parser.add_argument(
        "--bind",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="for senders and listeners; can be repeated",
    )
    parser.add_argument(
        "--or-any-port", action="store_true", help="any free port where one of --bind is taken"
    )
    parser.add_argument("--admin-bind", metavar="HOST:PORT", help="for the admin API")
    parser.add_argument("--public-url", metavar="URL", help="how others reach this gateway")
    parser.add_argument("--tls-cert", metavar="FILE", help="speak TLS, with this certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    parser.add_argument(
        "--tls-self-signed", action="store_true", help="make and keep a certificate of its own"
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="CIDR",
        dest="trusted_proxies",
        help="a network whose proxies may say where a sender comes from; can be repeated",
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="log to standard error; twice for details"
    )
    options = vars(parser.parse_args())
    verbosity = options.pop("verbose")
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = logging.StreamHandler()
    handler.setFormatter(_RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
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


class _RedactingFormatter(logging.Formatter):
    """Without secrets, and so that one record is one line, or is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """Format the line itself."""
        return one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Format everything, exceptions included."""
        return safe_lines(super().format(record))


def _say_ready(gateway: Gateway) -> None:
    bound = ", ".join(map(str, gateway.addresses))
    print(f"ready: listening on {bound}, admin API on {gateway.admin_address}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
