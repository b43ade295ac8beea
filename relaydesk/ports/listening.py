"""What listens on this computer, as people see it: one row a program and port, made of the system's table of sockets.

Pure: sockets and what is known of their processes go in, rows come out.
"""

from __future__ import annotations

import enum
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import PurePath
from typing import Any, Protocol, TypeAlias

#: A port that has been open for less long may be gone before somebody has read its row: tests, and other programs' errands.
YOUNG_S = 3.0

#: What a program is called whose process this user may not see.
ANOTHER_USER = "another user"

#: The process by which Docker publishes the port of a container.
DOCKER_PROXY = "docker-proxy"

MAX_NAME_LENGTH = 64

#: Working directories of programs that belong to the system: nobody's project.
_SYSTEM_FOLDERS = (
    *(
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/proc",
        "/run",
        "/sbin",
        "/sys",
        "/usr",
        "/Applications",
        "/Library",
    ),
    *("/System", "/private/var", "/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool"),
    *("C:\\Windows", "C:\\Program Files", "C:\\Program Files (x86)", "C:\\ProgramData"),
)

Address: TypeAlias = IPv4Address | IPv6Address

_V4, _V4_ANY = IPv4Address("127.0.0.1"), IPv4Address("0.0.0.0")  # noqa: S104  compared with, not bound
_V6, _V6_ANY = IPv6Address("::1"), IPv6Address("::")


class Socket(Protocol):
    """What is used of psutil's records."""

    @property
    def laddr(self) -> Any:  # noqa: ANN401  psutil gives an address, a tuple, or an empty one
        """The local address."""

    @property
    def status(self) -> str:
        """The state of the connection; LISTEN matters."""

    @property
    def pid(self) -> int | None:
        """Whose it is, where this user may know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What is known of a process."""

    name: str
    folder: str | None = None
    """Its working directory."""
    started_at: float = 0.0


class Reach(enum.Enum):
    """From where a port can be reached without any sharing."""

    LOOPBACK = "this computer"
    EVERYWHERE = "every network"
    ADDRESS = "one address"


class Caution(enum.Enum):
    """Why somebody should think before sharing a port; ``models/ports.py`` has the words."""

    REMOTE_LOGIN = "remote login"
    WINDOWS_RPC = "Windows RPC"
    FILE_SHARING = "file sharing"
    REMOTE_DESKTOP = "remote desktop"
    REMOTE_MANAGEMENT = "remote management"
    DOCKER = "Docker"

    @property
    def needs_confirmation(self) -> bool:
        """Whether sharing it is asked about once more, because some people mean it."""
        return self is Caution.REMOTE_LOGIN


_CAUTIONS = {
    22: Caution.REMOTE_LOGIN,
    135: Caution.WINDOWS_RPC,
    139: Caution.FILE_SHARING,
    445: Caution.FILE_SHARING,
    2375: Caution.DOCKER,
    3389: Caution.REMOTE_DESKTOP,
    5985: Caution.REMOTE_MANAGEMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningPort:
    """A port on which a program of this computer waits for connections."""

    port: int
    address: str
    """The address that it listens on, the widest of several: ``127.0.0.1``, ``0.0.0.0``, ``::``, ``192.168.1.5``."""
    reach: Reach
    target: str
    """What to dial to reach this program and no other: ``127.0.0.1:3000``, ``localhost:3000``, ``[::1]:3000``."""
    pid: int | None
    """None: it belongs to another user. Of several processes of one program, the first."""
    process: str
    """Its name; ANOTHER_USER where that is not known."""
    project: str = ""
    """The name of the folder that it runs in, where that says something."""
    container: str = ""
    """The container whose port it is, where Docker has published it."""
    is_ephemeral: bool = False
    """Whether its number is one that the system hands out, so that it will be another one next time."""
    is_young: bool = False
    is_shadowed: bool = False
    """Whether another program listens more specifically wherever it could be dialled: sharing it would share that one."""

    @property
    def is_hidden(self) -> bool:
        """Whether it is left out of the list at first."""
        return self.is_ephemeral or self.is_young

    @property
    def caution(self) -> Caution | None:
        """What to think of before sharing it."""
        return _CAUTIONS.get(self.port)

    @property
    def program(self) -> str:
        """What to call the program in a list."""
        return self.container or self.process

    @property
    def default_name(self) -> str:
        """What a share of it is called unless somebody says otherwise."""
        if self.container or self.project:
            return self.container or self.project
        return f"port-{self.port}" if self.pid is None else f"{self.process}-{self.port}"


def listening_ports(
    sockets: Iterable[Socket],
    process_of: Callable[[int], Process | None],
    *,
    ephemeral: Collection[int],
    now: float,
    own_pids: Collection[int] = (),
    own_ports: Collection[int] = (),
    first_seen: Mapping[int, float] | None = None,
    containers: Mapping[int, str] | None = None,
    home: str = "",
) -> tuple[ListeningPort, ...]:
    """The rows for *sockets*, by port.

    IPv4 and IPv6 sockets of one program are one row, and so are the sockets of its workers.

    Args:
        sockets: As psutil gives them; only those that listen count.
        process_of: What is known of a process; None if it is gone, or not to be seen.
        ephemeral: The ports that the system hands out.
        now: POSIX seconds.
        own_pids: Processes of RelayDesk's own, whose ports are left out: the bundled gateway.
        own_ports: Ports of RelayDesk's own, whoever seems to listen there: local ports that lead elsewhere.
        first_seen: When a port came up, where that was seen. A process knows when it was started.
        containers: Names of the containers whose ports are published.
        home: The user's home folder, which is no project.
    """
    rows: defaultdict[_Key, list[tuple[Address, int | None, Process | None]]] = defaultdict(list)
    processes: dict[int, Process | None] = {}
    for socket in sockets:
        if socket.status != "LISTEN" or not socket.laddr or socket.pid in own_pids:
            continue
        address, port = _parse(socket.laddr[0]), int(socket.laddr[1])
        if port in own_ports or address is None:
            continue
        pid = socket.pid
        if pid is not None and pid not in processes:
            processes[pid] = process_of(pid)
        process = processes.get(pid) if pid is not None else None
        if process is None:
            # two users' programs on two addresses are two; on every address and loopback it is most likely one
            place = "" if address.is_unspecified or address.is_loopback else str(address)
            rows[port, "", place].append((address, None, None))
        else:
            rows[port, process.name, process.folder or ""].append((address, pid, process))

    taken: defaultdict[int, list[tuple[_Key, set[Address]]]] = defaultdict(list)
    for key, found in rows.items():
        taken[key[0]].append((key, {address for address, _, _ in found}))

    seen, names = first_seen or {}, containers or {}
    result = []
    for key, found in rows.items():
        port = key[0]
        addresses = {address for address, _, _ in found}
        others = {address for other, theirs in taken[port] if other != key for address in theirs}
        options = list(_hosts(addresses, others))
        pids = [pid for _, pid, _ in found if pid is not None]
        process = found[0][2]
        name = clean(process.name) if process is not None else ANOTHER_USER
        is_docker = process is None or process.name == DOCKER_PROXY
        started_at = max(
            [seen.get(port, 0.0), *(each.started_at for _, _, each in found if each is not None)]
        )
        result.append(
            ListeningPort(
                port=port,
                address=str(min(addresses, key=_narrowness)),
                reach=_reach(addresses),
                target=f"{(options or ['127.0.0.1'])[0]}:{port}",
                pid=min(pids, default=None),
                process=name or "?",
                project=project_of(process.folder, home) if process is not None and not is_docker else "",
                container=clean(names.get(port, "")) if is_docker else "",
                is_ephemeral=port in ephemeral,
                is_young=0 <= now - started_at < YOUNG_S,
                is_shadowed=not options,
            )
        )
    return tuple(sorted(result, key=lambda row: (row.port, row.process, row.address)))


_Key: TypeAlias = tuple[int, str, str]


def project_of(folder: str | None, home: str) -> str:
    """The name of the project in *folder*; empty for a home folder, what lies above one, and the system's own."""
    if not folder:
        return ""
    kind = type(PurePath(folder))
    path = kind(folder)
    if home and (path == kind(home) or path in kind(home).parents):
        return ""
    if any(path == kind(system) or kind(system) in path.parents for system in _SYSTEM_FOLDERS):
        return ""
    return clean(path.name)


def clean(text: str) -> str:
    """*text* as one short line: names of processes and folders are whatever somebody made them."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)[
        :MAX_NAME_LENGTH
    ]


def own_home() -> str:
    """The home folder of this user; empty where there is none."""
    home = os.path.expanduser("~")  # noqa: PTH111  pathlib raises where there is none
    return "" if home == "~" else home


def _parse(text: str) -> Address | None:
    """The address a socket is bound to; None if it cannot be dialled without naming a network interface."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return None if address.is_link_local and address.version == 6 else address


def _hosts(addresses: set[Address], others: set[Address]) -> Iterable[str]:
    """By which hosts the program at *addresses* is reached, when other programs have the same port at *others*."""
    if _V4 in addresses or (_V4_ANY in addresses and _V4 not in others):
        yield "127.0.0.1"
    if _V6 in addresses:
        yield "[::1]"
    if _V6_ANY in addresses:
        # it may take IPv4 as well, or be all there is where IPv6 is off: a name that means both finds it either way
        if not others & {_V4, _V4_ANY, _V6}:
            yield "localhost"
        elif _V6 not in others:
            yield "[::1]"
    for address in sorted(
        addresses - {_V4, _V6, _V4_ANY, _V6_ANY}, key=lambda each: (each.version, int(each))
    ):
        yield str(address) if address.version == 4 else f"[{address}]"


def _reach(addresses: set[Address]) -> Reach:
    if any(address.is_unspecified for address in addresses):
        return Reach.EVERYWHERE
    return Reach.LOOPBACK if all(address.is_loopback for address in addresses) else Reach.ADDRESS


def _narrowness(address: Address) -> tuple[bool, bool, int, int]:
    return not address.is_unspecified, address.is_loopback, address.version, int(address)
