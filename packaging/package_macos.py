"""RelayDesk.app as .dmg and .zip, and, for who has an identity of Apple's, signed and notarised. Runs on macOS.

    python packaging/package_macos.py                                        not signed: Gatekeeper asks before it is opened
    python packaging/package_macos.py --sign IDENTITY                        signed, with the hardened runtime
    python packaging/package_macos.py --sign IDENTITY --notarise PROFILE     and notarised, with the ticket stapled to both

It takes dist/RelayDesk.app as build.spec makes it and does not move a file in it: a bundle whose links have become copies is
refused by Apple. IDENTITY is a "Developer ID Application" one of the keychain, PROFILE what
`xcrun notarytool store-credentials PROFILE` has stored there.

Everything in the bundle is signed by the same identity, inside out, and no protection of the hardened runtime is given up
(macos/entitlements.plist is empty, and holds no comments: codesign refuses those). What programs like this one ask for
elsewhere, and why it is not needed here:

* disable-library-validation: all libraries carry the signature of the program.
* allow-unsigned-executable-memory, disable-executable-page-protection: ctypes makes code for functions that C calls back; nothing
  here has such functions (keyring calls the keychain, which never calls back), and this Python makes none when it is imported.
  Python 3.14 does: who freezes that one has to look again.
* allow-jit: Qt's regular expressions are compiled where that is allowed, and interpreted where it is not. There is no QML.
"""

import argparse
import json
import os
import platform
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from facts import BUILD, DIST, NAME, PackagingError, read_facts

ENTITLEMENTS = Path(__file__).resolve().parent / "macos" / "entitlements.plist"

#: How files of code begin: Mach-O of 64 and 32 bits, and several of them in one.
MAGICS = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")

#: Folders that are signed as a whole.
BUNDLES = (".framework", ".app", ".bundle", ".xpc")

NOTARY_TIMEOUT = "30m"

Command = list[str]


@dataclass(frozen=True)
class Signing:
    """Who signs, and who asks the notary.

    Attributes:
        identity: As `security find-identity -v -p codesigning` shows it.
        profile: The stored credentials; empty: nothing is notarised.
        keychain: The file of the keychain with both; empty: the ones that are searched anyway.
    """

    identity: str
    profile: str = ""
    keychain: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Make the packages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--app", type=Path, default=DIST / f"{NAME}.app", help="the bundle (dist/RelayDesk.app)"
    )
    parser.add_argument("--sign", metavar="IDENTITY", default="", help="sign with this identity")
    parser.add_argument("--notarise", metavar="PROFILE", default="", help="notarise with these credentials")
    parser.add_argument("--keychain", metavar="FILE", default="", help="where identity and credentials are")
    asked = parser.parse_args(arguments)
    try:
        signing = Signing(asked.sign, asked.notarise, asked.keychain) if asked.sign else None
        if asked.notarise and not asked.sign:
            raise PackagingError("Apple notarises what is signed only: --notarise needs --sign")
        if sys.platform != "darwin":
            raise PackagingError(
                "Packages for macOS are made on macOS: codesign, hdiutil and notarytool are nowhere else. "
                "The workflow .github/workflows/release.yml has one."
            )
        for file in make(asked.app, signing):
            print(file)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        # it has said why
        print(f"stopped: {error.cmd[0]} failed", file=sys.stderr)
        return 2
    return 0


def make(app: Path, signing: Signing | None) -> list[Path]:
    """Make .dmg and .zip of *app*; the files."""
    check(app)
    facts = read_facts()
    DIST.mkdir(exist_ok=True)
    name = f"{NAME}-{facts.version}-macos-{platform.machine()}"
    archive, image = DIST / f"{name}.zip", DIST / f"{name}.dmg"
    if signing:
        for command in sign_commands(app, signing):
            _run(command)
        _run(verify_command(app))
        if signing.profile:
            # the notary takes no folders; the ticket is stapled to the folder, and so the archive is made once more
            _run(zip_command(app, archive))
            _notarise(archive, app, signing)
            _run(["spctl", "--assess", "--type", "execute", "--verbose", str(app)])
    archive.unlink(missing_ok=True)
    _run(zip_command(app, archive))
    _make_image(app, image, facts.version)
    if signing:
        _run([*_codesign(signing), str(image)])
        if signing.profile:
            _notarise(image, image, signing)
    return [image, archive]


# --- what is done, without doing it ----------------------------------------------------------------------------------


def check(app: Path) -> None:
    """Look whether this is the bundle that build.spec makes.

    Raises:
        PackagingError: It is not.
    """
    try:
        info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    except OSError:
        raise PackagingError(f"{app} is not there: make package-macos freezes it first") from None
    program = app / "Contents" / "MacOS" / info["CFBundleExecutable"]
    if not program.is_file():
        raise PackagingError(f"{app} lacks its program, {program.relative_to(app)}")


def signing_order(app: Path) -> list[Path]:
    """What has to be signed, inside out: a signature seals what is in a bundle, so that is signed before.

    Links are left alone, and the program of a bundle is signed with the bundle.
    """
    found = [app]
    programs = {_program_of_app(app)}
    for folder in _folders(app):
        if folder == app or folder.suffix not in BUNDLES:
            continue
        for bundle, program in _code_of_bundle(folder):
            found.append(bundle)
            programs.add(program)
    found += [file for file in _files(app) if file not in programs and is_code(file)]
    return sorted(found, key=lambda path: (-len(path.parts), str(path)))


def is_code(file: Path) -> bool:
    """Whether a file begins as programs and libraries of macOS do."""
    with file.open("rb") as content:
        return content.read(4) in MAGICS


def sign_commands(app: Path, signing: Signing) -> list[Command]:
    """Sign everything in *app*, and then itself. Entitlements belong to the program alone: libraries have the ones of theirs."""
    return [
        [
            *_codesign(signing),
            *("--options", "runtime"),
            *(["--entitlements", str(ENTITLEMENTS)] if path == app else []),
            str(path),
        ]
        for path in signing_order(app)
    ]


def verify_command(app: Path) -> Command:
    """Check the signature of *app* and of all that is in it."""
    return ["codesign", "--verify", "--deep", "--strict", "--verbose=2", str(app)]


def zip_command(app: Path, archive: Path) -> Command:
    """Pack *app*. Others than ditto lose links or attributes, and with them the signature."""
    return ["ditto", "-c", "-k", "--sequesterRsrc", "--keepParent", str(app), str(archive)]


def notary_command(file: Path, signing: Signing) -> Command:
    """Hand *file* in, wait, and get the answer as JSON."""
    return [
        *("xcrun", "notarytool", "submit", str(file), *_credentials(signing)),
        *("--wait", "--timeout", NOTARY_TIMEOUT, "--output-format", "json"),
    ]


def image_commands(app: Path, staging: Path, image: Path, version: str) -> list[Command]:
    """Make a disk image with *app*, and with a link to the folder that it is dragged to (which is made in *staging* before)."""
    return [
        ["ditto", str(app), str(staging / app.name)],
        [
            *("hdiutil", "create", "-volname", f"{NAME} {version}", "-srcfolder", str(staging)),
            *("-fs", "HFS+", "-format", "UDZO", "-ov", str(image)),
        ],
        ["hdiutil", "verify", str(image)],
    ]


def accepted(answer: str) -> str:
    """The number of what was handed in, by the notary's *answer*.

    Raises:
        PackagingError: It was not accepted.
    """
    try:
        said = json.loads(answer)
        number, status = str(said["id"]), str(said["status"])
    except (ValueError, KeyError, TypeError):
        raise PackagingError(f"the notary's answer is none: {answer.strip() or 'nothing'}") from None
    if status != "Accepted":
        raise PackagingError(
            f"the notary says {status}; its reasons: xcrun notarytool log {number} --keychain-profile PROFILE"
        )
    return number


def _codesign(signing: Signing) -> Command:
    keychain = ["--keychain", signing.keychain] if signing.keychain else []
    return ["codesign", "--sign", signing.identity, *keychain, "--force", "--timestamp"]


def _credentials(signing: Signing) -> Command:
    keychain = ["--keychain", signing.keychain] if signing.keychain else []
    return ["--keychain-profile", signing.profile, *keychain]


def _folders(app: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(app):
        yield Path(folder)


def _files(app: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(app):
        for name in names:
            file = Path(folder, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _code_of_bundle(bundle: Path) -> Iterator[tuple[Path, Path]]:
    """The folders of *bundle* to sign, each with its program: of a framework every version, of others the bundle."""
    if bundle.suffix != ".framework":
        yield bundle, _program_of_app(bundle)
        return
    versions = [each for each in bundle.glob("Versions/*") if each.is_dir() and not each.is_symlink()]
    for folder in versions or [bundle]:
        yield folder, folder / bundle.stem


def _program_of_app(app: Path) -> Path:
    info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    return app / "Contents" / "MacOS" / str(info["CFBundleExecutable"])


# --- doing it --------------------------------------------------------------------------------------------------------


def _notarise(file: Path, stapled: Path, signing: Signing) -> None:
    """Have *file* looked at by Apple, and staple the ticket, so that it also opens where there is no network."""
    command = notary_command(file, signing)
    print(f"{NAME}: waiting for Apple's notary, {file.name} …", file=sys.stderr)
    # 1 where it was refused, too: the answer says more
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    accepted(done.stdout)
    _run(["xcrun", "stapler", "staple", str(stapled)])
    _run(["xcrun", "stapler", "validate", str(stapled)])


def _make_image(app: Path, image: Path, version: str) -> None:
    staging = BUILD / "dmg"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    (staging / "Applications").symlink_to("/Applications")
    for command in image_commands(app, staging, image, version):
        _run(command)
    shutil.rmtree(staging)


def _run(command: Command) -> None:
    # what they print is not what this prints: files
    subprocess.run(command, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    sys.exit(main())
