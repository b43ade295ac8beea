from __future__ import annotations

import pytest

from relaydesk.cli.durations import parse_duration
from relaydesk.cli.exits import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("8h", 28_800), ("2D", 172_800), ("1w", 604_800), ("1h30m", 5_400)],
)
def test_durations_are_read(text: str, seconds: int):
    assert parse_duration(text, "--for") == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "-1h", "8 h", "0m", "1y", "1.5h", "\u0661h", "9999999d"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(UsageError, match=r"--for: .* is no duration; write it as"):
        parse_duration(text, "--for")
