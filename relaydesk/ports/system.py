"""What the system says of ports and processes. Everything here blocks: it belongs into a thread.

psutil took 550 ms for the table of a computer with 70,000 sockets.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

import psutil

from .listening import Process, Socket

#: What IANA sets aside for ports that systems hand out; Windows and macOS keep to it.
IANA_EPHEMERAL: Final = range(49_152, 65_536)

DOCKER_S = 2.0
_MAX_DOCKER_ROWS = 1_000

_PROC = Path("/proc")
_LISTEN = b"0A"

_PUBLISHED = re.compile(r":(\d{1,5})(?:-(\d{1,5}))?->[\d-]+/tcp")


def read_sockets() -> list[Socket]:
    """The system's TCP sockets, as far as this user may see them.

    Raises:
        OSError: The system does not tell.
    """
    try:
        return list(psutil.net_connections("tcp"))
    except psutil.AccessDenied:  # on macOS, the whole table takes root
        return list(_sockets_of_own_processes())
    except (
        psutil.Error,
        RuntimeError,
    ) as error:  # a line of the table that psutil cannot read is a RuntimeError
        raise OSError(f"the table of sockets cannot be read: {error}") from error


class _OwnedSocket:
    """A socket of a process, which psutil gives without the process's id."""

    def __init__(self, found: Socket, pid: int) -> None:
        self.laddr, self.status, self.pid = found.laddr, found.status, pid


def _sockets_of_own_processes() -> Iterator[Socket]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            for found in process.net_connections("tcp"):
                yield _OwnedSocket(found, process.pid)  # type: ignore[arg-type]  # these have no pid of their own


def read_process(pid: int) -> Process | None:
    """What this user may know of a process; None if it is gone or not to be seen."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            name, started_at = process.name(), process.create_time()
            folder = None
            with suppress(psutil.AccessDenied, OSError):
                folder = process.cwd() or None
    except (psutil.Error, OSError):
        return None
    return Process(name=name, folder=folder, started_at=started_at)


def ephemeral_ports() -> range:
    """The ports that this system hands out by itself."""
    try:
        first, last = (_PROC / "sys/net/ipv4/ip_local_port_range").read_text().split()
        return range(int(first), int(last) + 1)
    except (OSError, ValueError):
        return IANA_EPHEMERAL


# --- one port --------------------------------------------------------------------------------------------------------


def is_listening(host: str, port: int) -> bool | None:
    """Whether some program listens where a connection to *host* and *port* would arrive, without connecting.

    None: not known; it is not this computer, or the system does not say. False is no proof that a connection would fail: a
    firewall's rules can lead it on to a container or virtual machine.
    """
    places = _places(host)
    if places is None:
        return None
    try:
        if psutil.LINUX:
            return any(address in places for address, bound in _listeners(_PROC) if bound == port)
        found = [
            ip_address(each.laddr[0].partition("%")[0])
            for each in read_sockets()
            if each.status == "LISTEN" and each.laddr and each.laddr[1] == port
        ]
    except (OSError, ValueError):
        return None
    if any(_unmapped(address) in places for address in found):
        return True
    return None if psutil.MACOS else False  # other users' sockets are not to be seen there


def _places(host: str) -> set[IPv4Address | IPv6Address] | None:
    """Which bound addresses take a connection to *host*; None if that leads to another computer, or nobody knows."""
    if host.lower().rstrip(".") == "localhost":
        return {ip_address(each) for each in ("127.0.0.1", "0.0.0.0", "::1", "::")}  # noqa: S104  compared with
    try:
        address = _unmapped(ip_address(host.strip("[]")))
    except ValueError:
        return None
    if not (address.is_loopback or address.is_unspecified) and str(address) not in _own_addresses():
        return None
    # a socket on :: takes IPv4 too, unless its program has asked for the contrary, which no table tells
    wide = {ip_address("::")} | ({ip_address("0.0.0.0")} if address.version == 4 else set())  # noqa: S104
    return {address} | wide


def _own_addresses() -> set[str]:
    return {
        each.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family in (socket.AF_INET, socket.AF_INET6)
    }


def _listeners(proc: Path) -> Iterator[tuple[IPv4Address | IPv6Address, int]]:
    """The listening sockets of Linux's own tables.

    The kernel lists those that listen before all others (net/ipv4/tcp_ipv4.c, tcp_seq_start), so that reading ends with
    the first other one: that takes no time however many connections there are.
    """
    for name in ("tcp", "tcp6"):
        try:
            table = (proc / "net" / name).open("rb")
        except FileNotFoundError:
            if name == "tcp6":
                return  # IPv6 is off
            raise
        with table:
            table.readline()
            for line in table:
                _, local, _, state, _ = line.split(maxsplit=4)
                if state != _LISTEN:
                    break
                host, _, port = local.partition(b":")
                yield _decode(host), int(port, 16)


def _decode(text: bytes) -> IPv4Address | IPv6Address:
    """An address as the kernel prints it: in words of 32 bits, each in this computer's byte order."""
    raw = bytes.fromhex(text.decode())
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return _unmapped(ip_address(raw))


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


# --- containers ------------------------------------------------------------------------------------------------------


def docker_program() -> str | None:
    """Docker's command line; None without one, or where it speaks to another computer."""
    where = os.environ.get("DOCKER_HOST", "")
    if where and not where.startswith(("unix:", "npipe:")):
        return None
    found = shutil.which("docker")
    # Windows looks into the working directory first, where anything may lie
    return found if found is not None and Path(found).is_absolute() else None


def read_containers() -> dict[int, str]:
    """The published TCP ports of running containers, with the containers' names.

    Raises:
        OSError: There is no Docker, or it did not answer, or not in time.
    """
    program = docker_program()
    if program is None:
        raise FileNotFoundError("there is no docker command")
    command = (program, "ps", "--format", "{{.Names}}\t{{.Ports}}")
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=DOCKER_S, check=True
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"docker ps: {error}") from error
    return published(answer.stdout.decode(errors="replace").splitlines()[:_MAX_DOCKER_ROWS])


def published(lines: Iterable[str]) -> dict[int, str]:
    """Which container has which port, by what ``docker ps`` says: ``name TAB 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp``."""
    names: dict[int, str] = {}
    for line in lines:
        name, _, ports = line.partition("\t")
        for first, last in _PUBLISHED.findall(ports):
            for port in range(int(first), min(int(last or first), 65_535) + 1):
                names.setdefault(port, name)
    return names
