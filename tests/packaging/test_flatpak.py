"""The Flatpak, as far as it can be looked at without its runtime, which is a download."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.packaging_scripts import CHECKOUT, PACKAGING, load

facts = load("facts.py")
icons = load("icons.py")
MANIFEST = PACKAGING / "flatpak" / f"{facts.APPLICATION_ID}.yaml"

#: Made by building, and by what: everything else must be in the checkout.
_BUILT = {
    CHECKOUT / "dist" / "relaydesk",
    *(CHECKOUT / "build" / "icons" / f"relaydesk-{size}.png" for size in icons.SIZES),
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def module(manifest: dict[str, Any]) -> dict[str, Any]:
    [found] = manifest["modules"]
    assert isinstance(found, dict)
    return found


def test_it_is_known_by_the_name_of_the_other_packages(manifest: dict[str, Any]) -> None:
    assert manifest["id"] == facts.APPLICATION_ID
    assert manifest["command"] == "relaydesk"
    assert manifest["runtime-version"] == str(manifest["runtime-version"])  # 6.10 is no number


def test_it_is_allowed_what_it_uses_and_no_more(manifest: dict[str, Any]) -> None:
    assert sorted(manifest["finish-args"]) == [
        "--filesystem=xdg-run/relaydesk:create",
        "--share=ipc",
        "--share=network",
        "--socket=fallback-x11",
        "--socket=wayland",
        "--talk-name=org.freedesktop.Notifications",
        "--talk-name=org.freedesktop.secrets",
        "--talk-name=org.kde.StatusNotifierWatcher",
    ]


def test_every_start_finds_the_socket_of_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each start is a sandbox with a runtime folder of its own, but for what the manifest shares."""
    from relaydesk.ipc import default_place

    (tmp_path / "relaydesk").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_place().folder == tmp_path / "relaydesk"


def test_what_it_is_made_from_is_there(module: dict[str, Any]) -> None:
    for source in module["sources"]:
        path = (MANIFEST.parent / source["path"]).resolve()
        assert path in _BUILT or path.exists(), source["path"]


def test_its_commands_install_all_of_it(module: dict[str, Any]) -> None:
    given = {source.get("dest") or Path(source["path"]).name for source in module["sources"]}
    used = set()
    for line in module["build-commands"]:
        command, *words = shlex.split(line)
        assert command in {"mkdir", "cp", "ln", "install"}, line
        used |= {word for word in words if word in given}
    assert used == given


def test_what_it_renames_is_what_it_installs(manifest: dict[str, Any], module: dict[str, Any]) -> None:
    commands = "\n".join(module["build-commands"])
    assert f"/app/share/applications {manifest['rename-desktop-file']}" in commands
    for size in ("scalable/apps/{}.svg", "128x128/apps/{}.png", "256x256/apps/{}.png"):
        assert f"/app/share/icons/hicolor/{size.format(manifest['rename-icon'])}" in commands


def test_the_start_menu_names_no_place_outside_the_sandbox() -> None:
    lines = (PACKAGING / "linux" / "relaydesk.desktop").read_text(encoding="utf-8").splitlines()
    starts = [line.partition("=")[2] for line in lines if line.startswith(("Exec=", "TryExec="))]
    assert starts
    for command in starts:
        assert command.split()[0] == "relaydesk"
