"""The first lines of the frozen program (``build.spec``)."""

import os

# The bootloader has pointed the dynamic linker at our own libraries, and that is for us alone: what we start, a browser or
# xdg-mime, has its own. The linker has read the variable already, and a bundled gateway's bootloader sets it anew.
_before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if _before is not None:
    os.environ["LD_LIBRARY_PATH"] = _before
else:
    os.environ.pop("LD_LIBRARY_PATH", None)

from relaydesk.__main__ import main  # noqa: E402 - whatever it loads shall not see the above

main()
