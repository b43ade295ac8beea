"""Compile requirements/*.txt from pyproject.toml: `python3 tools/lock.py [--upgrade]`, after a dependency changed.

The files hold for every supported Python and system, with the hash of each file that may be installed, and name no
package index: whoever installs decides where from. The resolver (uv) is fetched into a folder that is thrown away.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
REQUIREMENTS = CHECKOUT / "requirements"

# What each file adds to the core. dev.txt comes first: it holds all of it, and the others are cut to its pins.
EXTRAS = {
    "dev": ("gui", "cluster", "speed", "checkout", "package", "dev"),
    "package": ("gui", "speed", "checkout", "package"),
    "app": ("gui", "speed", "checkout"),
    "runtime": ("speed", "checkout"),
    "gateway": ("cluster", "speed", "checkout"),
}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--upgrade", action="store_true", help="move every pin as far as pyproject.toml allows"
    )
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        for name, extras in EXTRAS.items():
            cut = [] if name == "dev" else ["--constraints", str(REQUIREMENTS / "dev.txt")]
            subprocess.run(
                [
                    *(python, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
                    *("--no-header", "--no-annotate"),
                    *(f"--extra={extra}" for extra in extras),
                    *cut,
                    *upgrade,
                    *("--output-file", str(REQUIREMENTS / f"{name}.txt"), "pyproject.toml"),
                ],
                cwd=CHECKOUT,
                env=os.environ | {"UV_CACHE_DIR": str(Path(folder, "cache"))},
                check=True,
            )


if __name__ == "__main__":
    main()
