import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import data_folder
from gateway.config import HostPort
from gateway.data_folder import DataFolder
from gateway.errors import DataFolderError
from gateway.private_files import write_whole
from gateway.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from gateway.config import HostPort
from gateway.data_folder import DataFolder

folder = DataFolder(Path(sys.argv[1]))
with folder.locked():
    folder.note_admin_address(HostPort("127.0.0.1", 4321))
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def holder(folder: DataFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_the_second_gateway_on_a_folder_says_which_process_has_it(
    folder: DataFolder, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(DataFolderError, match=rf"another gateway \(process {holder.pid}\) .*{folder.path}"),
        folder.locked(),
    ):
        pass
    assert folder.running_admin_address() == HostPort("127.0.0.1", 4321)


def test_a_killed_gateway_leaves_its_folder_free(folder: DataFolder, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert folder.running_admin_address() is None
    with folder.locked():
        # what the dead one left must not lead commands, and the token, to whoever has that port now
        with pytest.raises(DataFolderError, match="is starting; try again"):
            folder.running_admin_address()
        folder.note_admin_address(HostPort("::1", 1))
        assert folder.running_admin_address() == HostPort("::1", 1)
    assert folder.running_admin_address() is None


def test_who_looks_for_a_gateway_keeps_none_from_starting(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look takes the lock for a moment, and a start in that moment said that another gateway has the folder."""
    with folder.locked():
        pass
    looker = os.open(folder.path / "gateway.lock", os.O_RDWR)
    data_folder._lock(looker)
    waits = []
    monkeypatch.setattr(data_folder.time, "sleep", lambda seconds: waits.append(seconds) or os.close(looker))
    with folder.locked():
        assert len(waits) == 1, "it waited for the look to end, and began then"


def test_two_gateways_of_one_process_are_two_gateways(folder: DataFolder) -> None:
    with (
        folder.locked(),
        pytest.raises(DataFolderError, match="another gateway"),
        DataFolder(folder.path).locked(),
    ):
        pass
    with folder.locked():
        pass


def test_a_folder_nobody_has_used_runs_no_gateway_and_stays_untouched(folder: DataFolder) -> None:
    assert folder.running_admin_address() is None
    assert not folder.path.exists()


def test_a_folder_that_cannot_be_looked_into_is_said(tmp_path: Path) -> None:
    """Path.exists() raises for it; a name that is too long does the same as a missing permission, for root too."""
    too_long = DataFolder(tmp_path / ("x" * 300))
    for ask in (too_long.running_admin_address, too_long.has_data):
        with pytest.raises(DataFolderError, match="cannot be used: File name too long"):
            ask()


def test_a_folder_with_other_things_in_it_is_not_taken(folder: DataFolder) -> None:
    folder.path.mkdir(mode=0o700)
    (folder.path / "passwd").touch()
    with (
        pytest.raises(DataFolderError, match=r"has other things in it \(passwd\) and no gateway's data"),
        folder.locked(),
    ):
        pass
    assert [path.name for path in folder.path.iterdir()] == ["passwd"]
    assert not folder.has_data()


def test_a_folder_with_what_an_operator_brought_is_taken(folder: DataFolder) -> None:
    folder.path.mkdir(mode=0o700)
    write_whole(folder.admin_token_file, b"x" * 32)
    with folder.locked():
        assert folder.admin_token() == "x" * 32
    assert folder.has_data()
    (folder.path / "notes.txt").touch()
    with folder.locked():
        pass


async def test_everything_a_gateway_makes_is_its_owners_alone_under_any_umask(folder: DataFolder) -> None:
    """Reliability reference P3."""
    before = os.umask(0)
    try:
        with folder.locked():
            folder.admin_token()
            folder.note_admin_address(HostPort("127.0.0.1", 1))
            store = SqliteStore(folder.store_file)
            await store.open()
            await store.put("thing", "a", {})
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
            await store.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert set(modes) == {
        "admin-address",
        "admin-token",
        "gateway.db",
        "gateway.db-shm",
        "gateway.db-wal",
        "gateway.lock",
    }
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("name", ["gateway.db", "gateway.db-wal", "gateway.db-shm", "gateway.lock"])
def test_links_in_the_place_of_its_files_are_refused(folder: DataFolder, tmp_path: Path, name: str) -> None:
    with folder.locked():
        pass
    elsewhere = tmp_path / "elsewhere"
    write_whole(elsewhere, b"")
    (folder.path / name).unlink(missing_ok=True)
    (folder.path / name).symlink_to(elsewhere)
    with pytest.raises(DataFolderError), folder.locked():
        pass
    assert elsewhere.read_bytes() == b""


@pytest.mark.parametrize("name", ["gateway.db", "gateway.db-wal", "admin-token"])
def test_files_that_others_can_read_are_refused(folder: DataFolder, name: str) -> None:
    with folder.locked():
        folder.admin_token()
    write_whole(folder.path / name, b"", mode=0o644)
    with pytest.raises(DataFolderError, match="others can read"), folder.locked():
        folder.admin_token()


def test_the_admin_token_is_made_once_with_256_random_bits(folder: DataFolder, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    with folder.locked(), other.locked():
        token = folder.admin_token()
        assert token == folder.admin_token() == DataFolder(folder.path).admin_token()
        assert token != other.admin_token()
    assert len(token) == 43


def test_an_operator_may_bring_a_token_that_is_long_enough(folder: DataFolder) -> None:
    with folder.locked():
        write_whole(folder.admin_token_file, b"x" * 32 + b"\r\n")
        assert folder.admin_token() == "x" * 32


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 20 + b" " + b"x" * 20, b"\xff" * 40, b"x\n" * 20])
def test_a_weak_or_broken_token_is_refused(folder: DataFolder, content: bytes) -> None:
    with folder.locked():
        write_whole(folder.admin_token_file, content)
        with pytest.raises(DataFolderError, match="admin-token holds no token"):
            folder.admin_token()


def test_a_broken_admin_address_is_an_error_and_not_an_address(folder: DataFolder) -> None:
    with folder.locked():
        write_whole(folder.path / "admin-address", b"nonsense")
        with pytest.raises(DataFolderError, match="holds no address"):
            folder.running_admin_address()


def test_where_entities_are_is_remembered(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "gw")
    with folder.locked(has_store=False):
        assert folder.shared_store() is None
        folder.note_shared_store("postgresql://relay@db.test/relay")
    assert folder.shared_store() == "postgresql://relay@db.test/relay"
    assert folder.has_data()
    assert not folder.store_file.exists()
