"""The packages for macOS, as far as they can be looked at elsewhere: nothing here runs codesign, hdiutil or notarytool."""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path

import pytest

from tests.support.packaging_scripts import CHECKOUT, PACKAGING, load

package_macos = load("package_macos.py")
info = load("macos/info.py")
PackagingError = package_macos.PackagingError

_THIN = b"\xcf\xfa\xed\xfe" + bytes(28)
_FAT = b"\xca\xfe\xba\xbe" + bytes(28)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A bundle as PyInstaller lays it out: code below Frameworks, data below Resources, links from one to the other."""
    app = tmp_path / "RelayDesk.app"
    contents = app / "Contents"
    files = {
        "MacOS/relaydesk": _THIN,
        "Frameworks/libcrypto.3.dylib": _FAT,
        "Frameworks/lib-dynload/_ssl.cpython-311-darwin.so": _THIN,
        "Frameworks/Python.framework/Versions/3.11/Python": _FAT,
        "Frameworks/Python.framework/Versions/3.11/Resources/Info.plist": b"<plist/>",
        "Frameworks/PySide6/QtCore.abi3.so": _THIN,
        "Frameworks/PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore": _FAT,
        "Frameworks/PySide6/Qt/lib/QtCore.framework/Versions/A/Helpers/helper": _THIN,
        "Frameworks/PySide6/Qt/plugins/platforms/libqcocoa.dylib": _FAT,
        "Resources/resources/icons/relaydesk.svg": b"<svg/>",
        "Resources/empty": b"",
    }
    for name, content in files.items():
        file = contents / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (contents / "Info.plist").write_bytes(
        plistlib.dumps({"CFBundleExecutable": "relaydesk", **info.info_plist("1.2.3")})
    )
    for framework, version in (("Python", "3.11"), ("PySide6/Qt/lib/QtCore", "A")):
        folder = contents / "Frameworks" / f"{framework}.framework"
        (folder / "Versions" / "Current").symlink_to(version)
        (folder / folder.stem).symlink_to(f"Versions/Current/{folder.stem}")
    (contents / "Frameworks" / "Python").symlink_to("Python.framework/Versions/3.11/Python")
    (contents / "Resources" / "libcrypto.3.dylib").symlink_to("../Frameworks/libcrypto.3.dylib")
    (contents / "Resources" / "PySide6").symlink_to("../Frameworks/PySide6")
    return app


def _names(app: Path) -> list[str]:
    return [path.relative_to(app.parent).as_posix() for path in package_macos.signing_order(app)]


def test_all_code_is_signed_once_and_nothing_else(app: Path) -> None:
    frameworks = "RelayDesk.app/Contents/Frameworks"
    names = _names(app)
    assert sorted(names) == sorted(
        [
            "RelayDesk.app",  # with its program
            f"{frameworks}/libcrypto.3.dylib",
            f"{frameworks}/lib-dynload/_ssl.cpython-311-darwin.so",
            f"{frameworks}/Python.framework/Versions/3.11",  # with the library that it is about
            f"{frameworks}/PySide6/QtCore.abi3.so",
            f"{frameworks}/PySide6/Qt/lib/QtCore.framework/Versions/A",
            f"{frameworks}/PySide6/Qt/lib/QtCore.framework/Versions/A/Helpers/helper",
            f"{frameworks}/PySide6/Qt/plugins/platforms/libqcocoa.dylib",
        ]
    )


def test_what_is_inside_is_signed_before_what_it_is_in(app: Path) -> None:
    order = package_macos.signing_order(app)
    for index, path in enumerate(order):
        assert not any(later.is_relative_to(path) for later in order[index + 1 :]), path
    assert order[-1] == app


def test_a_framework_of_one_version_is_signed_as_it_is(app: Path) -> None:
    flat = app / "Contents" / "Frameworks" / "Flat.framework"
    flat.mkdir()
    (flat / "Flat").write_bytes(_THIN)
    names = _names(app)
    assert "RelayDesk.app/Contents/Frameworks/Flat.framework" in names
    assert "RelayDesk.app/Contents/Frameworks/Flat.framework/Flat" not in names


def test_every_signature_has_the_hardened_runtime_and_the_program_its_entitlements(app: Path) -> None:
    signing = package_macos.Signing("Developer ID Application: Somebody (TEAM)", keychain="/k.keychain-db")
    commands = package_macos.sign_commands(app, signing)
    for command in commands:
        assert command[:3] == ["codesign", "--sign", signing.identity]
        assert command[command.index("--options") + 1] == "runtime"
        assert command[command.index("--keychain") + 1] == "/k.keychain-db"
        assert "--timestamp" in command
        assert "--deep" not in command  # which would give everything the entitlements of the program
    assert [command[-1] for command in commands if "--entitlements" in command] == [str(app)]
    assert Path(commands[-1][commands[-1].index("--entitlements") + 1]).is_file()


def test_entitlements_are_none_as_the_document_says() -> None:
    content = (PACKAGING / "macos" / "entitlements.plist").read_bytes()
    assert plistlib.loads(content) == {}
    assert b"<!--" not in content  # codesign refuses comments
    assert "(macos/entitlements.plist is empty" in (package_macos.__doc__ or "")


def test_importing_ctypes_makes_no_code() -> None:
    """The reason for which no entitlement is needed: CPython 3.14 makes a callback there, ours does not."""
    import ctypes
    import inspect

    source = inspect.getsource(ctypes)
    assert "CFUNCTYPE(c_int)(lambda" not in source
    for package in ("keyring/backends/macOS", "psutil"):
        [folder] = [Path(entry) / package for entry in sys.path if (Path(entry) / package).is_dir()]
        for file in folder.rglob("*.py"):
            assert "CFUNCTYPE" not in file.read_text(encoding="utf-8"), file


def test_the_bundle_is_found_by_links_in_its_languages_and_on_the_systems_of_qt() -> None:
    found = info.info_plist("1.2.3")
    assert plistlib.loads(plistlib.dumps(found)) == found
    assert found["CFBundleIdentifier"] == "org.relaydesk.RelayDesk"
    assert found["CFBundleShortVersionString"] == found["CFBundleVersion"] == "1.2.3"
    [links] = found["CFBundleURLTypes"]
    assert links["CFBundleURLSchemes"] == ["relaydesk"]
    assert found["LSMinimumSystemVersion"] == "13.0"
    assert found["NSHighResolutionCapable"] is True
    assert found["NSLocalNetworkUsageDescription"]
    translated = {file.stem.partition("_")[2] for file in (CHECKOUT / "resources").rglob("*.ts")}
    assert {language.partition("_")[0] for language in translated} | {"en"} == set(
        found["CFBundleLocalizations"]
    )


def test_a_program_with_a_console_is_still_one_with_windows() -> None:
    """PyInstaller says LSBackgroundOnly of bundles whose program has a console; ours has one for the command line."""
    found = info.info_plist("1.2.3")
    assert found["LSBackgroundOnly"] is False
    assert found["LSUIElement"] is False


def test_a_disk_image_has_the_bundle_and_where_it_goes(tmp_path: Path) -> None:
    app, image = Path("dist/RelayDesk.app"), Path("dist/RelayDesk.dmg")
    copy, create, verify = package_macos.image_commands(app, tmp_path, image, "1.2.3")
    assert copy == ["ditto", "dist/RelayDesk.app", str(tmp_path / "RelayDesk.app")]
    assert create[:2] == ["hdiutil", "create"]
    assert create[create.index("-volname") + 1] == "RelayDesk 1.2.3"
    assert create[create.index("-srcfolder") + 1] == str(tmp_path)
    assert create[-1] == "dist/RelayDesk.dmg"
    assert verify == ["hdiutil", "verify", "dist/RelayDesk.dmg"]


def _recorded(app: Path, signing: object, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be run, by the names of commands and files."""
    ran: list[str] = []

    def run(command: list[str], **_: object) -> object:
        file = next(word for word in reversed(command) if Path(word).suffix in {".app", ".dmg", ".zip"})
        ran.append(f"{' '.join(command[1:3]) if command[0] == 'xcrun' else command[0]} {Path(file).suffix}")
        return package_macos.subprocess.CompletedProcess(command, 0, '{"id": "1", "status": "Accepted"}')

    monkeypatch.setattr(package_macos.subprocess, "run", run)
    monkeypatch.setattr(package_macos, "read_facts", lambda: type("Facts", (), {"version": "1.2.3"}))
    monkeypatch.setattr(package_macos, "DIST", app.parent)
    monkeypatch.setattr(package_macos, "BUILD", app.parent / "build")
    monkeypatch.setattr(package_macos, "sign_commands", lambda app, signing: [["codesign", str(app)]])
    files = package_macos.make(app, signing)
    assert [file.suffix for file in files] == [".dmg", ".zip"]
    return ran


def test_tickets_are_stapled_before_the_packages_are_made(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signing = package_macos.Signing("identity", "profile")
    assert _recorded(app, signing, monkeypatch) == [
        *("codesign .app", "codesign .app"),  # sign, verify
        *(
            "ditto .zip",
            "notarytool submit .zip",
            "stapler staple .app",
            "stapler validate .app",
            "spctl .app",
        ),
        "ditto .zip",
        *("ditto .app", "hdiutil .dmg", "hdiutil .dmg"),
        *("codesign .dmg", "notarytool submit .dmg", "stapler staple .dmg", "stapler validate .dmg"),
    ]


def test_without_an_identity_it_is_packed_only(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _recorded(app, None, monkeypatch) == ["ditto .zip", "ditto .app", "hdiutil .dmg", "hdiutil .dmg"]


def test_the_notary_is_believed_only_where_it_accepts() -> None:
    assert package_macos.accepted('{"id": "12", "status": "Accepted"}') == "12"
    with pytest.raises(PackagingError, match="says Invalid; its reasons: xcrun notarytool log 12"):
        package_macos.accepted('{"id": "12", "status": "Invalid"}')
    for answer in ("", "[]", "{}", "Error: no network"):
        with pytest.raises(PackagingError, match="answer is none"):
            package_macos.accepted(answer)


def test_the_notary_is_asked_with_stored_credentials() -> None:
    command = package_macos.notary_command(Path("a.zip"), package_macos.Signing("i", "profile", "/k"))
    assert command[:4] == ["xcrun", "notarytool", "submit", "a.zip"]
    assert command[command.index("--keychain-profile") + 1] == "profile"
    assert command[command.index("--keychain") + 1] == "/k"
    assert "--wait" in command


def test_a_bundle_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="make package-macos"):
        package_macos.check(tmp_path / "RelayDesk.app")


def test_a_bundle_without_its_program_is_refused(app: Path) -> None:
    package_macos.check(app)
    (app / "Contents" / "MacOS" / "relaydesk").unlink()
    with pytest.raises(PackagingError, match="lacks its program, Contents/MacOS/relaydesk"):
        package_macos.check(app)


@pytest.mark.skipif(sys.platform == "darwin", reason="there it would make them")
def test_elsewhere_it_says_where_it_can_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert package_macos.main([]) == 2
    assert "are made on macOS" in capsys.readouterr().err
    assert package_macos.main(["--notarise", "profile"]) == 2
    assert "--notarise needs --sign" in capsys.readouterr().err
