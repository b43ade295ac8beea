"""What every package says of itself: version, commit, and when that was; and the file of it that goes into the frozen program.

The date is the commit's, never now: the same commit then gives the same packages (SOURCE_DATE_EPOCH,
<https://reproducible-builds.org/specs/source-date-epoch/>).
"""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BUILD = CHECKOUT / "build"
DIST = CHECKOUT / "dist"

#: What software centres, Flatpak and macOS know the program by.
APPLICATION_ID = "org.relaydesk.RelayDesk"
NAME = "RelayDesk"
SUMMARY = "Reach services of this computer from elsewhere without opening a port"


class PackagingError(Exception):
    """Something that only the user can put right; the text says what to do."""


@dataclass(frozen=True)
class Facts:
    """What a build is of.

    Attributes:
        commit: In full, with ``-dirty`` behind it where files differ from it.
        moment: Seconds since 1970.
    """

    version: str
    commit: str
    moment: int

    @property
    def built(self) -> str:
        """The moment as ISO 8601."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.moment))


def read_facts() -> Facts:
    """Read them; RELAYDESK_VERSION in the environment stands in for the version, for tests of upgrades."""
    version = os.environ.get("RELAYDESK_VERSION") or _version()
    commit = _git("rev-parse", "HEAD") or "unknown"
    moment = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or "0"
    if _git("status", "--porcelain", "--untracked-files=no"):
        commit += "-dirty"
    return Facts(version, commit, int(moment))


def write_build_json(facts: Facts) -> Path:
    """Write what the frozen program knows of itself (``relaydesk/build_facts.py``); the file.

    RELAYDESK_UPDATE_URL and RELAYDESK_UPDATE_KEY say where that build looks for new versions, and whom it believes.
    """
    said = {
        "commit": facts.commit,
        "built": facts.built,
        "package": "dmg" if sys.platform == "darwin" else "portable",
        "update_url": os.environ.get("RELAYDESK_UPDATE_URL", ""),
        "update_key": os.environ.get("RELAYDESK_UPDATE_KEY", ""),
    }
    file = BUILD / "build.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return file


def environment(facts: Facts) -> dict[str, str]:
    """The environment for tools that build: what they write depends on nothing but the commit."""
    return os.environ | {
        "SOURCE_DATE_EPOCH": str(facts.moment),
        "PYTHONHASHSEED": "1",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }


def _version() -> str:
    text = (CHECKOUT / "relaydesk" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    assert found, "relaydesk/__init__.py names its version"
    return found.group(1)


def _git(*arguments: str) -> str:
    """What git says; nothing where there is no git, or no repository."""
    try:
        # a checkout may be somebody else's than who builds it
        done = subprocess.run(
            ["git", "-c", f"safe.directory={CHECKOUT}", "-C", CHECKOUT, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
