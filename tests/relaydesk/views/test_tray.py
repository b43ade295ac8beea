"""The tray's icon and menu, without a tray: what they say and what they ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtWidgets import QMenu

from relaydesk.snapshot import Health, ServiceState, Snapshot
from relaydesk.views.tray import MAX_SERVICES, Tray
from tests.support.sample_snapshot import sample

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from relaydesk.views.main_window import MainWindow
    from tests.support.fake_bridge import FakeBridge


@pytest.fixture
def tray(window: MainWindow) -> Iterator[Tray]:
    made = Tray(window.context)
    yield made
    made.stop()


def entries(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator() and action.isVisible()]


def entry(menu: QMenu, text: str) -> QMenu | None:
    action = next(action for action in menu.actions() if action.text().startswith(text))
    action.trigger()
    return action.menu()


def test_the_menu_says_what_is_shared_and_offers_what_can_be_done(tray: Tray):
    shown = entries(tray.menu)
    assert shown[0].startswith("RelayDesk – ")
    assert shown[1] == "Expose a service…"
    assert shown[-1] == "Quit"
    assert any(text.startswith("Storefront") for text in shown)
    assert len(shown) <= 16
    menu = next(action.menu() for action in tray.menu.actions() if action.text().startswith("Storefront"))
    assert isinstance(menu, QMenu)
    assert {"Copy link", "Open", "Pause", "Stop sharing"} <= set(entries(menu))
    assert all(action.menu() is None for action in menu.actions()), "two levels and no more"


def test_with_nothing_shared_it_is_short(tray: Tray, bridge: FakeBridge):
    bridge.feed(Snapshot(at=1.0))
    tray.menu.aboutToShow.emit()
    assert entries(tray.menu) == [
        "RelayDesk – Nothing shared",
        "Expose a service…",
        "Connect to a shared service…",
        "Pause all",
        "Open RelayDesk",
        "Settings…",
        "Quit",
    ]


def test_actions_stay_the_same_objects_while_the_services_do(tray: Tray, bridge: FakeBridge):
    """Hosts that draw the menu themselves lose an action that is replaced under their pointer."""
    before = tray.menu.actions()
    now = sample()
    bridge.feed(dataclasses.replace(now, health=Health.ONLINE))
    tray.menu.aboutToShow.emit()
    assert tray.menu.actions() == before


def test_many_services_are_behind_more(tray: Tray, bridge: FakeBridge):
    now = sample()
    many = tuple(dataclasses.replace(now.services[0], name=f"Service {n}") for n in range(MAX_SERVICES + 3))
    bridge.feed(dataclasses.replace(now, services=many))
    tray.menu.aboutToShow.emit()
    shown = entries(tray.menu)
    assert sum(text.startswith("Service ") for text in shown) == MAX_SERVICES
    assert "More…" in shown


def test_the_state_is_told_by_the_shape_of_the_icon(tray: Tray, bridge: FakeBridge, qtbot: QtBot):
    images = {}
    for health in Health:
        for is_public in (False, True):
            services = tuple(
                dataclasses.replace(one, is_public=is_public, state=ServiceState.ONLINE)
                for one in sample().services
            )
            bridge.feed(dataclasses.replace(sample(), health=health, services=services))
            tray._show_icon()
            image = tray.icon.icon().pixmap(22, 22).toImage().createAlphaMask()
            images[health, is_public] = bytes(image.constBits())
    assert len(set(images.values())) == len(images), "colours aside, no two look the same"


def test_what_is_clicked_is_asked_for(tray: Tray, bridge: FakeBridge, copied: list[str], qtbot: QtBot):
    menu = next(action.menu() for action in tray.menu.actions() if action.text().startswith("Storefront"))
    assert isinstance(menu, QMenu)
    with qtbot.waitSignal(tray.shared):
        entry(menu, "Copy link")
    assert copied[-1].startswith("https://gw.example/Storefront")
    entry(menu, "Pause")
    entry(menu, "Stop sharing")
    assert [one for one in bridge.asked if one[0] in ("pause", "stop")] == [
        ("pause", "Storefront"),
        ("stop", "Storefront"),
    ]
    for text, signal in (
        ("Expose a service…", tray.expose_wanted),
        ("Connect to", tray.connect_wanted),
        ("Settings", tray.settings_wanted),
        ("Open RelayDesk", tray.window_wanted),
        ("Quit", tray.quit_wanted),
    ):
        with qtbot.waitSignal(signal):
            entry(tray.menu, text)


def test_hostile_names_are_only_text(tray: Tray, bridge: FakeBridge):
    now = sample()
    name = "<b>x</b>&y\n\u202eevil" + "z" * 100_000
    bridge.feed(dataclasses.replace(now, services=(dataclasses.replace(now.services[0], name=name),)))
    tray.menu.aboutToShow.emit()
    shown = next(text for text in entries(tray.menu) if "<b>" in text)
    assert len(shown) < 200
    assert "\n" not in shown
    assert "&&y" in shown, "an ampersand is shown, and marks no key"
