"""A place of its own for a gateway and its foreign clients: a network, a hosts file, and port 443.

Microsoft's SDKs write port 443 into their addresses and take host names, not loopback addresses. So everybody runs in
one set of new Linux namespaces: a user namespace (root inside, whoever runs the tests outside), a network with
nothing but loopback, and a mount namespace in which /etc/hosts names the gateways. The machine's own stay as they are,
and nothing in there can reach any other machine.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

#: Loopback addresses by host name. The second gateway has an address of its own, so that both have port 443.
HOSTS = {"contoso.relay.test": "127.0.0.1", "hasty.relay.test": "127.0.0.2"}

_SET_UP = 'ip link set lo up; mount --bind "$1" /etc/hosts; echo ready; exec cat'


class Island:
    """A running set of namespaces; they last as long as the process that holds them."""

    def __init__(self, holder_pid: int) -> None:
        self._holder_pid = holder_pid

    def inside(self, *command: str) -> list[str]:
        """Give the command line that runs *command* in here; the process is the command's own, not a wrapper's."""
        enter = ["nsenter", "--preserve-credentials", "--user", "--net", "--mount"]
        return [*enter, f"--target={self._holder_pid}", "--", *command]

    def run(self, *command: str, timeout_s: float = 20.0) -> str:
        """Run *command* to its end and give what it printed.

        Raises:
            subprocess.CalledProcessError: It failed.
            subprocess.TimeoutExpired: It took longer than *timeout_s*.
        """
        done = subprocess.run(
            self.inside(*command), check=True, capture_output=True, text=True, timeout=timeout_s
        )
        return done.stdout


@contextlib.contextmanager
def island(folder: Path, hosts: Mapping[str, str] = HOSTS) -> Iterator[Island]:
    """Make the namespaces, with *hosts* as their hosts file, which is written to *folder*."""
    for tool in ("unshare", "nsenter", "ip", "mount"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing: install util-linux and iproute2 (Linux only)")
    file = folder / "hosts"
    names = {"localhost": "127.0.0.1", **hosts}
    file.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--"]
    with subprocess.Popen(
        [*command, "sh", "-ec", _SET_UP, "sh", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            ready = holder.stdout.readline()
            assert ready == "ready\n", "the kernel or its settings allow no namespaces here"
            yield Island(holder.pid)
        finally:
            holder.stdin.close()  # cat ends, and with it the last process that the harness itself keeps in there
