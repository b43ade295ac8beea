"""What Homebrew and winget are told of a release: a cask and three manifests, with the addresses and sums of its files.

    python packaging/release/catalogues.py FOLDER --at https://github.com/OWNER/NAME

FOLDER holds the release (its .dmg files, its setup .exe). What is written goes beside, and from there to whoever looks after a tap
(`brew install --cask relaydesk.rb`) or to winget's collection (`winget install --manifest FOLDER`); nothing is sent anywhere.
"""

import argparse
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import sums
from facts import NAME, SUMMARY, PackagingError, read_facts
from macos.info import OLDEST_MACOS

#: macOS' names of processors, as Homebrew calls them; packaging/package_macos.py puts them into the names of files.
PROCESSORS = {"arm": "arm64", "intel": "x86_64"}

#: Homebrew asks for the name of the oldest macOS, and takes the newer ones with it.
NAMES_OF_MACOS = {"13.0": "ventura", "14.0": "sonoma", "15.0": "sequoia"}

IDENTIFIER = f"{NAME}.{NAME}"
WINGET = "1.12.0"


def main(arguments: list[str] | None = None) -> int:
    """Write cask and manifests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--at", required=True, metavar="URL", help="the repository")
    asked = parser.parse_args(arguments)
    try:
        written = texts(sums.measure(asked.folder), asked.at.rstrip("/"), read_facts().version)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    for name, text in written.items():
        file = asked.folder / name
        file.write_text(text, encoding="utf-8", newline="\n")
        print(file)
    return 0


def texts(digests: dict[str, str], repository: str, version: str) -> dict[str, str]:
    """The texts, by the names of their files.

    Args:
        digests: The SHA-256 sums of the release, by names.
        repository: Its address.
        version: Which release.
    """
    return {
        "relaydesk.rb": cask(digests, repository, version),
        f"{IDENTIFIER}.yaml": _manifest("version", version, DefaultLocale="en-US"),
        f"{IDENTIFIER}.installer.yaml": _installer(digests, repository, version),
        f"{IDENTIFIER}.locale.en-US.yaml": _manifest(
            "defaultLocale",
            version,
            PackageLocale="en-US",
            Publisher=NAME,
            PackageName=NAME,
            PackageUrl=repository,
            License="Apache-2.0",
            ShortDescription=SUMMARY,
            ReleaseNotesUrl=f"{repository}/releases/tag/v{version}",
        ),
    }


def cask(digests: dict[str, str], repository: str, version: str) -> str:
    """Homebrew's: <https://docs.brew.sh/Cask-Cookbook>."""
    found = {brew: _digest(digests, f"macos-{own}.dmg") for brew, own in PROCESSORS.items()}
    arches = ", ".join(f'{brew}: "{own}"' for brew, own in PROCESSORS.items())
    return f"""\
cask "relaydesk" do
  arch {arches}

  version "{version}"
  sha256 arm:   "{found["arm"]}",
         intel: "{found["intel"]}"

  url "{repository}/releases/download/v#{{version}}/{NAME}-#{{version}}-macos-#{{arch}}.dmg"
  name "{NAME}"
  desc "{SUMMARY}"
  homepage "{repository}"

  depends_on macos: :{NAMES_OF_MACOS[OLDEST_MACOS]}

  app "{NAME}.app"
  binary "#{{appdir}}/{NAME}.app/Contents/MacOS/relaydesk"

  zap trash: [
    "~/Library/Application Support/relaydesk",
    "~/Library/Caches/relaydesk",
    "~/Library/Logs/relaydesk",
  ]
end
"""


def _installer(digests: dict[str, str], repository: str, version: str) -> str:
    digest = _digest(digests, ".exe")
    [name] = [name for name in digests if name.endswith(".exe")]
    return _manifest(
        "installer",
        version,
        InstallerType="nullsoft",
        Scope="user",
        UpgradeBehavior="install",
        Protocols=["relaydesk"],
        Installers=[
            {
                "Architecture": "x64",
                "InstallerUrl": f"{repository}/releases/download/v{version}/{name}",
                "InstallerSha256": digest.upper(),
            }
        ],
    )


def _manifest(kind: str, version: str, **fields: object) -> str:
    """One of winget's. JSON is YAML, too, and each value here fits one line."""
    said = {
        "PackageIdentifier": IDENTIFIER,
        "PackageVersion": version,
        **fields,
        "ManifestType": kind,
        "ManifestVersion": WINGET,
    }
    schema = f"# yaml-language-server: $schema=https://aka.ms/winget-manifest.{kind}.{WINGET}.schema.json\n"
    return schema + "".join(f"{key}: {json.dumps(value)}\n" for key, value in said.items())


def _digest(digests: dict[str, str], ending: str) -> str:
    """The sum of the one file with this ending."""
    found = [digest for name, digest in digests.items() if re.fullmatch(rf"[^/]+{re.escape(ending)}", name)]
    if len(found) != 1:
        raise PackagingError(f"the release has {len(found) or 'no'} files *{ending}, where one was expected")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
