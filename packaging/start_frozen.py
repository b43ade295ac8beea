"""The first lines of the frozen program (``build.spec``)."""

import os

# The bootloader has pointed the dynamic linker at our own libraries, and that is for us alone: what we start, a browser or
# xdg-mime, has its own. The linker has read the variable already.
_before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if _before is not None:
    os.environ["LD_LIBRARY_PATH"] = _before
else:
    os.environ.pop("LD_LIBRARY_PATH", None)

# A bundled gateway is this program once more, and not a worker of ours: its bootloader has to point the linker there again.
os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"

from relaydesk.__main__ import main  # noqa: E402 - whatever it loads shall not see the above

main()
