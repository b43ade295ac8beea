"""What is released besides the packages: sums, the list of parts, notes and provenance."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.packaging_scripts import CHECKOUT, load

sums = load("release/sums.py")
notes = load("release/notes.py")
parts = load("release/parts.py")
provenance = load("release/provenance.py")
catalogues = load("release/catalogues.py")
info = load("macos/info.py")
facts = parts.Facts("1.2.3", "0123456789abcdef0123456789abcdef01234567", 1_700_000_000)
PackagingError = parts.PackagingError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder as it is released."""
    folder = tmp_path / "release"
    (folder / "more").mkdir(parents=True)
    (folder / "relaydesk_1.2.3_amd64.deb").write_bytes(b"deb")
    (folder / "RelayDesk 1.2.3.dmg").write_bytes(b"dmg")
    (folder / "more" / "parts.json").write_bytes(b"{}")
    return folder


# --- sums ------------------------------------------------------------------------------------------------------------


def test_sums_are_those_that_sha256sum_checks(release: Path) -> None:
    assert sums.main([str(release)]) == 0
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=release,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "RelayDesk 1.2.3.dmg: OK",
        "more/parts.json: OK",
        "relaydesk_1.2.3_amd64.deb: OK",
    ]


def test_sums_that_are_written_again_stay_the_same(release: Path) -> None:
    first = sums.write(release).read_bytes()
    assert sums.write(release).read_bytes() == first


def test_every_difference_from_the_sums_is_named(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sums.write(release)
    assert sums.main([str(release), "--check"]) == 0
    (release / "RelayDesk 1.2.3.dmg").write_bytes(b"another")
    (release / "relaydesk_1.2.3_amd64.deb").unlink()
    (release / "new.msi").touch()
    capsys.readouterr()
    assert sums.main([str(release), "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "relaydesk_1.2.3_amd64.deb: missing",
        "new.msi: not in SHA256SUMS",
        "RelayDesk 1.2.3.dmg: changed",
    ]


@pytest.mark.parametrize("text", ["no sum", "00  short", f"{'0' * 64}  "])
def test_a_file_that_holds_no_sums_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "SHA256SUMS").write_text(text + "\n")
    with pytest.raises(PackagingError, match="line 1"):
        sums.read(tmp_path / "SHA256SUMS")


def test_a_release_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="holds no files"):
        sums.write(tmp_path)
    with pytest.raises(PackagingError, match="is no folder"):
        sums.write(tmp_path / "none")


def test_a_name_that_sha256sum_would_escape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two\nlines").touch()
    with pytest.raises(PackagingError, match="is no name"):
        sums.write(tmp_path)


# --- notes -----------------------------------------------------------------------------------------------------------

_CHANGELOG = """\
# Changelog

## Unreleased

### Added

* Something to come.

## 0.2.0 (2026-11-30)

### Fixed

* 0.2.0 is not 0.20.

## [0.1.0]

* The first one.

## 0.0.1

### Added
"""


def test_notes_of_a_version_are_its_section_alone() -> None:
    assert notes.section(_CHANGELOG, "0.2.0") == "### Fixed\n\n* 0.2.0 is not 0.20."
    assert notes.section(_CHANGELOG, "0.1.0") == "* The first one."


@pytest.mark.parametrize("version", ["0.2", "2.0", "0x2y0", "0.3.0"])
def test_a_version_without_a_section_has_no_notes(version: str) -> None:
    with pytest.raises(PackagingError, match="has no section"):
        notes.section(_CHANGELOG, version)


def test_headings_alone_are_no_notes() -> None:
    with pytest.raises(PackagingError, match="says nothing"):
        notes.section(_CHANGELOG, "0.0.1")


def test_a_tag_of_another_version_is_refused() -> None:
    assert notes.version_of("v0.2.0", "0.2.0") == "0.2.0"
    for tag in ("0.2.0", "v0.2.1", "v0.2.0-rc1"):
        with pytest.raises(PackagingError, match=r"its tag would be v0\.2\.0"):
            notes.version_of(tag, "0.2.0")


def test_notes_are_printed_for_the_tag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(_CHANGELOG, encoding="utf-8")
    monkeypatch.setattr(notes, "CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setenv("RELAYDESK_VERSION", "0.1.0")
    assert notes.main(["v0.1.0"]) == 0
    assert capsys.readouterr().out == "* The first one.\n"
    assert notes.main(["v0.1.1"]) == 2
    assert "its tag would be v0.1.0" in capsys.readouterr().err


# --- the list of parts -----------------------------------------------------------------------------------------------

_PINS = """\
# made for a test
qasync==0.28.0 \\
    --hash=sha256:bbbb \\
    --hash=sha256:aaaa
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cccc
setuptools==84.2.1 \\
    --hash=sha256:dddd
PyYAML==6.0.4 \\
    --hash=sha256:eeee
"""


@pytest.fixture(scope="module")
def listed() -> dict[str, Any]:
    """The list for this system."""
    found = parts.parts(facts, parts.pins(parts.PINS.read_text(encoding="utf-8")))
    assert isinstance(found, dict)
    return found


def test_pins_of_other_systems_and_tools_that_build_are_no_parts() -> None:
    assert parts.pins(_PINS) == [
        parts.Pin("pyyaml", "6.0.4", ("eeee",)),
        parts.Pin("qasync", "0.28.0", ("aaaa", "bbbb")),
    ]


def test_the_list_fits_the_schema_of_cyclonedx(listed: dict[str, Any]) -> None:
    parts.check(parts.as_text(listed))
    with pytest.raises(PackagingError, match="does not fit"):
        parts.check(parts.as_text(listed | {"serialNumber": "by chance"}))


def test_the_list_names_program_python_qt_and_every_pin(listed: dict[str, Any]) -> None:
    program = listed["metadata"]["component"]
    assert (program["name"], program["version"]) == ("RelayDesk", "1.2.3")
    assert listed["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    named = {each["name"] for each in listed["components"]}
    assert {"Python", "Qt", "OpenSSL", "SQLite", "pyside6-essentials", "websockets", "qasync"} <= named
    assert not named & {"setuptools", "cython", "asyncpg", "nats-py", "pyinstaller", "colorama"}
    versions = {each["name"]: each["version"] for each in listed["components"]}
    assert versions["Qt"] == versions["pyside6-essentials"]
    for each in listed["components"]:
        if each["purl"].startswith("pkg:pypi/"):
            [distribution] = each["externalReferences"]
            assert distribution["hashes"], each["name"]


def test_everything_in_the_list_belongs_to_the_program(listed: dict[str, Any]) -> None:
    holds = {each["ref"]: each["dependsOn"] for each in listed["dependencies"]}
    reached, ahead = set(), [listed["metadata"]["component"]["bom-ref"]]
    while ahead:
        reference = ahead.pop()
        reached.add(reference)
        ahead.extend(holds[reference])
    assert reached == holds.keys()
    assert reached - {listed["metadata"]["component"]["bom-ref"]} == {
        each["bom-ref"] for each in listed["components"]
    }


def test_the_list_of_one_commit_is_always_the_same(listed: dict[str, Any]) -> None:
    pinned = parts.pins(parts.PINS.read_text(encoding="utf-8"))
    assert parts.as_text(parts.parts(facts, pinned)) == parts.as_text(listed)
    other = parts.Facts(facts.version, facts.commit.replace("0", "f"), facts.moment)
    assert parts.parts(other, pinned)["serialNumber"] != listed["serialNumber"]


def test_the_list_names_no_host_that_packages_come_from(listed: dict[str, Any]) -> None:
    hosts = re.findall(r"https?://([^/\"]+)", parts.as_text(listed))
    assert set(hosts) == {"cyclonedx.org"}  # its schema


def test_a_version_that_is_not_the_pinned_one_is_refused() -> None:
    with pytest.raises(PackagingError, match=r"pins 0\.0\.1"):
        parts.parts(facts, [parts.Pin("qasync", "0.0.1", ())])
    with pytest.raises(PackagingError, match="is not installed"):
        parts.parts(facts, [parts.Pin("no-such-package", "1", ())])


def test_what_only_builds_is_kept_out_of_the_program() -> None:
    spec = (CHECKOUT / "build.spec").read_text()
    excluded = re.search(r"^EXCLUDED = \[(.*?)^\]", spec, re.MULTILINE | re.DOTALL)
    assert excluded is not None
    assert {name.lower() for name in re.findall(r'"([\w.]+)"', excluded.group(1))} >= parts.BUILDS_ONLY


# --- provenance ------------------------------------------------------------------------------------------------------

_RUN = {
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/tags/v1.2.3",
    "GITHUB_REPOSITORY": "owner/relaydesk",
    "GITHUB_REPOSITORY_ID": "11",
    "GITHUB_REPOSITORY_OWNER_ID": "22",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_RUN_ID": "33",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_SHA": facts.commit,
    "GITHUB_WORKFLOW_REF": "owner/relaydesk/.github/workflows/release.yml@refs/tags/v1.2.3",
    "RUNNER_ENVIRONMENT": "github-hosted",
}


def test_provenance_is_of_the_files_of_the_sums(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = sums.read(sums.write(release))
    for name, value in _RUN.items():
        monkeypatch.setenv(name, value)
    assert provenance.main([str(release)]) == 0
    said = json.loads((release / "provenance.json").read_text())
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {each["name"]: each["digest"]["sha256"] for each in said["subject"]} == written


def test_provenance_says_from_which_commit_and_by_which_run() -> None:
    predicate = provenance.statement({"file": "00"}, _RUN)["predicate"]
    definition, run = predicate["buildDefinition"], predicate["runDetails"]
    assert definition["externalParameters"]["workflow"] == {
        "ref": "refs/tags/v1.2.3",
        "repository": "https://github.com/owner/relaydesk",
        "path": ".github/workflows/release.yml",
    }
    assert definition["resolvedDependencies"] == [
        {
            "uri": "git+https://github.com/owner/relaydesk@refs/tags/v1.2.3",
            "digest": {"gitCommit": facts.commit},
        }
    ]
    assert run["builder"] == {"id": "https://github.com/actions/runner/github-hosted"}
    assert run["metadata"] == {
        "invocationId": "https://github.com/owner/relaydesk/actions/runs/33/attempts/1"
    }


@pytest.mark.parametrize("name", provenance.NEEDED)
def test_provenance_is_not_made_up_where_something_is_not_known(name: str) -> None:
    with pytest.raises(PackagingError, match=name):
        provenance.statement({}, _RUN | {name: ""})


# --- catalogues ------------------------------------------------------------------------------------------------------

_AT = "https://github.com/owner/relaydesk"
_DIGESTS = {
    "RelayDesk-1.2.3-macos-arm64.dmg": "aa" * 32,
    "RelayDesk-1.2.3-macos-x86_64.dmg": "bb" * 32,
    "RelayDesk-1.2.3-setup.exe": "cc" * 32,
}


def test_homebrew_gets_the_image_for_each_processor() -> None:
    text = catalogues.texts(_DIGESTS, _AT, "1.2.3")["relaydesk.rb"]
    found = re.search(r'url "(.+)"', text)
    assert found is not None
    for brew, own in (("arm", "arm64"), ("intel", "x86_64")):
        url = found.group(1).replace("#{version}", "1.2.3").replace("#{arch}", own)
        name = url.removeprefix(f"{_AT}/releases/download/v1.2.3/")
        assert re.search(rf'{brew}: +"{_DIGESTS[name]}"', text)
        assert f'{brew}: "{own}"' in text
    assert info.OLDEST_MACOS in catalogues.NAMES_OF_MACOS


def test_winget_gets_three_manifests_of_one_package() -> None:
    found = {
        name: yaml.safe_load(text)
        for name, text in catalogues.texts(_DIGESTS, _AT, "1.2.3").items()
        if name.endswith(".yaml")
    }
    assert {said["ManifestType"] for said in found.values()} == {"version", "installer", "defaultLocale"}
    for name, said in found.items():
        assert name.startswith(said["PackageIdentifier"])
        assert said["PackageVersion"] == "1.2.3"
    [installer] = found["RelayDesk.RelayDesk.installer.yaml"]["Installers"]
    assert installer["InstallerUrl"] == f"{_AT}/releases/download/v1.2.3/RelayDesk-1.2.3-setup.exe"
    assert installer["InstallerSha256"] == "CC" * 32


@pytest.mark.parametrize("name", sorted(_DIGESTS))
def test_catalogues_of_half_a_release_are_none(name: str) -> None:
    digests = {other: digest for other, digest in _DIGESTS.items() if other != name}
    with pytest.raises(PackagingError, match="has no files"):
        catalogues.texts(digests, _AT, "1.2.3")


def test_catalogues_are_written_beside_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAYDESK_VERSION", "1.2.3")
    assert catalogues.main([str(tmp_path), "--at", _AT + "/"]) == 2
    assert "has no files" in capsys.readouterr().err
    for name in _DIGESTS:
        (tmp_path / name).touch()
    assert catalogues.main([str(tmp_path), "--at", _AT + "/"]) == 0
    assert "owner/relaydesk/releases/" in (tmp_path / "relaydesk.rb").read_text()


# --- the container image ---------------------------------------------------------------------------------------------


_CONTAINERFILE = CHECKOUT / "packaging" / "Containerfile"


def _copied() -> set[str]:
    """What the container image is made from, of the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", _CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    return {source for line in lines for source in line.split()}


def test_the_container_image_copies_every_folder_that_is_installed_in_it() -> None:
    """It once lacked ``resources``, and could not be built."""
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    folders = re.search(r"^packages = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert folders is not None
    packages = {name.split(".")[0] for name in re.findall(r'"([\w.]+)"', folders.group(1))}
    assert packages | {"resources"} <= _copied()


def test_the_container_image_looks_at_what_was_installed_in_it() -> None:
    """Python without -I imported the copied source, where nothing is compiled."""
    commands = re.findall(r"python (.*)-c \"import", _CONTAINERFILE.read_text(encoding="utf-8"))
    assert commands == ["-I "]


def test_only_what_the_container_image_copies_is_sent_to_its_builder() -> None:
    ignored = _CONTAINERFILE.with_name("Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == _copied()


#: Stands in for docker: it is healthy, stops in order and holds nothing too much, unless a variable says otherwise.
_DOCKER = """\
#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in
    *State.Health*) echo "${HEALTH:-healthy}" ;;
    *State.ExitCode*) echo "${EXIT_CODE:-0}" ;;
    *"id -u") echo "${USER_ID:-10001}" ;;
    *"command -v gcc"*) exit "${COMPILER:-0}" ;;
    *PySide6*) exit "${QT:-0}" ;;
    save*) echo image ;;
esac
"""


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({}, "healthy, and stopped"),
        ({"HEALTH": "unhealthy"}, "its health check says unhealthy"),
        ({"USER_ID": "0"}, "does not run as its own user"),
        ({"COMPILER": "1"}, "holds a compiler"),
        ({"QT": "1"}, "holds Qt"),
        ({"EXIT_CODE": "137"}, "does not stop in order"),
    ],
    ids=lambda found: next(iter(found), "as it should be") if isinstance(found, dict) else None,
)
def test_an_image_that_is_not_as_it_says_is_no_image(
    found: dict[str, str], says: str, tmp_path: Path
) -> None:
    docker, log, kept = tmp_path / "docker", tmp_path / "log", tmp_path / "kept" / "image.tar.gz"
    docker.write_text(_DOCKER)
    docker.chmod(0o755)
    done = subprocess.run(
        ["bash", CHECKOUT / "packaging" / "release" / "image.sh", kept],
        env=os.environ | {"DOCKER": str(docker), "LOG": str(log)} | found,
        capture_output=True,
        text=True,
        check=False,
    )
    assert says in done.stdout + done.stderr
    assert done.returncode == (1 if found else 0), done.stderr
    assert kept.exists() == (not found)
    asked = log.read_text()
    assert "--read-only --tmpfs /tmp --volume /data --cap-drop ALL" in asked
    assert asked.splitlines()[-1].startswith("rm --force --volumes")  # nothing is left behind
