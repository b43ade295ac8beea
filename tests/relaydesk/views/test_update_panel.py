"""New versions on the page of settings: every state has its words, and only what can be done has a button."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from relaydesk.build_facts import BuildFacts
from relaydesk.updates.manifest import Package
from relaydesk.updates.watch import News, Stage, UpdateWatch
from relaydesk.views.main_window import MainWindow
from relaydesk.views.settings_page import SettingsPage
from tests.relaydesk.updates.test_watch import FakeChannel, facts, make

PACKAGE = Package(
    package="portable",
    machine="linux-x86_64",
    url="https://releases.example.org/x.tar.gz",
    sha256="0" * 64,
    bytes=50_000_000,
)


def page_of(window: MainWindow, watch: UpdateWatch, qtbot: QtBot) -> SettingsPage:
    page = SettingsPage(window.context, (), watch)
    qtbot.addWidget(page)
    page.show()
    return page


@pytest.mark.parametrize(
    ("news", "words", "buttons"),
    [
        (News(), "Nobody has looked yet.", {"look"}),
        (News(looked_at=1.0), "This is the newest version.", {"look"}),
        (News(Stage.LOOKING), "Looking…", {"look"}),
        (
            News(version="9.0.0", notes="https://x.example", package=PACKAGE),
            "RelayDesk 9.0.0 is there.",
            {"look", "fetch", "notes"},
        ),
        (
            News(version="9.0.0", notes="https://x.example"),
            "RelayDesk 9.0.0 is there. There is no file of it for a copy like this one.",
            {"look", "notes"},
        ),
        (
            News(Stage.DOWNLOADING, version="9.0.0", package=PACKAGE, done_bytes=25_000_000),
            "25.0 MB of 50.0 MB are here",
            {"look", "cancel", "notes"},
        ),
        (
            News(version="9.0.0", package=PACKAGE, file=Path("/home/ann/Downloads/x.tar.gz")),
            "RelayDesk 9.0.0 is in /home/ann/Downloads. It is as it was signed; start it from there.",
            {"look", "show_file", "notes"},
        ),
        (News(problem="the network is gone"), "It did not work: the network is gone", {"look"}),
    ],
)
def test_each_state_has_its_words_and_buttons(  # noqa: PLR0917 - fixtures and what is tried
    window: MainWindow, qtbot: QtBot, tmp_path: Path, news: News, words: str, buttons: set[str]
):
    watch = make(tmp_path, FakeChannel())
    page = page_of(window, watch, qtbot)
    panel = page.updates
    assert panel is not None
    watch._say(news)
    assert panel.state.text().replace("\u200b", "") == words
    names = ("look", "fetch", "cancel", "show_file", "notes")
    assert {name for name in names if not getattr(panel, name).isHidden()} == buttons
    assert panel.look.isEnabled() is (news.stage is Stage.RESTING)


@pytest.mark.parametrize(
    ("package", "said"), [("deb", "your system's updates bring new versions"), ("msi", "your administrator")]
)
def test_a_copy_that_somebody_else_looks_after_says_who(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, package: str, said: str
):
    panel = page_of(window, make(tmp_path, FakeChannel(), of=facts(package)), qtbot).updates
    assert panel is not None
    assert said in panel.copy.text().replace("\u200b", "")


def test_a_copy_that_knows_no_place_offers_nothing(window: MainWindow, qtbot: QtBot, tmp_path: Path):
    page = page_of(window, make(tmp_path, FakeChannel(), of=BuildFacts("0.1.0", "checkout")), qtbot)
    assert page.updates is not None
    assert page.updates.look.isHidden()
    assert "does not know where" in page.updates.state.text().replace("\u200b", "")
    assert "looks_for_updates" not in page.checks


def test_it_is_off_until_somebody_wants_it(window: MainWindow, qtbot: QtBot, tmp_path: Path):
    page = page_of(window, make(tmp_path, FakeChannel()), qtbot)
    box = page.checks["looks_for_updates"]
    assert not box.isChecked()
    with qtbot.waitSignal(page.changed) as told:
        box.click()
    assert told.args[0].looks_for_updates
