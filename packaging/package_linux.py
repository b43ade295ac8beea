"""Packages for Linux: `make package-linux`, or `python packaging/package_linux.py [--payload FOLDER] [--only deb …]`.

Freezes the program (``bundle.py``) unless a folder is given, lays it out as it is installed, and wraps that as .deb, .rpm, .tar.gz and
as an AppDir, of which appimagetool makes an AppImage where it is there. Everything goes to dist/, replaces what was there, and is the
same again for the same commit, wherever the format allows it.
"""

import argparse
import gzip
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from build_tools import need, run, set_times
from bundle import copy_tree, freeze, put_mark, size
from elf import Needs, read_needs
from facts import BUILD, CHECKOUT, DIST, NAME, SUMMARY, Facts, PackagingError, read_facts
from icons import SIZES, make_icons

KINDS = ("deb", "rpm", "tar", "appdir")
FILES = CHECKOUT / "packaging" / "linux"
MAINTAINER = "The RelayDesk maintainers <maintainers@relaydesk.example>"
DESCRIPTION = (
    "RelayDesk makes a service on this computer reachable from elsewhere without opening a port, over Azure Relay's Hybrid",
    "Connections protocol: with a namespace of Azure's, or with the gateway that comes with it. It is a tray application and a",
    "command line, and holds its own Python and Qt.",
)

#: What the frozen program needs of the system, and the Debian package that has it. Where libraries changed their packages' names
#: (the 64-bit time_t of Ubuntu 24.04 and Debian 13), the new ones provide the old names.
DEBIAN_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libbrotlicommon.so.1": "libbrotli1",
    "libbrotlidec.so.1": "libbrotli1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libexpat.so.1": "libexpat1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1",
    "libgio-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "liblzma.so.5": "liblzma5",
    "libstdc++.so.6": "libstdc++6",
    "libuuid.so.1": "libuuid1",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
#: Parts of glibc itself.
GLIBC = {"libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1"}

#: What an ordinary desktop lacks: an AppImage has nobody to depend on, and brings these.
APPIMAGE_BRINGS = (
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-image.so.0",
    "libxcb-keysyms.so.1",
    "libxcb-render-util.so.0",
    "libxcb-util.so.1",
    "libxkbcommon-x11.so.0",
)

TOOLS = {"deb": {"dpkg-deb": "dpkg"}, "rpm": {"rpmbuild": "rpm"}, "tar": {}, "appdir": {}}


def main() -> int:
    """Make the packages that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--payload", type=Path, help="a frozen folder; without it, the program is frozen first"
    )
    parser.add_argument("--out", type=Path, default=DIST, help="where packages go; without it, dist/")
    parser.add_argument("--only", choices=KINDS, action="append", help="this kind alone; may be repeated")
    parser.add_argument(
        "--quick", action="store_true", help="compress little: for tests, never for a release"
    )
    asked = parser.parse_args()
    try:
        made = make(tuple(asked.only or KINDS), asked.payload, asked.out, is_quick=asked.quick)
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in made:
        whole = path if path.is_file() else None
        print(f"{path}: {(whole.stat().st_size if whole else size(path)) / 1e6:.1f} MB")
    return 0


def make(kinds: tuple[str, ...], payload: Path | None, out: Path, *, is_quick: bool) -> list[Path]:
    """Make packages; where they are."""
    if sys.platform != "linux":
        raise PackagingError("packages for Linux are made on Linux: what is frozen here runs here alone")
    for kind in kinds:
        for tool, package in TOOLS[kind].items():
            need(tool, package, f"makes the .{kind}")
    need("objdump", "binutils", "reads what libraries need")
    facts = read_facts()
    bundle = find_bundle(payload, facts)
    needs = read_needs(bundle)
    if unknown := set(needs.libraries) - set(DEBIAN_PACKAGES) - GLIBC - {_linker()}:
        whom = {name: needs.libraries[name][0] for name in sorted(unknown)}
        raise PackagingError(
            f"nobody says which package has {whom} (library: who needs it); add it to DEBIAN_PACKAGES, or to what build.spec drops"
        )
    make_icons()
    out.mkdir(parents=True, exist_ok=True)
    makers = {"deb": make_deb, "rpm": make_rpm, "tar": make_tar, "appdir": make_appdir}
    return [path for kind in kinds for path in makers[kind](bundle, needs, facts, out, is_quick)]


# --- what is installed --------------------------------------------------------------------------------------------------


def lay_out(root: Path, bundle: Path, package: str) -> None:
    """Lay everything below *root* as it is installed below /."""
    shutil.rmtree(root, ignore_errors=True)
    copy_tree(bundle, root / "usr/lib/relaydesk")
    put_mark(root / "usr/lib/relaydesk", package)
    link(root / "usr/bin/relaydesk", "../lib/relaydesk/relaydesk")
    copy(FILES / "relaydesk.desktop", root / "usr/share/applications/relaydesk.desktop")
    metainfo = "org.relaydesk.RelayDesk.metainfo.xml"
    copy(FILES / metainfo, root / "usr/share/metainfo" / metainfo)
    icons = root / "usr/share/icons/hicolor"
    for size_ in SIZES:
        copy(BUILD / f"icons/relaydesk-{size_}.png", icons / f"{size_}x{size_}/apps/relaydesk.png")
    copy(CHECKOUT / "resources/icons/relaydesk.svg", icons / "scalable/apps/relaydesk.svg")
    write(root / "usr/share/man/man1/relaydesk.1.gz", packed((FILES / "relaydesk.1").read_bytes()))
    documents = root / "usr/share/doc/relaydesk"
    write(documents / "changelog.gz", packed((CHECKOUT / "CHANGELOG.md").read_bytes()))
    write(documents / "copyright", copyright_text().encode())
    for name in ("agent", "cli", "desktop", "events", "first-steps", "gateway", "inspector", "install"):
        copy(CHECKOUT / f"docs/{name}.md", documents / f"{name}.md")
    units = root / "usr/lib/systemd/system"
    write(units / "relaydesk-gateway.service", gateway_unit().encode())
    copy(FILES / "relaydesk-agent@.service", units / "relaydesk-agent@.service")
    copy(FILES / "relaydesk-gateway.default", root / "etc/default/relaydesk-gateway")


def gateway_unit() -> str:
    """The service of a gateway: the sample's, started from where a package has it, with options from a file."""
    sample = (CHECKOUT / "packaging/relaydesk-gateway.service.sample").read_text(encoding="utf-8")
    lines = []
    for line in sample.partition("[Unit]")[2].splitlines():
        if line.startswith("ExecStart="):
            lines += [
                "EnvironmentFile=-/etc/default/relaydesk-gateway",
                "ExecStart=/usr/bin/relaydesk gateway serve --data %S/relaydesk-gateway $RELAYDESK_GATEWAY_OPTIONS",
            ]
        elif not line.startswith("#"):
            lines.append(line)
    head = "# A RelayDesk gateway: options are in /etc/default/relaydesk-gateway (docs/gateway.md).\n\n[Unit]"
    return head + "\n".join(lines) + "\n"


def copyright_text() -> str:
    """Who may do what with it, in Debian's form."""
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: {NAME}\n\n"
        "Files: *\n"
        "Copyright: The RelayDesk authors\n"
        "License: Apache-2.0\n"
        " On Debian systems, the full text is in /usr/share/common-licenses/Apache-2.0;\n"
        " it is also in /usr/lib/relaydesk/_internal/LICENSE.\n"
        "Comment:\n"
        " The program holds Python, Qt (LGPL-3, by Qt for Python) and further libraries, each under its own\n"
        " license; a release's list of parts (relaydesk-*.cdx.json) names them.\n"
    )


# --- formats ------------------------------------------------------------------------------------------------------------


def make_deb(bundle: Path, needs: Needs, facts: Facts, out: Path, is_quick: bool) -> list[Path]:
    """A package for Debian, Ubuntu and what derives from them."""
    root = BUILD / "linux" / "deb"
    lay_out(root, bundle, "deb")
    packages = {DEBIAN_PACKAGES[name] for name in needs.libraries if name in DEBIAN_PACKAGES}
    glibc = ".".join(map(str, needs.glibc))
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    control = [
        "Package: relaydesk",
        f"Version: {facts.version}",
        f"Architecture: {machine}",
        f"Maintainer: {MAINTAINER}",
        f"Installed-Size: {size(root) // 1024}",
        f"Depends: {', '.join([f'libc6 (>= {glibc})', 'ca-certificates', *sorted(packages)])}",
        "Recommends: gnome-keyring | kwalletmanager | keepassxc, xdg-utils",
        "Section: net",
        "Priority: optional",
        f"Description: {SUMMARY[0].lower()}{SUMMARY[1:]}",
        *(f" {line}" for line in DESCRIPTION),
    ]
    write(root / "DEBIAN/control", ("\n".join(control) + "\n").encode())
    write(root / "DEBIAN/conffiles", b"/etc/default/relaydesk-gateway\n")
    for name in ("prerm", "postrm"):
        write(root / f"DEBIAN/{name}", (FILES / f"deb-{name}").read_bytes(), mode=0o755)
    write(root / "usr/share/lintian/overrides/relaydesk", (FILES / "lintian-overrides").read_bytes())
    settle(root, facts)
    made = out / f"relaydesk_{facts.version}_{machine}.deb"
    compression = ["-Zzstd", "-z3"] if is_quick else ["-Zxz"]
    run(["dpkg-deb", "--build", "--root-owner-group", *compression, str(root), str(made)], facts)
    return [made]


def make_rpm(bundle: Path, needs: Needs, facts: Facts, out: Path, is_quick: bool) -> list[Path]:
    """A package for Fedora, RHEL, openSUSE and what derives from them; it names libraries, which each of them has its own packages for."""
    folder = BUILD / "linux" / "rpm"
    root = folder / "tree"
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(root, bundle, "rpm")
    settle(root, facts)
    bits = "()(64bit)"
    requires = ["ca-certificates", f"libc.so.6(GLIBC_{'.'.join(map(str, needs.glibc))})(64bit)"]
    requires += [f"{name}{bits}" for name in sorted(needs.libraries) if name in DEBIAN_PACKAGES]
    spec = (FILES / "relaydesk.spec").read_text(encoding="utf-8")
    for mark, text in {
        "@VERSION@": facts.version,
        "@SUMMARY@": SUMMARY,
        "@DESCRIPTION@": "\n".join(DESCRIPTION),
        "@REQUIRES@": "\n".join(f"Requires: {one}" for one in requires),
        "@PAYLOAD@": "w1.zstdio" if is_quick else "w19.zstdio",
        "@TREE@": str(root),
    }.items():
        spec = spec.replace(mark, text)
    file = folder / "relaydesk.spec"
    write(file, spec.encode())
    places = {
        "_topdir": folder,
        "_rpmdir": folder / "made",
        "_build_name_fmt": "%{NAME}-%{VERSION}.%{ARCH}.rpm",
    }
    defines = [part for key, value in places.items() for part in ("--define", f"{key} {value}")]
    run(["rpmbuild", "-bb", "--quiet", *defines, str(file)], facts)
    made = out / f"relaydesk-{facts.version}.{platform.machine()}.rpm"
    shutil.move(folder / "made" / made.name, made)
    return [made]


def make_tar(bundle: Path, _needs: Needs, facts: Facts, out: Path, is_quick: bool) -> list[Path]:
    """The folder itself, to be unpacked anywhere: nothing is installed, and nobody is told of it."""
    name = f"relaydesk-{facts.version}-linux-{platform.machine()}"
    made = out / f"{name}.tar.gz"

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = facts.moment
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    with (
        made.open("wb") as file,
        gzip.GzipFile("", "wb", 1 if is_quick else 9, file, mtime=facts.moment) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in [bundle, *sorted(bundle.rglob("*"))]:
            archive.add(path, Path(name) / path.relative_to(bundle), recursive=False, filter=plain)
    return [made]


def make_appdir(bundle: Path, _needs: Needs, facts: Facts, out: Path, _is_quick: bool) -> list[Path]:
    """What an AppImage is made of, and the AppImage where its tool is there."""
    root = out / f"{NAME}.AppDir"
    lay_out(root, bundle, "appimage")
    for folder in ("etc", "usr/lib/systemd"):  # nothing of an image is installed
        shutil.rmtree(root / folder)
    for library in APPIMAGE_BRINGS:
        copy(system_library(library), root / "usr/lib/relaydesk/_internal" / library)
    link(root / "AppRun", "usr/lib/relaydesk/relaydesk")
    copy(FILES / "relaydesk.desktop", root / "relaydesk.desktop")
    copy(BUILD / "icons/relaydesk-256.png", root / "relaydesk.png")
    link(root / ".DirIcon", "relaydesk.png")
    settle(root, facts)
    tool = shutil.which("appimagetool")
    if tool is None:
        print(f"{root} is complete; an AppImage is made of it by: appimagetool {root}", file=sys.stderr)
        return [root]
    made = out / f"{NAME}-{facts.version}-{platform.machine()}.AppImage"
    run([tool, "--no-appstream", str(root), str(made)], facts)
    return [root, made]


def system_library(name: str) -> Path:
    """Where the dynamic linker of this system finds *name*."""
    said = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        words = line.split()
        if (words and words[0] == name and "x86-64" in line) or (
            words and words[0] == name and "AArch64" in line
        ):
            return Path(words[-1])
    raise PackagingError(
        f"{name} is not on this system, and an AppImage has to bring it; on Debian: apt-get install {DEBIAN_PACKAGES[name]}"
    )


# --- small things -------------------------------------------------------------------------------------------------------


def settle(root: Path, facts: Facts) -> None:
    """Give everything below *root* the same owner's rights, and the commit's time: umasks and clocks differ."""
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        is_library = re.search(
            r"\.so(\.|$)", path.name
        )  # wheels have some as programs, which Debian frowns upon
        is_open = path.is_dir() or (path.stat().st_mode & 0o100 and not is_library)
        path.chmod(0o755 if is_open else 0o644)
    root.chmod(0o755)
    set_times(root, facts)


def find_bundle(payload: Path | None, facts: Facts) -> Path:
    """The frozen folder: *payload*, or the one that is made now."""
    if payload is None:
        return freeze(facts)
    if not (payload / "relaydesk").is_file():
        raise PackagingError(f"{payload} is no frozen program: there is no relaydesk in it")
    return payload


def packed(content: bytes) -> bytes:
    """*content*, compressed, the same each time."""
    return gzip.compress(content, 9, mtime=0)


def copy(source: Path, target: Path) -> None:
    """Copy a file, following links."""
    write(target, source.read_bytes())


def link(path: Path, target: str) -> None:
    """Make a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _linker() -> str:
    return {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}[platform.machine()]


if __name__ == "__main__":
    sys.exit(main())
