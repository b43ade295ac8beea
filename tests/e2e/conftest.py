"""What several of these tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.exchanges import Exchanges


@pytest.fixture
def captures(tmp_path: Path) -> Iterator[Exchanges]:
    """A list of captured exchanges, for an agent to fill."""
    made = Exchanges(tmp_path / "captures")
    made.begin()
    yield made
    made.close()
