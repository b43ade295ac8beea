from __future__ import annotations

import pytest

from relaydesk import ipc
from relaydesk.start import Start, parse_start

LINK = "relaydesk://import?v=1#secret"


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ([], Start()),
        (["--hidden"], Start(is_hidden=True)),
        ([LINK], Start(link=LINK)),
        (["RelayDesk:x"], Start(link="RelayDesk:x")),
        (["--hidden", LINK], Start(is_hidden=True, link=LINK)),
        ([LINK, "--hidden"], Start(is_hidden=True, link=LINK)),
        (["list"], None),
        (["--help"], None),
        (["--version"], None),
        (["--hidden", "list"], None),
        ([LINK, LINK], None),
        ([LINK, "x"], None),
        (["send", LINK], None),
        ([""], None),
    ],
)
def test_arguments_of_the_desktop_are_known(arguments: list[str], start: Start | None):
    assert parse_start(arguments) == start


def test_link_is_not_in_the_repr():
    assert "secret" not in repr(Start(link=LINK))


def test_second_start_asks_for_what_it_was_started_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN", raising=False)
    assert Start().request == ipc.Show()
    monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "token")
    assert Start().request == ipc.Show("token")
    assert Start(link=LINK, is_hidden=True).request == ipc.Open(LINK)
    assert Start(is_hidden=True).request is None
