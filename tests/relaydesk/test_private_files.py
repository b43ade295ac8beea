"""relaydesk/private_files.py. Reliability reference P3: modes under any umask, planted links, whole files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from relaydesk.private_files import (
    PrivateFileError,
    ensure_private_folder,
    put_aside,
    read_private,
    write_private,
)


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=["umask000", "umask022", "umask777"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_made_is_for_its_owner_alone_under_any_umask(tmp_path: Path, umask: int):
    folder = tmp_path / "relaydesk"
    ensure_private_folder(folder)
    write_private(folder / "keys", b"secret")
    assert (mode_of(folder), mode_of(folder / "keys")) == (0o700, 0o600)
    write_private(folder / "keys", b"newer")
    assert read_private(folder / "keys") == b"newer"
    assert mode_of(folder / "keys") == 0o600
    aside = put_aside(folder / "keys")
    assert mode_of(aside) == 0o600
    ensure_private_folder(folder)
    assert list(folder.iterdir()) == [aside]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int):
    write_private(tmp_path / "keys", b"secret")
    (tmp_path / "keys").chmod(mode)
    with pytest.raises(PrivateFileError, match=r"others can read or write .*keys.*chmod 600"):
        read_private(tmp_path / "keys")


def test_a_symbolic_link_in_place_is_not_followed(tmp_path: Path):
    write_private(tmp_path / "elsewhere", b"somebody's")
    planted = tmp_path / "keys"
    planted.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivateFileError, match="keys cannot be used"):
        read_private(planted)
    write_private(planted, b"ours")
    assert not planted.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"somebody's"


def test_a_hard_link_in_place_is_refused_and_not_written_through(tmp_path: Path):
    write_private(tmp_path / "elsewhere", b"somebody's")
    (tmp_path / "keys").hardlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivateFileError, match="a hard link"):
        read_private(tmp_path / "keys")
    write_private(tmp_path / "keys", b"ours")
    assert (tmp_path / "elsewhere").read_bytes() == b"somebody's"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path, kind: str):
    path = tmp_path / "keys"
    if kind == "folder":
        path.mkdir(mode=0o700)
    else:
        os.mkfifo(path, 0o600)
    with pytest.raises(PrivateFileError):
        read_private(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(tmp_path: Path):
    write_private(tmp_path / "keys", b"x")
    os.chown(tmp_path / "keys", 65534, 65534)
    with pytest.raises(PrivateFileError, match="belongs to another user"):
        read_private(tmp_path / "keys")
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(PrivateFileError, match="belongs to another user"):
        ensure_private_folder(tmp_path)


def test_a_folder_into_which_others_can_put_things_is_refused(tmp_path: Path):
    tmp_path.chmod(0o770)
    with pytest.raises(PrivateFileError, match=r"others can write to the folder .*chmod go-w"):
        ensure_private_folder(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "relaydesk").write_text("x")
    with pytest.raises(PrivateFileError, match="is not a folder"):
        ensure_private_folder(tmp_path / "relaydesk")
    with pytest.raises(PrivateFileError, match="cannot be used"):
        ensure_private_folder(tmp_path / "relaydesk" / "below")


def test_no_file_is_no_error_and_a_large_one_is(tmp_path: Path):
    assert read_private(tmp_path / "keys") is None
    write_private(tmp_path / "keys", b"x" * 1_048_577)
    with pytest.raises(PrivateFileError, match="more than 1048576 bytes"):
        read_private(tmp_path / "keys")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "keys"
    write_private(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PrivateFileError, match="No space left on device"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_put_aside_is_never_replaced(tmp_path: Path):
    names = []
    for content in (b"first", b"second"):
        write_private(tmp_path / "keys", content)
        names.append(put_aside(tmp_path / "keys").name)
    assert names == ["keys.damaged-1", "keys.damaged-2"]
    assert (tmp_path / "keys.damaged-1").read_bytes() == b"first"
    with pytest.raises(PrivateFileError):
        put_aside(tmp_path / "keys")
    assert not (tmp_path / "keys.damaged-3").exists(), "where there was nothing to move nothing is left"
