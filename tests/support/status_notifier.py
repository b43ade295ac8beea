"""A tray of the newer kind (StatusNotifier), and who shows notifications: both in the test's own process, on a D-Bus session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from dbus_fast import BusType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property, method, signal

from .waiting import until


class _Watcher(ServiceInterface):
    """Where icons announce themselves."""

    def __init__(self) -> None:
        super().__init__("org.kde.StatusNotifierWatcher")
        self.items: list[str] = []

    @method()
    def RegisterStatusNotifierItem(self, service: "s"):
        self.items.append(service)

    @method()
    def RegisterStatusNotifierHost(self, service: "s"):
        pass

    @dbus_property(access=PropertyAccess.READ)
    def RegisteredStatusNotifierItems(self) -> "as":
        return self.items

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> "b":
        return True

    @dbus_property(access=PropertyAccess.READ)
    def ProtocolVersion(self) -> "i":
        return 0

    @signal()
    def StatusNotifierItemRegistered(self, service) -> "s":
        return service

    @signal()
    def StatusNotifierHostRegistered(self) -> "":
        return None


class _Notifications(ServiceInterface):
    """What is shown to people for a moment."""

    def __init__(self) -> None:
        super().__init__("org.freedesktop.Notifications")
        self.shown: list[Shown] = []

    @method()
    def Notify(
        self,
        app: "s",
        replaces: "u",
        icon: "s",
        summary: "s",
        body: "s",
        actions: "as",
        hints: "a{sv}",
        timeout: "i",
    ) -> "u":
        self.shown.append(Shown(app, summary, body))
        return len(self.shown)

    @method()
    def GetCapabilities(self) -> "as":
        return ["body", "actions"]

    @method()
    def CloseNotification(self, number: "u"):
        pass

    @method()
    def GetServerInformation(self) -> "ssss":
        return ["test", "relaydesk", "1", "1.2"]


class Shown(NamedTuple):
    """One notification."""

    app: str
    title: str
    text: str


class Entry(NamedTuple):
    """One entry of a menu."""

    id: int
    label: str
    is_enabled: bool
    is_separator: bool
    entries: tuple[Entry, ...]


class Icon:
    """RelayDesk's icon, as a panel knows it."""

    def __init__(self, item: Any, menu: Any) -> None:
        self._item = item
        self._menu = menu

    async def title(self) -> str:
        return str(await self._item.get_title())

    async def status(self) -> str:
        return str(await self._item.get_status())

    async def tooltip(self) -> str:
        """Its title and, below, its text, on one or more lines."""
        _, _, title, text = await self._item.get_tool_tip()
        return "\n".join(filter(None, (title, text)))

    async def pixmaps(self) -> dict[int, bytes]:
        """The pictures, by their width."""
        return {width: bytes(data) for width, _, data in await self._item.get_icon_pixmap()}

    async def activate(self) -> None:
        """A left click."""
        await self._item.call_activate(5, 5)

    async def menu(self) -> tuple[Entry, ...]:
        """What the menu has now; entries that are not shown are left out."""
        await self._menu.call_about_to_show(0)
        _, layout = await self._menu.call_get_layout(0, -1, [])
        return _entries(layout[2])

    async def choose(self, label: str) -> None:
        """Click the entry called so."""
        (entry,) = [one for one in await self.menu() if one.label == label]
        await self._menu.call_event(entry.id, "clicked", Variant("i", 0), 0)


def _entries(children: list[Any]) -> tuple[Entry, ...]:
    found = []
    for child in children:
        number, properties, below = child.value
        said = {name: variant.value for name, variant in properties.items()}
        if said.get("visible", True):
            found.append(
                Entry(
                    number,
                    said.get("label", "").replace("_", ""),
                    said.get("enabled", True),
                    said.get("type") == "separator",
                    _entries(below),
                )
            )
    return tuple(found)


class Panel:
    """What stands on the session's bus in place of a desktop environment."""

    def __init__(self, bus: MessageBus, watcher: _Watcher, notifications: _Notifications) -> None:
        self._bus = bus
        self._watcher = watcher
        self._notifications = notifications

    @property
    def notifications(self) -> list[Shown]:
        """What was shown so far."""
        return self._notifications.shown

    async def icon(self, *, within_s: float = 20.0) -> Icon:
        """Wait until an icon has announced itself."""
        service = await until(lambda: (self._watcher.items or [""])[-1], "an icon", within_s=within_s)
        name, _, path = service.partition("/")
        path = f"/{path}" if path else "/StatusNotifierItem"
        item = await self._interface(name, path, "org.kde.StatusNotifierItem")
        menu = await self._interface(name, await item.get_menu(), "com.canonical.dbusmenu")
        return Icon(item, menu)

    async def _interface(self, name: str, path: str, interface: str) -> Any:
        described = await self._bus.introspect(name, path)
        return self._bus.get_proxy_object(name, path, described).get_interface(interface)


@contextlib.asynccontextmanager
async def panel(address: str) -> AsyncIterator[Panel]:
    """A panel on the session at *address*."""
    bus = await MessageBus(bus_address=address, bus_type=BusType.SESSION).connect()
    watcher, notifications = _Watcher(), _Notifications()
    try:
        bus.export("/StatusNotifierWatcher", watcher)
        bus.export("/org/freedesktop/Notifications", notifications)
        await bus.request_name("org.kde.StatusNotifierWatcher")
        await bus.request_name("org.freedesktop.Notifications")
        yield Panel(bus, watcher, notifications)
    finally:
        bus.disconnect()
        async with asyncio.timeout(5):
            await bus.wait_for_disconnect()
