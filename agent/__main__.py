"""The agent without a window: ``python -m agent --config FILE``.

Exit codes: 0 after SIGINT or SIGTERM, 2 when the settings are wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .config import AgentConfig
from .config_file import load_config
from .errors import ConfigError, sole_error
from .redaction import RedactingFormatter
from .supervisor import Agent

EXIT_CONFIG: Final = 2

log = logging.getLogger("agent")


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal comes, and give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m agent", description="Serve hybrid connections without a window."
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the settings, in TOML")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log control messages and reconnects in detail"
    )
    options = parser.parse_args(arguments)
    set_up_logging(logging.DEBUG if options.verbose else logging.INFO)
    try:
        config = load_config(options.config)
        if not config.connections:
            raise ConfigError("connections: none is configured")
        run(config)
    except ConfigError as error:
        for problem in error.problems:
            print(f"{options.config}: {problem}", file=sys.stderr)
        return EXIT_CONFIG
    return 0


def set_up_logging(level: int) -> None:
    """Log to standard error, without secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log.setLevel(level)


def run(config: AgentConfig) -> None:
    """Serve *config* until SIGINT or SIGTERM.

    Raises:
        ConfigError: The configured certificates cannot be used.
    """
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(_serve(config))


async def _serve(config: AgentConfig) -> None:
    """Serve until the first signal, then answer what has been asked; a second signal skips that."""
    agent, drain_s = Agent(config), config.deadlines.drain_s
    with _signals() as arrived, contextlib.suppress(asyncio.CancelledError):
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(agent.run(), name="agent")
                await arrived.acquire()
                agent.turn_away()  # before it is said, so that who reads it can rely on it
                log.info("stopping: no new work, at most %g s for what is being answered", drain_s)
                draining = tasks.create_task(agent.drain(), name="drain")
                impatience = tasks.create_task(arrived.acquire(), name="second signal")
                await asyncio.wait(
                    (draining, impatience), timeout=drain_s, return_when=asyncio.FIRST_COMPLETED
                )
                for task in (draining, impatience, running):
                    task.cancel()
        except BaseExceptionGroup as group:
            raise sole_error(group) from group
    log.info("stopped")


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Semaphore]:
    """While open, SIGINT and SIGTERM release the semaphore instead of ending the process."""
    arrived = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGINT, signal.SIGTERM):
        if number == signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN:
            continue  # a job in the background: the terminal's Ctrl-C is not for it
        with contextlib.suppress(NotImplementedError):  # Windows: the runner turns Ctrl-C into a cancellation
            loop.add_signal_handler(number, arrived.release)
            caught.append(number)
    try:
        yield arrived
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def _fast_loop() -> type[asyncio.AbstractEventLoop] | None:
    """Give uvloop's loop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional: it does not exist on Windows
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
