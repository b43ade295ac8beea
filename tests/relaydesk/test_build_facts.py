from __future__ import annotations

import json
from pathlib import Path

import pytest

from relaydesk import __version__
from relaydesk.build_facts import MANAGED, BuildFacts, build_facts, read_facts

SAID = {
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "built": "2026-11-27T16:00:00Z",
    "package": "portable",
    "update_url": "https://releases.example.org/versions.json",
    "update_key": "a2V5",
}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """What was frozen, and where the program is."""
    frozen, beside = tmp_path / "_internal", tmp_path
    frozen.mkdir()
    (frozen / "build.json").write_text(json.dumps(SAID), encoding="utf-8")
    return frozen, beside


def test_these_tests_run_in_a_checkout():
    assert build_facts() == BuildFacts(__version__, "checkout")
    assert str(build_facts()) == "checkout"


def test_a_wheel_knows_that_it_is_one(tmp_path: Path):
    assert read_facts(None, tmp_path, {}, is_checkout=False).package == "wheel"


def test_a_frozen_program_says_what_it_was_frozen_from(folders: tuple[Path, Path]):
    facts = read_facts(*folders, {}, is_checkout=False)
    assert facts == BuildFacts(version=__version__, **SAID)
    assert str(facts) == "portable, commit 0123456789ab of 2026-11-27T16:00:00Z"
    assert not facts.is_managed


def test_changes_that_were_not_committed_are_said():
    assert (
        str(BuildFacts("1", "deb", "0123456789abcdef-dirty", "now"))
        == "deb, commit 0123456789ab-dirty of now"
    )


@pytest.mark.parametrize("package", ["deb", "rpm", "setup", "msi"])
def test_who_installed_it_lies_beside_it(folders: tuple[Path, Path], package: str):
    (folders[1] / "installed-by").write_text(f"{package}\n", encoding="utf-8")
    facts = read_facts(*folders, {}, is_checkout=False)
    assert facts.package == package
    assert facts.is_managed == (package in MANAGED) == (package != "setup")


@pytest.mark.parametrize(
    ("environment", "package"),
    [({"FLATPAK_ID": "org.relaydesk.RelayDesk"}, "flatpak"), ({"APPIMAGE": "/a/b.AppImage"}, "appimage")],
)
def test_some_say_it_in_the_environment(
    folders: tuple[Path, Path], environment: dict[str, str], package: str
):
    assert read_facts(*folders, environment, is_checkout=False).package == package


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"commit": 3}', b"\xff"])
def test_a_damaged_file_says_nothing(folders: tuple[Path, Path], content: bytes):
    (folders[0] / "build.json").write_bytes(content)
    assert read_facts(*folders, {}, is_checkout=False) == BuildFacts(__version__, "portable")


@pytest.mark.parametrize("content", [b"\xff", b"a b", b"x" * 41, b""])
def test_a_damaged_word_beside_it_is_none(folders: tuple[Path, Path], content: bytes):
    (folders[1] / "installed-by").write_bytes(content)
    assert read_facts(*folders, {}, is_checkout=False).package == "portable"
