"""What is signed for a release is what every copy believes, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import stat
import subprocess
from pathlib import Path

import pytest

from relaydesk import __version__
from relaydesk.updates.manifest import UpdateError, read_manifest
from tests.packaging.conftest import package

URLS = {
    "RELAYDESK_RELEASE_URL": "https://releases.example.org/v1",
    "RELAYDESK_NOTES_URL": "https://releases.example.org/notes",
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with packages."""
    folder = tmp_path / "release"
    folder.mkdir()
    for name in (f"relaydesk-{__version__}-setup.exe", f"relaydesk_{__version__}_amd64.deb", "SHA256SUMS"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def sign(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return package("release/sign_versions.py", *arguments, **environment)


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    """A new private key, and its public half."""
    file = tmp_path / "key.pem"
    done = sign("--new-key", str(file))
    assert done.returncode == 0, done.stderr
    return file, done.stdout.strip()


def test_what_it_signs_is_believed_and_one_changed_byte_is_not(release: Path, key: tuple[Path, str]):
    assert stat.S_IMODE(key[0].stat().st_mode) == 0o600
    done = sign(
        str(release),
        **URLS,
        RELAYDESK_UPDATE_PRIVATE_KEY=key[0].read_text("utf-8"),
        RELAYDESK_UPDATE_KEY=key[1],
    )
    assert done.returncode == 0, done.stderr
    content = (release / "versions.json").read_bytes()
    signature = (release / "versions.json.sig").read_bytes()
    now = dt.datetime.now(dt.UTC)
    manifest = read_manifest(content, signature, key[1], now=now, newest_seen=None)
    assert manifest.version == __version__
    # the .deb is its system's to bring
    assert [file.package for file in manifest.files] == ["setup"]
    assert manifest.files[0].url == f"https://releases.example.org/v1/relaydesk-{__version__}-setup.exe"
    with pytest.raises(UpdateError, match="not signed"):
        read_manifest(content.replace(b"setup", b"setub"), signature, key[1], now=now, newest_seen=None)


def test_a_key_that_no_copy_believes_is_refused(release: Path, key: tuple[Path, str]):
    done = sign(str(release), "--key", str(key[0]), **URLS, RELAYDESK_UPDATE_KEY="another")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no copy would believe" in done.stderr
    assert not (release / "versions.json").exists()


def test_a_key_is_never_written_over(key: tuple[Path, str]):
    before = key[0].read_bytes()
    done = sign("--new-key", str(key[0]))
    assert done.returncode == 2
    assert "cannot be made" in done.stderr
    assert key[0].read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [((), "the private key is missing"), (("--key", "/nonexistent"), "cannot be read")],
)
def test_without_a_key_it_says_so(release: Path, arguments: tuple[str, ...], cause: str):
    done = (
        sign(str(release), *arguments, **URLS, RELAYDESK_UPDATE_PRIVATE_KEY="")
        if arguments
        else sign(str(release), **URLS)
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert cause in done.stderr


def test_an_address_that_is_missing_is_named(release: Path, key: tuple[Path, str]):
    done = sign(str(release), "--key", str(key[0]))
    assert done.returncode == 2
    assert "RELAYDESK_NOTES_URL is missing" in done.stderr
    assert json.dumps(key[0].read_text("utf-8")) not in done.stderr
