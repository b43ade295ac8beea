"""gateway/private_files.py. Reliability reference P3: modes under any umask, planted links, whole files."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import DataFolderError
from gateway.private_files import ensure_folder, open_private, read_private, write_whole


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=["umask000", "umask022", "umask777"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_made_is_for_its_owner_alone_under_any_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "data"
    ensure_folder(folder)
    write_whole(folder / "key", b"secret")
    os.close(open_private(folder / "lock"))
    write_whole(folder / "ca.pem", b"public", mode=0o644)
    assert mode_of(folder) == 0o700
    assert mode_of(folder / "key") == 0o600
    assert mode_of(folder / "lock") == 0o600
    assert mode_of(folder / "ca.pem") == 0o644
    ensure_folder(folder)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_whole(path, b"secret")
    path.chmod(mode)
    for read in (read_private, open_private):
        with pytest.raises(DataFolderError, match=r"others can read or write .*key.*chmod 600"):
            read(path)


def test_a_symbolic_link_in_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_whole(elsewhere, b"somebody's")
    planted = tmp_path / "key"
    planted.symlink_to(elsewhere)
    for read in (read_private, open_private):
        with pytest.raises(DataFolderError, match="key cannot be used"):
            read(planted)
    write_whole(planted, b"ours")
    assert elsewhere.read_bytes() == b"somebody's"
    assert not planted.is_symlink()
    assert read_private(planted) == b"ours"


def test_a_symbolic_link_to_nothing_makes_nothing_there(tmp_path: Path) -> None:
    planted = tmp_path / "key"
    planted.symlink_to(tmp_path / "made-by-us")
    with pytest.raises(DataFolderError):
        open_private(planted)
    assert not (tmp_path / "made-by-us").exists()


def test_a_hard_link_in_place_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_whole(elsewhere, b"x")
    (tmp_path / "key").hardlink_to(elsewhere)
    for read in (read_private, open_private):
        with pytest.raises(DataFolderError, match="a hard link"):
            read(tmp_path / "key")
    write_whole(tmp_path / "key", b"ours")
    assert elsewhere.read_bytes() == b"x"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "key"
    if kind == "folder":
        path.mkdir(mode=0o700)
    else:
        os.mkfifo(path, 0o600)
    with pytest.raises(DataFolderError):
        read_private(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", b"x")
    os.chown(tmp_path / "key", 65534, 65534)
    with pytest.raises(DataFolderError, match="belongs to another user"):
        read_private(tmp_path / "key")
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(DataFolderError, match="belongs to another user"):
        ensure_folder(tmp_path)


def test_a_folder_that_others_can_use_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(DataFolderError, match=r"others can write to the folder .*chmod go-rwx"):
        ensure_folder(folder)
    folder.chmod(0o755)
    with pytest.raises(DataFolderError, match=r"others can read the folder .*chmod go-rwx"):
        ensure_folder(folder)
    assert mode_of(folder) == 0o755, "whether it was theirs is for its owner to say"
    folder.chmod(0o711)
    ensure_folder(folder)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(DataFolderError, match="is not a folder"):
        ensure_folder(tmp_path / "data")
    with pytest.raises(DataFolderError, match="cannot be used"):
        ensure_folder(tmp_path / "data" / "below")


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert read_private(tmp_path / "missing") is None


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", b"x" * 1_048_577)
    with pytest.raises(DataFolderError, match="more than 1048576 bytes"):
        read_private(tmp_path / "key")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    write_whole(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataFolderError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_the_whole_of_one_state_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_whole(path, b"0" * 10_000)
    seen: set[bytes] = set()
    is_done = threading.Event()

    def read() -> None:
        while not is_done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(100):
        write_whole(path, str(n % 10).encode() * 10_000)
    is_done.set()
    reader.join()
    assert {len(content) for content in seen} == {10_000}
    assert all(len(set(content)) == 1 for content in seen)
