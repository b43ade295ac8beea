"""The installers for Windows: made here of a stand-in, run under Wine."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from relaydesk import __version__, autostart, links
from relaydesk.registration import windows_line
from tests.packaging.conftest import OLDER, package
from tests.support.processes import need_program
from tests.support.wine import Wine, wine

pytestmark = [pytest.mark.packaging, pytest.mark.slow, pytest.mark.timeout(400)]

#: Stands in for both programs: notes what it was asked beside its folder.
STAND_IN = r"""
Unicode true
Target amd64-unicode
OutFile "stand-in.exe"
RequestExecutionLevel user
SilentInstall silent
!include "FileFunc.nsh"
Section
    ${GetParameters} $0
    FileOpen $1 "$EXEDIR\..\asked.txt" a
    FileSeek $1 0 END
    FileWrite $1 "$EXEFILE $0$\r$\n"
    FileClose $1
SectionEnd
"""
UNINSTALL = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\RelayDesk"
RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
CLASS = r"HKCU\Software\Classes\relaydesk"
COMMAND = rf"{CLASS}\shell\open\command"
MACHINE_CLASS = r"HKLM\Software\Classes\relaydesk"


@pytest.fixture(scope="module")
def payload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands in for a frozen program: the two programs, and files with names that are hard to say."""
    folder = tmp_path_factory.mktemp("stand-in")
    script = folder / "stand-in.nsi"
    script.write_text(STAND_IN, encoding="utf-8")
    subprocess.run([need_program("makensis"), "-V1", script], check=True, timeout=60)
    made = folder / "payload"
    inside = made / "_internal" / "a b" / "c"
    inside.mkdir(parents=True)
    for name in ("relaydesk.exe", "relaydeskw.exe"):
        shutil.copy(folder / "stand-in.exe", made / name)
    (inside / "ü $file'.txt").write_bytes(b"one\n")
    (inside.parent / "[x];${Y}.dat").write_bytes(bytes(range(256)) * 100)
    (made / "_internal" / "base_library.zip").write_bytes(b"PK")
    (made / "_internal" / "empty").touch()
    return made


@pytest.fixture(scope="module")
def older(payload: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installers of an older version, which had a file more."""
    folder = tmp_path_factory.mktemp("older")
    before = folder / "payload"
    shutil.copytree(payload, before)
    (before / "_internal" / "gone").mkdir()
    (before / "_internal" / "gone" / "gone.txt").write_text("x", encoding="utf-8")
    return build(before, folder / "out", RELAYDESK_VERSION=OLDER)


@pytest.fixture(scope="module")
def made(payload: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installers of this version."""
    return build(payload, tmp_path_factory.mktemp("installers"))


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    """A Windows; each test leaves it as it was."""
    with wine(tmp_path_factory.mktemp("wine") / "prefix") as running:
        yield running


@pytest.fixture
def setup(windows: Wine, made: Path) -> Iterator[Path]:
    """The setup of this version; whatever it installed is gone afterwards."""
    yield made / f"relaydesk-{__version__}-setup.exe"
    uninstaller = folder_of(windows) / "uninstall.exe"
    if uninstaller.exists():
        uninstall(windows, "/REMOVE_SETTINGS=1")
    shutil.rmtree(folder_of(windows), ignore_errors=True)
    windows.run("reg", "delete", CLASS, "/f")
    windows.run("reg", "delete", RUN, "/v", "RelayDesk", "/f")
    (windows.local / "Programs" / "asked.txt").unlink(missing_ok=True)


def build(payload: Path, out: Path, *arguments: str, **environment: str) -> Path:
    """Make all installers of *payload*."""
    for tool in ("wixl", "makensis"):
        need_program(tool)
    done = package(
        "package_windows.py", "--payload", str(payload), "--out", str(out), *arguments, **environment
    )
    assert done.returncode == 0, done.stderr
    return out


def folder_of(windows: Wine) -> Path:
    """Where the setup installs to."""
    return windows.local / "Programs" / "RelayDesk"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, but for those that only an installed program has."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name not in ("uninstall.exe", "installed-by")
    }


def uninstall(windows: Wine, *options: str) -> None:
    """Uninstall without a question, and wait for it: it runs a copy of itself, but for ``_?=``, and stays then."""
    folder = folder_of(windows)
    assert windows.run(folder / "uninstall.exe", "/S", *options, f"_?={windows.windows_path(folder)}") == 0


def command_of(windows: Wine, *arguments: str) -> str:
    """What the page of settings would register."""
    return windows_line([str(windows.windows_path(folder_of(windows) / "relaydeskw.exe")), *arguments])


# --- setup.exe ----------------------------------------------------------------------------------------------------------


def test_setup_installs_for_one_user(windows: Wine, setup: Path, payload: Path):
    assert windows.run(setup, "/S") == 0
    folder = folder_of(windows)
    assert contents(folder) == contents(payload)
    assert (folder / "installed-by").read_text() == "setup\n"
    assert (windows.start_menu / "RelayDesk.lnk").read_bytes().find(b"relaydeskw.exe") > 0
    assert windows.read(COMMAND) == command_of(windows, "%1")
    assert (windows.read(CLASS), windows.read(CLASS, "URL Protocol")) == ("URL:RelayDesk", "")
    assert windows.read(RUN, "RelayDesk") is None  # nothing starts by itself unless it is told to
    said = {name: windows.read(UNINSTALL, name) for name in ("DisplayName", "DisplayVersion", "Publisher")}
    assert said == {
        "DisplayName": "RelayDesk",
        "DisplayVersion": __version__,
        "Publisher": "The RelayDesk authors",
    }
    assert windows.read(UNINSTALL, "QuietUninstallString") == (
        f'"{windows.windows_path(folder / "uninstall.exe")}" /S'
    )
    assert windows.read(UNINSTALL, "InstallLocation") == str(windows.windows_path(folder))


def test_setup_and_settings_page_write_the_same(windows: Wine, setup: Path, monkeypatch: pytest.MonkeyPatch):
    from tests.support.fake_winreg import FakeWinreg

    assert windows.run(setup, "/S", "/LOGIN=1") == 0
    fake = FakeWinreg()
    monkeypatch.setitem(sys.modules, "winreg", fake)
    program = str(windows.windows_path(folder_of(windows) / "relaydeskw.exe"))
    monkeypatch.setattr("relaydesk.links.window_command", lambda *more: [program, *more])
    monkeypatch.setattr("relaydesk.autostart.window_command", lambda *more: [program, *more])
    links.register("win32")
    autostart.enable(is_hidden=True, platform="win32")
    for key, values in fake.keys.items():
        for name, value in values.items():
            assert windows.read(f"HKCU\\{key}", name) == value


def test_setup_does_what_its_switches_say(windows: Wine, setup: Path):
    assert windows.run(setup, "/S", "/SHORTCUT=0", "/LINKS=0", "/LOGIN=1") == 0
    assert not (windows.start_menu / "RelayDesk.lnk").exists()
    assert not windows.has(CLASS)
    assert windows.read(RUN, "RelayDesk") == command_of(windows, "--hidden")


def test_an_upgrade_replaces_the_program_and_nothing_else(
    windows: Wine, setup: Path, older: Path, payload: Path
):
    folder = folder_of(windows)
    settings = windows.local / "relaydesk" / "agent.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("# mine\n")
    assert windows.run(older / f"relaydesk-{OLDER}-setup.exe", "/S", "/LINKS=0") == 0
    assert (folder / "_internal" / "gone" / "gone.txt").exists()
    (folder / "mine.txt").write_text("x")
    windows.write(RUN, "RelayDesk", command_of(windows, "--hidden"))  # chosen in the window

    assert windows.run(setup, "/S") == 0
    assert contents(folder) == {**contents(payload), "mine.txt": b"x"}
    assert not (folder / "_internal" / "gone").exists()
    assert windows.read(UNINSTALL, "DisplayVersion") == __version__
    assert windows.read(RUN, "RelayDesk") == command_of(windows, "--hidden")
    assert not windows.has(CLASS)  # as it was chosen the first time
    assert settings.read_text() == "# mine\n"
    # the desktop that ran was asked to end, by the program that was there
    asked = (windows.local / "Programs" / "asked.txt").read_text().splitlines()
    assert asked[0] == "relaydesk.exe quit"


def test_uninstalling_leaves_what_is_not_the_programs(windows: Wine, setup: Path):
    assert windows.run(setup, "/S", "/LOGIN=1") == 0
    folder = folder_of(windows)
    settings = windows.local / "relaydesk" / "agent.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("# mine\n")
    (folder / "_internal" / "mine.txt").write_text("x")
    uninstall(windows)
    assert contents(folder) == {"_internal/mine.txt": b"x"}
    assert not (windows.start_menu / "RelayDesk.lnk").exists()
    assert not windows.has(UNINSTALL)
    assert not windows.has(CLASS)
    assert windows.read(RUN, "RelayDesk") is None
    assert settings.read_text() == "# mine\n"


def test_uninstalling_removes_settings_where_it_is_told_to(windows: Wine, setup: Path):
    assert windows.run(setup, "/S") == 0
    (windows.local / "relaydesk" / "gateway").mkdir(parents=True, exist_ok=True)
    (windows.local / "relaydesk" / "gateway" / "relay.db").touch()
    uninstall(windows, "/REMOVE_SETTINGS=1")
    assert not (windows.local / "relaydesk").exists()
    assert contents(folder_of(windows)) == {}


def test_uninstalling_leaves_links_and_login_to_another_copy(windows: Wine, setup: Path):
    assert windows.run(setup, "/S") == 0
    other = r'"C:\elsewhere\relaydeskw.exe" "%1"'
    windows.write(COMMAND, "", other)
    windows.write(RUN, "RelayDesk", r'"C:\elsewhere\relaydeskw.exe"')
    uninstall(windows)
    assert windows.read(COMMAND) == other
    assert windows.read(RUN, "RelayDesk") == r'"C:\elsewhere\relaydeskw.exe"'


# --- .msi ---------------------------------------------------------------------------------------------------------------


def test_msi_installs_upgrades_and_goes(windows: Wine, made: Path, older: Path, payload: Path):
    folder = windows.prefix / "drive_c" / "Program Files" / "RelayDesk"
    old, new = older / f"relaydesk-{OLDER}-x64.msi", made / f"relaydesk-{__version__}-x64.msi"
    assert windows.run("msiexec", "/i", old, "/qn") == 0
    assert (folder / "_internal" / "gone" / "gone.txt").exists()
    assert windows.run("msiexec", "/i", new, "/qn") == 0
    assert contents(folder) == contents(payload)
    assert (folder / "installed-by").read_text() == "msi\n"
    program = windows.windows_path(folder / "relaydeskw.exe")
    assert windows.read(rf"{MACHINE_CLASS}\shell\open\command") == windows_line([str(program), "%1"])
    assert list(windows.prefix.rglob("RelayDesk.lnk"))
    assert windows.run("msiexec", "/x", new, "/qn") == 0
    assert not folder.exists()
    assert not windows.has(MACHINE_CLASS)
    assert not list(windows.prefix.rglob("RelayDesk.lnk"))


def test_msi_says_what_it_is(made: Path):
    file = made / f"relaydesk-{__version__}-x64.msi"
    said = subprocess.run(
        [need_program("msiinfo"), "export", file, "Property"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    properties = dict(line.split("\t") for line in said.splitlines()[3:])
    assert properties["ProductVersion"] == __version__
    assert properties["Manufacturer"] == "The RelayDesk authors"
    assert properties["UpgradeCode"] == "{6F2D5C0E-8F0C-5D57-9D4B-3A3C2D9A4C11}"  # for ever
    assert properties["ALLUSERS"] == "1"


# --- .zip, and all three ------------------------------------------------------------------------------------------------


def test_zip_is_the_folder(made: Path, payload: Path, tmp_path: Path):
    with zipfile.ZipFile(made / f"relaydesk-{__version__}-windows-x64.zip") as archive:
        archive.extractall(tmp_path)
    assert contents(tmp_path / f"relaydesk-{__version__}-windows-x64") == contents(payload)


def test_the_same_commit_gives_the_same_installers(made: Path, payload: Path, tmp_path: Path):
    again = build(payload, tmp_path)
    # wixl writes the moment and a chance number into each .msi
    for name in (f"relaydesk-{__version__}-setup.exe", f"relaydesk-{__version__}-windows-x64.zip"):
        assert _sum(again / name) == _sum(made / name)


# --- signing ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """One to be thrown away: PKCS #12, its password, and itself as PEM."""
    folder = tmp_path_factory.mktemp("certificate")
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Throw Away")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(key, hashes.SHA256())
    )
    password = folder / "password"
    password.write_text('it\'s $ecret "x"', encoding="utf-8")
    archive = folder / "certificate.p12"
    archive.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"throw away", key, made, None, BestAvailableEncryption(password.read_bytes())
        )
    )
    pem = folder / "certificate.pem"
    from cryptography.hazmat.primitives.serialization import Encoding

    pem.write_bytes(made.public_bytes(Encoding.PEM))
    return archive, password, pem


def verifies(file: Path, pem: Path) -> bool:
    """Whether *file* is signed by who *pem* is."""
    command = [need_program("osslsigncode"), "verify", "-CAfile", pem, "-in", file]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def test_all_that_is_run_is_signed(
    windows: Wine, payload: Path, setup: Path, certificate: tuple[Path, Path, Path], tmp_path: Path
):
    archive, password, pem = certificate
    out = build(payload, tmp_path, "--sign", str(archive), "--password-file", str(password))
    installer = out / f"relaydesk-{__version__}-setup.exe"
    for file in (installer, out / f"relaydesk-{__version__}-x64.msi"):
        assert verifies(file, pem)
        tampered = tmp_path / f"tampered-{file.name}"
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        tampered.write_bytes(content)
        assert not verifies(tampered, pem)
    assert not verifies(setup, pem)  # nobody signed that one
    # what it installs is signed, too, and so is what uninstalls it
    assert windows.run(installer, "/S") == 0
    for name in ("relaydesk.exe", "relaydeskw.exe", "uninstall.exe"):
        assert verifies(folder_of(windows) / name, pem)


def test_no_password_is_on_a_command_line(payload: Path, certificate: tuple[Path, Path, Path]):
    done = package("package_windows.py", "--payload", str(payload), "--sign", str(certificate[0]))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--password-file" in done.stderr


# --- what is refused ----------------------------------------------------------------------------------------------------


def test_without_a_payload_it_says_where_programs_for_windows_are_frozen():
    done = package("package_windows.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "frozen on Windows" in done.stderr
    assert "--payload" in done.stderr


def test_a_folder_that_is_no_frozen_program_is_refused(tmp_path: Path):
    done = package("package_windows.py", "--payload", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no relaydesk.exe in it" in done.stderr


@pytest.mark.parametrize(("kind", "tool", "name"), [("setup", "makensis", "nsis"), ("msi", "wixl", "wixl")])
def test_a_missing_tool_is_named_with_its_package(
    payload: Path, tmp_path: Path, kind: str, tool: str, name: str
):
    done = package("package_windows.py", "--payload", str(payload), "--only", kind, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tool} is missing" in done.stderr
    assert f"apt-get install {name}" in done.stderr


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
