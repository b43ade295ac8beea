"""Hosts apart: network namespaces of the test's own, joined by a switch whose ports can be cut.

Both ends of every cable are in namespaces that the test made; the machine's own network is not touched, and nothing in them
can reach it. What is opened by the thread that has :meth:`Host.entered` one of them is there; programs are started in another one
by :meth:`Host.command`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

_CLONE_NEWNET = 0x40000000
_NAMESPACES = Path("/run/netns")
_SUBNET = "10.77.0"


class Host:
    """One of them.

    Args:
        name: What the test calls it.
        address: Where the others reach it.
        namespace: Of its network.
        switch: The namespace that the other end of its cable is in.
    """

    def __init__(self, name: str, address: str, namespace: str, switch: str) -> None:
        self.name = name
        self.address = address
        self._namespace = namespace
        self._switch = switch

    def command(self, *command: str | Path) -> tuple[str | Path, ...]:
        """The command line that runs *command* there; the process is the command's own, not a wrapper's."""
        return ("ip", "netns", "exec", self._namespace, *command)

    def cut(self) -> None:
        """Pull its cable: what is sent either way is lost, and nobody is told."""
        _ip("-n", self._switch, "link", "set", self.name, "down")

    def heal(self) -> None:
        """Put it in again."""
        _ip("-n", self._switch, "link", "set", self.name, "up")

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Whatever this thread opens or starts in the block is on this host."""
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(_NAMESPACES / self._namespace, os.O_RDONLY)
        try:
            if libc.setns(there, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot enter a network namespace")
            try:
                yield
            finally:
                assert libc.setns(before, _CLONE_NEWNET) == 0
        finally:
            os.close(there)
            os.close(before)


@contextlib.contextmanager
def hosts_apart(*names: str) -> Iterator[Mapping[str, Host]]:
    """Make hosts of these names for the time of the block."""
    if shutil.which("ip") is None:
        pytest.skip("ip is missing: install iproute2 (Linux only)")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    prefix = f"relaydesk-{os.getpid()}"
    switch = f"{prefix}-switch"
    with contextlib.ExitStack() as stack:
        _namespace(stack, switch)
        _ip("-n", switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", switch, "link", "set", "switch", "up")
        made = {}
        for number, name in enumerate(names, 1):
            namespace, address = f"{prefix}-{name}", f"{_SUBNET}.{number}"
            _namespace(stack, namespace)
            _ip(
                "link",
                "add",
                "eth0",
                "netns",
                namespace,
                "type",
                "veth",
                "peer",
                "name",
                name,
                "netns",
                switch,
            )
            _ip("-n", switch, "link", "set", name, "master", "switch", "up")
            _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", namespace, "link", "set", "eth0", "up")
            _ip("-n", namespace, "link", "set", "lo", "up")
            made[name] = Host(name, address, namespace, switch)
        yield made


def _namespace(stack: contextlib.ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "delete", name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}"
