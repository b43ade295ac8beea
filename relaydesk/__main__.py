"""``relaydesk``, or ``python -m relaydesk``: the desktop, or a verb of the command line.

Alone, with ``--hidden`` or with a ``relaydesk:`` link it opens the desktop, if that is installed and there is a display. With
``--smoke`` it tries all of itself (``smoke.py``).
Everything else is the command line's, which knows no Qt and works without it.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks into the working directory first, where anybody may have put an `asyncio.py`. In a checkout that is
    # also where this program is: there it comes last, after Python's own and what is installed. The commands that RelayDesk
    # hands to the system have -P, and the installed command `relaydesk` never looks there.
    _here = sys.path.pop(0)
    if os.path.dirname(os.path.dirname(__file__)) == _here:  # noqa: PTH120 - pathlib may be anybody's here
        sys.path.append(_here)

from collections.abc import Sequence
from importlib.util import find_spec

from .cli import main as command_line
from .cli.exits import ExitCode


def main() -> None:
    """Do what the arguments say, and leave with an exit code."""
    try:
        _main()
    except KeyboardInterrupt:  # also while all the rest is still being loaded, which is most of a short life
        sys.exit(ExitCode.INTERRUPTED)


def _main() -> None:
    from .start import parse_start  # noqa: PLC0415 - see main(): nothing large is loaded outside of it

    arguments = sys.argv[1:]
    if arguments == ["--smoke"]:
        sys.exit(_smoke())
    start = parse_start(arguments)
    if start is None or not (start.is_hidden or start.link or _is_desktop_installed()):
        command_line()  # `relaydesk` alone, on a server: it helps, and says where the desktop is
    else:
        sys.exit(_open_desktop(arguments))


def _open_desktop(arguments: Sequence[str]) -> int:
    if not _is_desktop_installed():
        return _fail(
            "the desktop is not part of this installation",
            "install RelayDesk with its extra: relaydesk[gui]",
            ExitCode.USAGE,
        )
    if not _has_display():
        return _fail(
            "there is no display: neither WAYLAND_DISPLAY nor DISPLAY is set",
            "the command line needs none; see: relaydesk --help",
            ExitCode.FAILED,
        )
    try:
        # only here: loading Qt takes a while, and a server has none
        from .opening import main as desktop  # noqa: PLC0415
    except ImportError as error:  # a library of the system that Qt needs
        return _fail(
            f"the desktop cannot be loaded: {error}",
            "install what is missing, or see: relaydesk --help",
            ExitCode.FAILED,
        )
    code: int = desktop(arguments)
    return code


def _smoke() -> int:
    if not _is_desktop_installed():
        return _fail(
            "--smoke tries the desktop, which is not part of this installation",
            "install RelayDesk with its extra: relaydesk[gui]",
            ExitCode.USAGE,
        )
    if not _has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"  # all but the tray can be tried without a screen
    try:
        from .opening import make_application  # noqa: PLC0415 - as above
        from .smoke import main as smoke  # noqa: PLC0415
    except ImportError as error:
        return _fail(f"the desktop cannot be loaded: {error}", "install what is missing", ExitCode.FAILED)
    code: int = smoke(make_application())
    return code


def _is_desktop_installed() -> bool:
    return find_spec("PySide6") is not None and find_spec("qasync") is not None


def _has_display() -> bool:
    """Whether Qt will find a screen; it ends the process where it does not."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("WAYLAND_DISPLAY", "DISPLAY", "QT_QPA_PLATFORM"))


def _fail(cause: str, next_step: str, code: ExitCode) -> int:
    print(f"error: {cause}; {next_step}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
