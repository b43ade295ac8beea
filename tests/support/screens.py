"""A screen for tests: an X server of its own, a window manager, where wanted a tray and a D-Bus session, and a user who is new.

Whoever looks at it sees windows by their titles, pictures (kept in ``build/screens`` when the test fails, or in the folder that
``RELAYDESK_SCREENS`` names), the clipboard, and what a screen reader reads. Nothing outside ends by itself: each program is a
child of the test and is ended by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shlex
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

from .processes import LOOPBACK, PYTHON, ROOT, Child, child, need_program, run
from .waiting import until

#: From a click to what it does, on a busy machine. What has a limit of its own says so where it is waited for.
SEEN_S = 20.0

#: After which people click again.
AGAIN_S = 5.0

Found = TypeVar("Found")

_READER = Path(__file__).with_name("screen_reader.py")


class Box(NamedTuple):
    """A rectangle on the screen."""

    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


@dataclass
class Screen:
    """A screen, and the home of who sits before it.

    Attributes:
        environment: For programs that are to be seen on it.
        home: A new user's.
        pictures: Where pictures go.
        program: What starts RelayDesk: this checkout's, or a frozen one.
    """

    environment: dict[str, str]
    home: Path
    pictures: Path
    program: tuple[str | Path, ...] = (PYTHON, "-m", "relaydesk")
    _taken: int = field(default=0, init=False)

    # --- programs

    async def run(self, *command: str | Path, within_s: float = 30.0, stdin: bytes = b"") -> str:
        """Run a program to its end; what it said.

        Raises:
            AssertionError: It failed, or took too long.
        """
        out = await run(*_in(self.environment, *command), within_s=within_s, stdin=stdin)
        return out.decode()

    async def tries(self, *command: str | Path) -> str:
        """The same, for what may fail while something is not there yet; then nothing."""
        with contextlib.suppress(AssertionError):
            return await self.run(*command)
        return ""

    @contextlib.asynccontextmanager
    async def desktop(self, *arguments: str, more: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
        """RelayDesk, for the time of the block; then it is ended, in order."""
        async with child(
            "desktop",
            *_in({**self.environment, **(more or {})}, *self.program, *arguments),
            cwd=ROOT,
        ) as running:
            try:
                yield running
            except BaseException:
                with contextlib.suppress(AssertionError):
                    await self.picture("failed")
                for log in self.home.rglob("relaydesk.log"):
                    running.lines += log.read_text(encoding="utf-8").splitlines()[-15:]
                raise

    def second_start(self, *arguments: str) -> contextlib.AbstractAsyncContextManager[Child]:
        """Another start of RelayDesk, which is to hand over and end by itself."""
        return child("second start", *_in(self.environment, *self.program, *arguments), cwd=ROOT)

    async def ask(self, *arguments: str) -> Any:  # noqa: ANN401 - each verb has an answer of its own
        """What the command line gets from the running desktop, as JSON; None where there is none yet."""
        said = await self.tries(*self.program, *arguments, "--json")
        return json.loads(said) if said else None

    # --- what is seen

    async def picture(self, name: str) -> Path:
        """Take a picture of everything."""
        self._taken += 1
        file = self.pictures / f"{self._taken:02}-{name}.png"
        await self.run("import", "-window", "root", file)
        return file

    async def window(self, title: str, *, within_s: float = SEEN_S) -> str:
        """Wait until a window with this title is seen; its id."""
        found = await until(lambda: self.windows(title), f"a window {title!r}", within_s=within_s)
        return found[0]

    async def windows(self, title: str) -> list[str]:
        """The ids of the windows with this title that are seen now."""
        # Qt adds a dash and the program's name, and xdotool compares bytes
        pattern = f"^{title}( .* RelayDesk)?$"
        return (await self.tries("xdotool", "search", "--onlyvisible", "--name", pattern)).split()

    async def no_window(self, title: str, *, within_s: float = SEEN_S) -> None:
        """Wait until there is no window with this title."""

        async def is_gone() -> bool:
            return not await self.windows(title)

        await until(is_gone, f"no window {title!r}", within_s=within_s)

    async def box(self, window: str) -> Box:
        """Where a window is."""
        said = await self.run("xdotool", "getwindowgeometry", "--shell", window)
        values = dict(line.split("=", 1) for line in said.splitlines())
        return Box(*(int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT")))

    async def tray_icon(self) -> Box:
        """Wait until trayer has an icon that stays where it is: the panel moves when it makes room for it."""
        before: Box | None = None

        async def find_at_rest() -> Box | None:
            nonlocal before
            last, before = before, await find()
            return before if before == last else None

        async def find() -> Box | None:
            for panel in (
                await self.tries("xdotool", "search", "--onlyvisible", "--class", "trayer")
            ).split():
                said = await self.tries("xwininfo", "-id", panel, "-tree")
                # a child of the panel: `0x… "relaydesk": ("relaydesk" "relaydesk")  28x28+0+0  +1252+772`
                for match in re.finditer(
                    r"^\s+0x\w+ .*elaydesk.* (\d+)x(\d+)\+\S+\s+\+(\d+)\+(\d+)",
                    said,
                    re.MULTILINE | re.IGNORECASE,
                ):
                    width, height, x, y = map(int, match.groups())
                    if width > 1 and height > 1:
                        return Box(x, y, width, height)
            return None

        return await until(find_at_rest, "an icon in the tray", within_s=SEEN_S)

    # --- what is done

    async def click(self, where: Box, button: int = 1) -> None:
        """Click into the middle of *where*."""
        x, y = where.middle
        await self.run("xdotool", "mousemove", str(x), str(y), "click", str(button))

    async def open_menu(self, icon: Box) -> Box:
        """Click an icon in the tray as for its menu, and wait until the menu is seen; where it is."""
        before = set(await self._shown())

        async def click() -> None:
            nonlocal icon
            await self.click(icon, 3)
            icon = (
                await self.tray_icon()
            )  # for the next time: it may have moved, and the click went beside it

        async def find() -> str | None:
            return next((window for window in await self._shown() if window not in before), None)

        return await self.box(await self._do_until(click, find, "a menu"))

    async def _do_until(
        self, do: Callable[[], Awaitable[None]], condition: Callable[[], Awaitable[Found]], what: str
    ) -> Found:
        """Do something, and once more where nothing comes of it for a while, as people do."""
        loop = asyncio.get_running_loop()
        done_at = float("-inf")

        async def look() -> Found:
            nonlocal done_at
            if loop.time() - done_at > AGAIN_S:
                await do()
                done_at = loop.time()
            return await condition()

        return await until(look, what, within_s=SEEN_S)

    async def _shown(self) -> list[str]:
        return (await self.tries("xdotool", "search", "--onlyvisible", "--class", "relaydesk")).split()

    async def close(self, window: str) -> None:
        """Ask a window to close, as its frame's button does, and wait until something has come of it."""
        before = set(await self._shown())

        async def ask() -> None:
            await self.run("xdotool", "windowactivate", "--sync", window, "key", "--clearmodifiers", "alt+F4")

        async def is_heard() -> bool:
            return set(await self._shown()) != before

        await self._do_until(ask, is_heard, "an answer to Alt+F4")

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        await self.run("xdotool", "key", "--clearmodifiers", *keys)

    async def type(self, text: str) -> None:
        """Type."""
        await self.run("xdotool", "type", "--delay", "15", text)

    async def clipboard(self) -> str:
        """What is on the clipboard; empty while nothing is."""
        return await self.tries("timeout", "3", "xclip", "-selection", "clipboard", "-out")

    async def paste(self, text: str) -> None:
        """Put *text* on the clipboard, and press Ctrl+V."""
        file = self.home / "pasted"
        file.touch(0o600)
        file.write_text(text, encoding="utf-8")
        command = _in(self.environment, "xclip", "-quiet", "-selection", "clipboard", "-in", file)
        async with child("xclip", *command, stop_by=signal.SIGKILL):

            async def is_there() -> bool:
                return await self.clipboard() == text

            await until(is_there, "the text on the clipboard", within_s=SEEN_S)
            await self.press("ctrl+v")
            file.unlink()
            await self.read()  # whoever answers this has had its turn to take what was pasted

    # --- what a screen reader reads

    async def read(self) -> list[Widget]:
        """Every accessible object of RelayDesk's that is shown; needs a session."""
        said = await self.run("/usr/bin/python3", _READER, "read")
        return [
            Widget(one["role"], one["name"], tuple(one["states"]), Box(*one["box"]))
            for one in json.loads(said)
        ]

    async def find(self, role: str, name: str, *, within_s: float = SEEN_S) -> Widget:
        """Wait until there is an object of this role, whose name *name* (a regular expression) matches."""

        async def look() -> Widget | None:
            for one in await self.read():
                if one.role == role and re.fullmatch(name, one.name):
                    return one
            return None

        return await until(look, f"{role} {name!r}", within_s=within_s)

    async def act(self, role: str, name: str) -> None:
        """Do the first action of an object, as assistive technology does."""
        await self.run("/usr/bin/python3", _READER, "act", role, name)


class Widget(NamedTuple):
    """What a screen reader knows of one thing."""

    role: str
    name: str
    states: tuple[str, ...]
    box: Box


def _in(environment: Mapping[str, str], *command: str | Path) -> list[str | Path]:
    """*command* with an environment of nothing but this."""
    return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]


@contextlib.asynccontextmanager
async def screen(
    folder: Path,
    name: str,
    *,
    has_tray: bool = True,
    has_session: bool = False,
    program: tuple[str | Path, ...] = (PYTHON, "-m", "relaydesk"),
) -> AsyncIterator[Screen]:
    """A screen for the time of the block.

    Args:
        folder: An empty one, for home and pictures.
        name: What pictures that are kept are called after.
        has_tray: Whether there is a tray: trayer, which speaks XEmbed.
        has_session: Whether there is a D-Bus session, with AT-SPI and a keyring that is open.
        program: What starts RelayDesk.
    """
    for needed in ("Xvfb", "openbox", "xdotool", "import", "xprop", "xwininfo", "xclip"):
        need_program(needed)
    home = folder / "home"
    kept = os.environ.get("RELAYDESK_SCREENS")
    pictures = (Path(kept) / name) if kept else folder / "pictures"
    for made in (home / ".config", home / ".cache", home / "run", pictures):
        made.mkdir(parents=True, mode=0o700, exist_ok=True)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "QT_API": "pyside6",
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/no-session",
    }
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            child(
                "Xvfb",
                "Xvfb",
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x800x24",
                "-nolisten",
                "tcp",
                "-noreset",
            )
        )
        number = (await server.says(r"^(\d+)$"))[1]
        environment["DISPLAY"] = f":{number}"
        made = Screen(environment, home, pictures, program)
        if has_session:
            await stack.enter_async_context(_session(environment))
        await stack.enter_async_context(child("openbox", *_in(environment, "openbox", "--sm-disable")))
        await until(
            lambda: made.tries("xprop", "-root", "-notype", "_NET_SUPPORTING_WM_CHECK", "_NET_SUPPORTED"),
            "the window manager",
            within_s=SEEN_S,
        )
        if has_tray:
            need_program("trayer")
            look = "--edge bottom --align right --widthtype request --height 28 --SetDockType true"
            await stack.enter_async_context(
                child("trayer", *_in(environment, "trayer", *shlex.split(look)), stop_by=signal.SIGKILL)
            )
            await until(
                lambda: made.tries("xdotool", "search", "--class", "trayer"), "the tray", within_s=SEEN_S
            )
        try:
            yield made
        except BaseException:
            if not kept:
                _keep(pictures, ROOT / "build" / "screens" / name)
            raise


@contextlib.asynccontextmanager
async def _session(environment: dict[str, str]) -> AsyncIterator[None]:
    """A D-Bus session with AT-SPI in it; what it started ends with it."""
    need_program("dbus-daemon")
    environment["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"
    command = ("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1")
    async with child("dbus-daemon", *_in(environment, *command)) as bus:
        environment["DBUS_SESSION_BUS_ADDRESS"] = (await bus.says(r"^(unix:.*)$"))[1]
        keyring = "echo | exec gnome-keyring-daemon --foreground --unlock --components=secrets"
        async with (
            child(
                "at-spi", *_in(environment, "/usr/libexec/at-spi-bus-launcher", "--launch-immediately")
            ) as launcher,
            child("gnome-keyring", *_in(environment, "sh", "-c", keyring)) as keys,
        ):
            try:
                await _owned("org.freedesktop.secrets", environment)
                yield
            finally:  # what they started outlives them, and holds their output
                for process in of_screen(environment):
                    if process.pid not in (bus.pid, launcher.pid, keys.pid):
                        with contextlib.suppress(psutil.Error):
                            process.terminate()


async def _owned(name: str, environment: Mapping[str, str]) -> None:
    """Wait until somebody on the session's bus answers to *name*."""
    ask = "gdbus call --session --dest org.freedesktop.DBus --object-path / --method org.freedesktop.DBus.NameHasOwner"

    async def is_owned() -> bool:
        return b"true" in await run(*_in(environment, *ask.split(), name))

    await until(is_owned, name, within_s=SEEN_S)


def of_screen(environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Every program that lives in this home, whoever started it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("XDG_RUNTIME_DIR") == environment["XDG_RUNTIME_DIR"]:
                yield process


def _keep(pictures: Path, where: Path) -> None:
    where.mkdir(parents=True, exist_ok=True)
    for picture in pictures.iterdir():
        (where / picture.name).write_bytes(picture.read_bytes())


# --- what is shared ------------------------------------------------------------------------------------------------------


def usual_port() -> int:
    """A free port of the kind that services have: one that the system gives to anybody is hidden in the list."""
    for _ in range(200):
        port = random.randrange(10_000, 30_000)  # by chance, for two runs not to meet
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((LOOPBACK, port))
            return port
    raise AssertionError("no port is free")


def _make_site(folder: Path, page: str) -> None:
    folder.mkdir()
    (folder / "index.html").write_text(page, encoding="utf-8")


@contextlib.asynccontextmanager
async def web_server(folder: Path, page: str) -> AsyncIterator[int]:
    """Python's own web server with one page, as people start it in a project's folder; gives its port."""
    _make_site(folder, page)
    port = usual_port()
    command = (PYTHON, "-m", "http.server", str(port), "--bind", LOOPBACK)
    async with child("http.server", *command, cwd=folder, stop_by=signal.SIGKILL) as server:
        await server.says("Serving HTTP")
        yield port


async def fetch(url: str) -> tuple[int, str]:
    """What curl gets from *url*: the status, and the body."""
    said = (await run("curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", url)).decode()
    body, _, status = said.rpartition("\n")
    return int(status), body
