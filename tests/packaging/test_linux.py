"""The packages for Linux: what they say, and that the .deb does what it says in a bare Debian."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from relaydesk import __version__
from relaydesk.cli.program import GatewayVerbs, Program
from tests.desktop.steps import expose_in_two_clicks, until_all
from tests.desktop.test_first_start import WELCOME, go_on, namespace_string, paste_into_the_card, share
from tests.packaging.conftest import OLDER, package
from tests.support.bare_roots import BareRoot, make_bare_root
from tests.support.gateways import running_gateway
from tests.support.processes import ROOT, need_program
from tests.support.screens import fetch, screen, web_server

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.allow_log_warnings("is reached without TLS"),
]

FILES = ROOT / "packaging" / "linux"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> BareRoot:
    """A bare Debian 12."""
    return make_bare_root(tmp_path_factory.mktemp("bare") / "root")


@pytest.fixture
def installed(root: BareRoot, deb: Path) -> Iterator[BareRoot]:
    """The same, with the package; without it afterwards."""
    root.install(deb)
    yield root
    root.must("dpkg", "--purge", "relaydesk")


def said(*command: str | Path) -> str:
    """What a tool says."""
    need_program(str(command[0]))
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


# --- in a bare Debian ---------------------------------------------------------------------------------------------------


def test_it_proves_itself_without_a_screen(installed: BareRoot):
    report = json.loads(
        installed.must("/usr/bin/relaydesk", "--smoke", environment={"QT_QPA_PLATFORM": "offscreen"})
    )
    assert (report["ok"], report["failed"]) == (True, [])
    assert (report["qt"]["platform"], report["qt"]["pictures"], report["request"]) == ("offscreen", True, 200)
    assert (report["tls"]["version"], report["tray"]) == ("TLSv1.3", False)
    assert report["keyring"]["state"] == "undecided"
    assert report["build"].startswith("deb, commit ")


async def test_it_proves_itself_on_a_screen_with_tray_and_keyring(installed: BareRoot, tmp_path: Path):
    program = installed.command("/usr/bin/relaydesk")
    async with screen(tmp_path, "bare-smoke", has_session=True, program=program) as seen:
        report = json.loads(await seen.run(*program, "--smoke", within_s=120))
    assert (report["ok"], report["qt"]["platform"], report["tray"]) == (True, "xcb", True)
    assert (report["keyring"]["backend"], report["keyring"]["works"]) == (
        "keyring.backends.SecretService.Keyring",
        True,
    )


async def test_it_shares_a_web_server_by_two_clicks(installed: BareRoot, tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "bare", has_session=True, program=installed.command("/usr/bin/relaydesk")) as seen,
        seen.desktop("--hidden") as desktop,
    ):
        await expose_in_two_clicks(seen, desktop, port)


async def test_an_upgrade_keeps_settings_and_keys(root: BareRoot, deb: Path, older_deb: Path, tmp_path: Path):
    root.install(older_deb)
    assert root.must("dpkg-query", "-W", "-f", "${Version}", "relaydesk") == OLDER
    options = root.path / "etc/default/relaydesk-gateway"
    options.write_text("# mine\n", encoding="utf-8")
    program = root.command("/usr/bin/relaydesk")
    async with (
        running_gateway() as gateway,
        web_server(tmp_path / "shop", "<h1>our shop</h1>") as port,
        screen(tmp_path, "upgrade", has_session=True, program=program) as seen,
    ):
        async with seen.desktop():
            await seen.window(WELCOME)
            await paste_into_the_card(seen, namespace_string(gateway))
            await go_on(seen)
            await seen.find("label", "The way is clear.", within_s=40)
            await go_on(seen)
            link = await share(seen, port)
            assert await fetch(link) == (200, "<h1>our shop</h1>")
            [name] = [one["name"] for one in await seen.ask("list")]
            settings = {file: file.read_bytes() for file in (seen.home / ".config/relaydesk").glob("*.toml")}
            assert len(settings) == 2
            assert not any(gateway.rule.primary_key.encode() in content for content in settings.values())

            # beneath the desktop that runs, which notices
            root.install(deb)
            await seen.find("label", "RelayDesk was updated")
            assert await fetch(link) == (200, "<h1>our shop</h1>")
        assert root.must("dpkg-query", "-W", "-f", "${Version}", "relaydesk") == __version__
        async with seen.desktop("--hidden"):
            await until_all(seen, name, state="online", proof="proven", within_s=40)
            assert await fetch(link) == (200, "<h1>our shop</h1>")
        assert {file: file.read_bytes() for file in settings} == settings
    assert options.read_text(encoding="utf-8") == "# mine\n"
    root.must("dpkg", "--purge", "relaydesk")


def test_nothing_of_it_is_left_when_it_is_gone(root: BareRoot, deb: Path):
    root.install(deb)
    owned = set(root.must("dpkg", "-L", "relaydesk").splitlines())
    data = root.path / "var/lib/private/relaydesk-gateway"  # as systemd keeps it
    data.mkdir(parents=True)
    (data / "relay.db").touch()
    root.must("apt-get", "remove", "-y", "relaydesk")
    left = root.files()
    assert {"/etc/default/relaydesk-gateway", "/var/lib/private/relaydesk-gateway/relay.db"} <= left
    root.must("apt-get", "purge", "-y", "relaydesk")
    left = root.files()
    assert [path for path in left if "relaydesk" in path.lower()] == []
    assert not {path for path in owned & left if not (root.path / path.lstrip("/")).is_dir()}


def test_all_that_it_depends_on_is_said(installed: BareRoot):
    """In a bare root, nothing is there by chance."""
    check = "for f in $(find /usr/lib/relaydesk -name '*.so*' -type f) /usr/lib/relaydesk/relaydesk; do ldd $f 2>&1 | sed \"s|$| $f|\"; done"
    environment = {"LD_LIBRARY_PATH": "/usr/lib/relaydesk/_internal"}
    lines = installed.must("/bin/sh", "-c", check, environment=environment).splitlines()
    assert len(lines) > 500
    assert [line for line in lines if "not found" in line] == []


def test_a_gateway_is_a_service_that_is_not_started_by_itself(installed: BareRoot):
    assert not list((installed.path / "etc/systemd").rglob("*relaydesk*"))
    unit = (installed.path / "usr/lib/systemd/system/relaydesk-gateway.service").read_text("utf-8")
    line = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert line is not None
    program, *arguments = line[1].replace("%S", "/var/lib").split()
    assert program == "/usr/bin/relaydesk"
    # the options that it is given are those that the program has
    known = installed.must("/usr/bin/relaydesk", "gateway", "serve", "--help", environment={"COLUMNS": "200"})
    assert all(word in known for word in arguments if word.startswith("--"))
    options = (installed.path / "etc/default/relaydesk-gateway").read_text("utf-8")
    assert 'RELAYDESK_GATEWAY_OPTIONS="--bind 127.0.0.1:9400"' in options


# --- what packages say --------------------------------------------------------------------------------------------------


def test_the_desktop_entry_is_valid():
    assert said("desktop-file-validate", FILES / "relaydesk.desktop") == ""


def test_the_metainfo_is_valid_and_tells_of_this_version():
    file = FILES / "org.relaydesk.RelayDesk.metainfo.xml"
    assert "successful" in said("appstreamcli", "validate", "--no-net", file)
    newest = re.search(r'<release version="([^"]+)"', file.read_text(encoding="utf-8"))
    assert newest is not None
    assert newest[1] == __version__


def test_the_manual_page_is_well_formed_and_names_every_verb():
    page = FILES / "relaydesk.1"
    assert said("mandoc", "-T", "lint", "-W", "warning", page) == ""
    text = page.read_text(encoding="utf-8")
    verbs = re.findall(r"^\.It Cm (.*)$", text, re.MULTILINE)
    named = {word for line in verbs for word in line.replace(",", " ").split()}
    assert named == {*Program.verbs, "gateway"}
    assert GatewayVerbs.verbs


def test_the_deb_of_a_release_is_not_larger_than_promised(frozen: Path, tmp_path: Path):
    done = package("package_linux.py", "--payload", str(frozen), "--out", str(tmp_path), "--only", "deb")
    assert done.returncode == 0, done.stderr
    [made] = tmp_path.glob("*.deb")
    assert made.stat().st_size <= 55_000_000


def test_the_rpm_says_the_same_as_the_deb(packages: Path, deb: Path):
    [rpm] = packages.glob("*.rpm")
    files = {
        path for path in said("rpm", "-qlp", rpm).splitlines() if not (path.startswith("/usr/lib/.build-id"))
    }
    debs = {
        "/" + line.split()[-3].removeprefix("./")
        if " -> " in line
        else "/" + line.split()[-1].removeprefix("./")
        for line in said("dpkg-deb", "--contents", deb).splitlines()
        if not line.startswith("d")
    }
    assert debs - files == {"/usr/share/lintian/overrides/relaydesk"}
    wanted = said("rpm", "-qRp", rpm)
    assert "libxcb-cursor.so.0()(64bit)" in wanted
    assert re.search(r"libc\.so\.6\(GLIBC_2\.\d+\)\(64bit\)", wanted)
    assert said("rpm", "-qp", "--queryformat", "%{VERSION} %{LICENSE}", rpm) == f"{__version__} Apache-2.0"
    assert said("rpm", "-qp", "--configfiles", rpm).split() == ["/etc/default/relaydesk-gateway"]


def test_the_archive_is_one_folder_that_runs_where_it_is_unpacked(packages: Path, tmp_path: Path):
    [archive] = packages.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    said("tar", "-xzf", archive, "-C", tmp_path)  # as its users do
    assert {member.name.split("/")[0] for member in members} == {archive.name.removesuffix(".tar.gz")}
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "root")}
    [program] = tmp_path.glob("*/relaydesk")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert "build: portable" in version.stdout


def test_the_appdir_is_complete(packages: Path):
    [appdir] = packages.glob("*.AppDir")
    assert (appdir / "AppRun").resolve() == appdir / "usr/lib/relaydesk/relaydesk"
    assert said("desktop-file-validate", appdir / "relaydesk.desktop") == ""
    assert (appdir / "relaydesk.png").read_bytes().startswith(b"\x89PNG")
    # what an ordinary desktop lacks
    assert (appdir / "usr/lib/relaydesk/_internal/libxcb-cursor.so.0").stat().st_size > 0
    version = subprocess.run(
        [appdir / "AppRun", "--version"],
        env={"APPIMAGE": "/home/ann/RelayDesk.AppImage", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "build: appimage" in version.stdout
    squashed = appdir.parent / "image.squashfs"
    said(
        "mksquashfs", appdir, squashed, "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "1"
    )
    assert squashed.stat().st_size > 10_000_000


def test_the_same_commit_gives_the_same_packages(frozen: Path, packages: Path, tmp_path: Path):
    done = package("package_linux.py", "--payload", str(frozen), "--out", str(tmp_path), "--quick")
    assert done.returncode == 0, done.stderr
    for kind in ("*.deb", "*.rpm", "*.tar.gz"):
        [first], [second] = packages.glob(kind), tmp_path.glob(kind)
        assert (first.name, _sum(first)) == (second.name, _sum(second))


# --- what is refused ----------------------------------------------------------------------------------------------------


def test_a_folder_that_is_no_frozen_program_is_refused(tmp_path: Path):
    done = package("package_linux.py", "--payload", str(tmp_path), "--only", "tar")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no frozen program" in done.stderr


def test_a_missing_tool_is_named_with_its_package(frozen: Path, tmp_path: Path):
    (tmp_path / "git").symlink_to(need_program("git"))
    done = package("package_linux.py", "--payload", str(frozen), "--only", "rpm", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "rpmbuild is missing" in done.stderr
    assert "apt-get install rpm" in done.stderr


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
