"""What CHANGELOG.md says of a version, for the text of its release.

    python packaging/release/notes.py v0.1.0

The tag, the program's own version and a section of the changelog must be the same one: a release stops here otherwise.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from facts import CHECKOUT, PackagingError, read_facts

CHANGELOG = CHECKOUT / "CHANGELOG.md"


def main(arguments: list[str] | None = None) -> int:
    """Print the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tag")
    asked = parser.parse_args(arguments)
    try:
        version = version_of(asked.tag, read_facts().version)
        print(section(CHANGELOG.read_text(encoding="utf-8"), version))
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def version_of(tag: str, own: str) -> str:
    """The version that *tag* names, which must be the program's *own*."""
    if tag != f"v{own}":
        raise PackagingError(
            f"the tag is {tag}, and relaydesk/__init__.py says {own}: its tag would be v{own}"
        )
    return own


def section(changelog: str, version: str) -> str:
    """What stands below the version's heading: ``## 0.1.0``, perhaps in brackets or with a date behind it."""
    below = re.search(
        rf"^## \[?{re.escape(version)}\]?(?:[ \t][^\n]*)?\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if below is None:
        raise PackagingError(
            f"CHANGELOG.md has no section `## {version}`: what is under `## Unreleased` is released under that name"
        )
    text = below.group(1).strip()
    if not re.sub(r"^#.*$", "", text, flags=re.MULTILINE).strip():
        raise PackagingError(f"CHANGELOG.md says nothing under `## {version}`")
    return text


if __name__ == "__main__":
    sys.exit(main())
