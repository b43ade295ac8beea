"""Each row of the checklist in protocol reference §16 has a test that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROWS = range(1, 21)

_NAMED = re.compile(r"^async def test_row_(\d+)_", re.MULTILINE)


@pytest.fixture(scope="module")
def named_rows() -> set[int]:
    here = Path(__file__).parent
    return {
        int(number)
        for module in here.glob("test_conformance_*.py")
        for number in _NAMED.findall(module.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_checklist_has_a_test_over_a_socket(named_rows: set[int], row: int):
    assert row in named_rows
