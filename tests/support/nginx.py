"""An nginx of the test's own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from .processes import Child, child, need_program
from .waiting import until

#: What has to stand in front of any configuration, so that nothing outside the test's folder is touched. Workers of a
#: root nginx are root as well: the folders of tests are closed to others.
_HEAD = """
daemon off;
master_process on;
%(user)s
pid %(folder)s/nginx.pid;
error_log stderr notice;
"""

_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextlib.asynccontextmanager
async def nginx(folder: Path, configuration: str) -> AsyncIterator[Child]:
    """Run nginx with *configuration* (whole, but for what names files and users) for the time of the block."""
    program = need_program("nginx")
    file = _write(folder, configuration)
    async with child("nginx", program, "-e", "stderr", "-p", folder, "-c", file) as server:
        await server.says("start worker process")
        await until((folder / "nginx.pid").exists, "nginx has started")
        yield server


def _write(folder: Path, configuration: str) -> Path:
    folder.mkdir(exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _FOLDERS)
    text = _HEAD % {"user": user, "folder": folder} + configuration.replace(
        "http {", "http {\n" + temporary, 1
    )
    file = folder / "nginx.conf"
    file.write_text(text)
    return file
