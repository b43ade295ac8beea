"""Installers for Windows: `make package-windows`, or `python packaging/package_windows.py [--payload FOLDER] [--only setup …]`.

Wraps what was frozen on Windows as setup.exe (NSIS: one user, no administrator), .msi (all users, software distribution) and .zip. The
programs of a Windows bundle are frozen on Windows; wrapping and signing them works on Linux as well: makensis, wixl and osslsigncode
are Debian packages.
"""

import argparse
import shutil
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import quoteattr

from build_tools import need, run, set_times
from bundle import copy_tree, freeze, put_mark, size
from facts import BUILD, CHECKOUT, DIST, NAME, SUMMARY, Facts, PackagingError, read_facts
from icons import make_icons

KINDS = ("setup", "msi", "zip")
FILES = CHECKOUT / "packaging" / "windows"
PUBLISHER = "The RelayDesk authors"

#: What all versions of the .msi have in common, so that a newer one replaces an older one. Never to be changed.
UPGRADE_CODE = uuid.UUID("6f2d5c0e-8f0c-5d57-9d4b-3a3c2d9a4c11")

TOOLS = {"setup": {"makensis": "nsis"}, "msi": {"wixl": "wixl"}, "zip": {}}


def main() -> int:
    """Make the packages that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--payload", type=Path, help="a folder that was frozen on Windows")
    parser.add_argument("--out", type=Path, default=DIST, help="where packages go; without it, dist/")
    parser.add_argument("--only", choices=KINDS, action="append", help="this kind alone; may be repeated")
    parser.add_argument("--sign", type=Path, metavar="CERTIFICATE.p12", help="sign programs and installers")
    parser.add_argument("--password-file", type=Path, help="the certificate's password")
    parser.add_argument("--timestamp", metavar="URL", help="a time stamping service (RFC 3161)")
    asked = parser.parse_args()
    try:
        signer = None
        if asked.sign is not None:
            if asked.password_file is None:
                raise PackagingError(
                    "--sign needs --password-file: a password on a command line is anybody's"
                )
            signer = Signer(asked.sign, asked.password_file, asked.timestamp)
        made = make(tuple(asked.only or KINDS), asked.payload, asked.out, signer)
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in made:
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def make(kinds: tuple[str, ...], payload: Path | None, out: Path, signer: "Signer | None") -> list[Path]:
    """Make packages; where they are."""
    for kind in kinds:
        for tool, package in TOOLS[kind].items():
            need(tool, package, f"makes the {kind}")
    if signer is not None:
        need("osslsigncode", "osslsigncode", "signs")
    facts = read_facts()
    bundle = find_bundle(payload, facts)
    make_icons()
    out.mkdir(parents=True, exist_ok=True)
    makers = {"setup": make_setup, "msi": make_msi, "zip": make_zip}
    return [makers[kind](bundle, facts, out, signer) for kind in kinds]


def find_bundle(payload: Path | None, facts: Facts) -> Path:
    """The frozen folder: *payload*, or on Windows the one that is made now."""
    if payload is None:
        if sys.platform != "win32":
            raise PackagingError(
                "programs for Windows are frozen on Windows; give what was frozen there: --payload FOLDER"
                " (make test-packages wraps a stand-in)"
            )
        return freeze(facts)
    for name in ("relaydesk.exe", "relaydeskw.exe"):
        if not (payload / name).is_file():
            raise PackagingError(f"{payload} is no frozen program for Windows: there is no {name} in it")
    return payload


class Signer:
    """Signs programs and installers with Authenticode."""

    def __init__(self, certificate: Path, password: Path, timestamp: str | None) -> None:
        for file in (certificate, password):
            if not file.is_file():
                raise PackagingError(f"{file} is missing, with which to sign")
        self._options = ["-pkcs12", str(certificate.resolve()), "-readpass", str(password.resolve())]
        self._options += ["-h", "sha256", "-n", NAME, *(["-ts", timestamp] if timestamp else [])]

    def sign(self, file: Path, facts: Facts) -> None:
        """Sign *file*, in place."""
        signed = file.with_name(f"{file.name}.signed")
        run(["osslsigncode", "sign", *self._options, "-in", str(file), "-out", str(signed)], facts)
        signed.replace(file)

    def shell_line(self) -> str:
        """What NSIS runs for the uninstaller that it makes: ``%1`` is its file."""
        options = " ".join(f'"{option}"' for option in self._options)
        return f'osslsigncode sign {options} -in "%1" -out "%1.signed" && mv "%1.signed" "%1"'


def stage(bundle: Path, kind: str, facts: Facts, signer: Signer | None) -> Path:
    """A copy of *bundle* with the mark of *kind*, its programs signed."""
    folder = BUILD / "windows" / kind
    shutil.rmtree(folder, ignore_errors=True)
    copy_tree(bundle, folder)
    if kind != "zip":
        put_mark(folder, kind)
    if signer is not None:
        for program in sorted(folder.glob("*.exe")):
            signer.sign(program, facts)
    return folder


def files_of(folder: Path) -> Iterator[PurePosixPath]:
    """Every file below *folder*, in an order that is the same everywhere."""
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        if path.is_file():
            yield PurePosixPath(path.relative_to(folder).as_posix())


# --- setup.exe ----------------------------------------------------------------------------------------------------------


def make_setup(bundle: Path, facts: Facts, out: Path, signer: Signer | None) -> Path:
    """The installer for one user."""
    staged = stage(bundle, "setup", facts, signer)
    lists = BUILD / "windows" / "lists"
    lists.mkdir(parents=True, exist_ok=True)
    set_times(staged, facts)
    files = list(files_of(staged))
    (lists / "install.nsh").write_text("\n".join(install_lines(staged, files)) + "\n", encoding="utf-8-sig")
    uninstall = list(uninstall_lines(files))
    (lists / "uninstall.nsh").write_text("\n".join(uninstall) + "\n", encoding="utf-8-sig")
    made = out / f"relaydesk-{facts.version}-setup.exe"
    given = {
        "VERSION": facts.version,
        "VERSION4": ".".join([*facts.version.partition("-")[0].split("."), "0"]),
        "OUT": made.resolve(),
        "LISTS": lists,
        "ICON": BUILD / "icons" / "relaydesk.ico",
        "LICENSE": CHECKOUT / "LICENSE",
        "KIBIBYTES": size(staged) // 1024,
    }
    script = FILES / "relaydesk.nsi"
    defines = [f"-D{name}={value}" for name, value in given.items()]
    if sys.platform == "win32":
        defines.append("-DUPSTREAM_NSIS")
    if signer is not None:
        # before the script, which the line is none of: whoever builds without a certificate needs none
        defines.append(f"-X!uninstfinalize '{signer.shell_line()}' = 0")
    run(["makensis", "-V2", "-WX", "-INPUTCHARSET", "UTF8", *defines, str(script)], facts)
    if signer is not None:
        signer.sign(made, facts)
    return made


def install_lines(staged: Path, files: list[PurePosixPath]) -> Iterator[str]:
    """What puts the files where they belong."""
    folder: PurePosixPath | None = None
    for file in files:
        if file.parent != folder:
            folder = file.parent
            yield f'SetOutPath "{_installed(folder)}"'
        # where it is to go is a text with variables; where it comes from is none
        yield f'File "/oname={_quoted(file.name)}" "{staged / file}"'


def uninstall_lines(files: list[PurePosixPath]) -> Iterator[str]:
    """What takes them away again, and the folders that are empty then: what somebody has put beside them stays."""
    for file in files:
        yield f'Delete "{_installed(file)}"'
    folders = {parent for file in files for parent in file.parents if parent.name}
    for folder in sorted(folders, key=lambda one: (-len(one.parts), one.as_posix())):
        yield f'RMDir "{_installed(folder)}"'


def _installed(path: PurePosixPath) -> str:
    return "\\".join(["$INSTDIR", *map(_quoted, path.parts)])


def _quoted(text: str) -> str:
    return text.replace("$", "$$")


# --- .msi ---------------------------------------------------------------------------------------------------------------


def make_msi(bundle: Path, facts: Facts, out: Path, signer: Signer | None) -> Path:
    """The installer for all users of a computer."""
    staged = stage(bundle, "msi", facts, signer)
    set_times(staged, facts)
    text = (FILES / "relaydesk.wxs").read_text(encoding="utf-8")
    tree, components = directory_xml(staged)
    numbers = facts.version.partition("-")[0]
    for mark, said in {
        "@VERSION@": numbers,
        "@PRODUCT@": _guid(f"product {facts.version}"),
        "@UPGRADE@": f"{{{UPGRADE_CODE}}}".upper(),
        "@PUBLISHER@": PUBLISHER,
        "@SUMMARY@": SUMMARY,
        "@ICON@": "../icons/relaydesk.ico",
        "@SHORTCUT@": _guid("shortcut"),
        "@LINKS@": _guid("links"),
        "@FILES@": "\n".join(tree),
        "@COMPONENTS@": "\n".join(f'      <ComponentRef Id="{name}"/>' for name in components),
    }.items():
        text = text.replace(mark, said)
    source = BUILD / "windows" / "relaydesk.wxs"
    source.write_text(text, encoding="utf-8")
    made = out / f"relaydesk-{facts.version}-x64.msi"
    # it takes no absolute path for a file that goes in
    run(["wixl", "-a", "x64", "-o", str(made.resolve()), source.name], facts, where=source.parent)
    if signer is not None:
        signer.sign(made, facts)
    return made


def directory_xml(staged: Path) -> tuple[list[str], list[str]]:
    """The files as WiX wants them, one component each; and the names of the components."""
    lines: list[str] = []
    components: list[str] = []

    def add(folder: Path, depth: int) -> None:
        pad = "  " * depth
        for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
            where = path.relative_to(staged).as_posix()
            name = f"i{uuid.uuid5(UPGRADE_CODE, where).hex}"
            if path.is_dir():
                lines.append(f'{pad}<Directory Id="{name}" Name={_escaped(path.name)}>')
                add(path, depth + 1)
                lines.append(f"{pad}</Directory>")
                continue
            components.append(f"c{name}")
            lines.append(f'{pad}<Component Id="c{name}" Guid="{_guid(f"file {where}")}" Win64="yes">')
            file_id = {"relaydeskw.exe": "window", "relaydesk.exe": "console"}.get(where, name)
            lines.append(
                f'{pad}  <File Id="{file_id}" KeyPath="yes" Name={_escaped(path.name)} Source={_escaped(f"msi/{where}")}/>'
            )
            lines.append(f"{pad}</Component>")

    add(staged, 5)
    return lines, components


def _escaped(text: str) -> str:
    """*text* as an attribute: a dollar begins one of WiX's variables."""
    return quoteattr(text.replace("$", "$$"))


def _guid(what: str) -> str:
    """A GUID that is the same each time: Windows Installer counts by it who needs a file."""
    return f"{{{uuid.uuid5(UPGRADE_CODE, what)}}}".upper()


# --- .zip ---------------------------------------------------------------------------------------------------------------


def make_zip(bundle: Path, facts: Facts, out: Path, signer: Signer | None) -> Path:
    """The folder itself: nothing is installed, and nobody is told of it."""
    staged = stage(bundle, "zip", facts, signer)
    name = f"relaydesk-{facts.version}-windows-x64"
    made = out / f"{name}.zip"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files_of(staged):
            entry = zipfile.ZipInfo(f"{name}/{file}", time.gmtime(max(facts.moment, 315_532_800))[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (staged / file).read_bytes())
    return made


if __name__ == "__main__":
    sys.exit(main())
