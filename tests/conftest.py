"""What holds for every test.

Markers, for tests to use:

* ``expect_log_warnings(*patterns)``: each regular expression must match a logged warning (its text is
  ``logger: message``), and every logged warning must match one of them.
* ``allow_log_warnings(*patterns)``: these may be logged, where timing decides; without patterns, anything may.
* ``slow``: takes more than a quarter of a second.
* ``stress``: has a full size; ask the fixture ``full_size`` which one this run wants.
* ``cluster``, ``desktop``, ``e2e`` and ``interop`` are set here for everything in the folder of that name.

A fixture that makes warnings come may set a log marker too: ``request.applymarker(pytest.mark.allow_log_warnings(...))``.
They are read when the test ends.

What fails a test besides its own assertions:

* a record of WARNING or above from ``hyco``, ``agent``, ``gateway``, ``relaydesk`` or ``asyncio`` that it did not announce;
* an asyncio task that is still there once the test and its fixtures are done;
* a call that blocks its event loop: looking up a host name, opening a database, ``time.sleep`` (seen from Python 3.13 on;
  before, the linter's ASYNC251 sees it);
* being skipped, when ``RELAYDESK_NO_SKIPS`` is set (``.ci/run`` sets it).

Hypothesis runs the same examples every time (profile ``ci``); ``--hypothesis-profile=explore`` looks for new ones.
"""

import asyncio
import ipaddress
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresServer

WATCHED_LOGGERS = ("hyco", "agent", "gateway", "relaydesk", "asyncio")

# Transports and servers of the standard library close in callbacks; a task that only waits for those is no leak.
TASK_GRACE_S = 0.5

NO_SKIPS = "RELAYDESK_NO_SKIPS"
STRESS = "RELAYDESK_STRESS"

hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in a folder that is a kind of test of its own."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if folder in ("cluster", "desktop", "e2e", "interop"):
            item.add_marker(folder)


@pytest.fixture(scope="session")
def full_size() -> bool:
    """Whether tests marked ``stress`` run at the size of the promise instead of one that fits ``make test``."""
    return os.environ.get(STRESS) == "full"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["PostgresServer"]:
    """A PostgreSQL for the whole run."""
    # imported here: what is installed for a cluster alone is not needed by any other test
    from tests.support import postgresql

    with postgresql.postgres_server() as server:
        yield server


@pytest.fixture
async def own_server() -> AsyncIterator["PostgresServer"]:
    """A PostgreSQL that the test may kill, freeze and start again."""
    from tests.support import postgresql

    ended = postgresql.postgres_server()
    yield await asyncio.to_thread(ended.__enter__)
    await asyncio.to_thread(ended.__exit__, None, None, None)


# --- warnings in the log ---------------------------------------------------------------------------------------------


class _Warnings(logging.Handler):
    """Collects what is logged at WARNING or above, as ``logger: message``."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f" [{record.exc_info[1]!r}]"
        self.lines.append(line)


def _patterns(node: pytest.Item, marker: str) -> list[str]:
    return [pattern for mark in node.iter_markers(marker) for pattern in mark.args or (".*",)]


@pytest.fixture(autouse=True)
def _log_policy(request: pytest.FixtureRequest) -> Iterator[None]:
    warnings = _Warnings()
    loggers = [logging.getLogger(name) for name in WATCHED_LOGGERS]
    for logger in loggers:
        logger.addHandler(warnings)
    yield
    for logger in loggers:
        logger.removeHandler(warnings)
    expected = _patterns(request.node, "expect_log_warnings")
    known = expected + _patterns(request.node, "allow_log_warnings")
    unexpected = [line for line in warnings.lines if not any(re.search(pattern, line) for pattern in known)]
    missing = [
        pattern for pattern in expected if not any(re.search(pattern, line) for line in warnings.lines)
    ]
    if unexpected:
        # on one line: of a run far away the summary is often all that is kept
        pytest.fail("unexpected warnings in the log: " + " | ".join(unexpected), pytrace=False)
    if missing:
        pytest.fail("warnings that should have been logged: " + ", ".join(missing), pytrace=False)


# --- tasks and blocking calls ----------------------------------------------------------------------------------------


@pytest.fixture
async def _no_task_is_left() -> AsyncIterator[None]:
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=TASK_GRACE_S)
    if left:
        shown = "\n  ".join(repr(task) for task in list(left)[:5])
        pytest.fail(f"{len(left)} tasks left behind, among them:\n  {shown}", pytrace=False)


_blocking_calls: list[str] = []


def _is_numeric(host: object) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host).split("%")[0])
        return True
    return host in (None, "", b"")


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    """Note calls that hold up the loop of the thread they are made in."""
    if event not in ("time.sleep", "socket.getaddrinfo", "socket.gethostbyname", "sqlite3.connect"):
        return
    # asyncio's own function for this raises outside a loop; this one is asked by every audited call.
    if asyncio._get_running_loop() is None:
        return
    if event == "socket.getaddrinfo" and _is_numeric(arguments[0]):
        return
    frame = sys._getframe(1)
    _blocking_calls.append(f"{event}{arguments!r} in {frame.f_code.co_filename}:{frame.f_lineno}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _task_policy(request: pytest.FixtureRequest, _log_policy: None) -> Iterator[None]:
    # pytest-asyncio marks what it runs on a loop. Set up first, this is torn down after the test's own fixtures.
    is_async = request.node.get_closest_marker("asyncio") is not None
    if is_async:
        request.getfixturevalue("_no_task_is_left")
    _blocking_calls.clear()
    yield
    if _blocking_calls:
        pytest.fail("calls that block the event loop:\n  " + "\n  ".join(_blocking_calls), pytrace=False)


# --- nothing is skipped where everything is installed ------------------------------------------------------------------


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _refuse_skip(report: Report) -> Report:
    if os.environ.get(NO_SKIPS) and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{NO_SKIPS} is set, and this was skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test when nothing may be skipped."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself when nothing may be skipped."""
    return _refuse_skip((yield))
