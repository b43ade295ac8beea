"""The real Secret Service: gnome-keyring in a D-Bus session of its own, with a fresh home for each test (reliability P4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import ROOT, need_program

SECRET = "Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey=aWYgeW91IGNhbiByZWFkIHRoaXM="

#: Far longer than any step here takes; what hangs is ended by it, and that is a failure.
RUN_S = 60.0

PROGRAM = """
import asyncio, json, os, sys, time
from pathlib import Path
from relaydesk.keystore import Keystore, KeystoreError
from relaydesk.snapshot import KeystoreState

async def main():
    said = []
    store = Keystore(Path.home() / "relaydesk" / "keys.sealed", deadline_s=float(os.environ.get("DEADLINE_S", "20")))
    for step in sys.argv[1:]:
        verb, *arguments = step.split(" ")
        if verb == "set":
            arguments.append(os.environ["SECRET"])
        if verb == "choose":
            arguments[0] = KeystoreState[arguments[0]]
        try:
            result = await getattr(store, verb)(*arguments)
        except KeystoreError as error:
            result = f"{type(error).__name__}: {error}"
        said.append([result.name if isinstance(result, KeystoreState) else result, store.state.name])
    return said

print(json.dumps({"said": asyncio.run(main()), "ended_at": time.monotonic()}))
"""

#: A prompter that takes every prompt and never answers: a password dialog that nobody has noticed.
PROMPTER = """
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection("SESSION")
bus.send_and_get_reply(message_bus.RequestName("org.gnome.keyring.SystemPrompter"))
print("ready", flush=True)
while True:
    bus.receive()
"""

UNLOCK = 'printf "%s\\n" "$PASSWORD" | gnome-keyring-daemon --unlock --components=secrets >/dev/null; '
PROMPT = '"$PYTHON" -c "$PROMPTER" > "$HOME/prompter" & until grep -q ready "$HOME/prompter"; do sleep 0.05; done; '
STEPS = '"$PYTHON" -c "$PROGRAM" "$@"; "$PYTHON" -c "import time; print(time.monotonic())"; '


pytestmark = pytest.mark.timeout(5 * RUN_S)  # several sessions a test, each with a deadline of its own


@dataclass
class Home:
    """A user's home, that outlives sessions."""

    folder: Path
    runtime: Path

    def run(
        self, *steps: str, session: str | None = UNLOCK, deadline_s: float = 20.0
    ) -> list[list[str | None]]:
        """Log in, take *steps* in a new process, log out; what each step said and in which state it left the keystore.

        Args:
            session: Shell commands that prepare it; None: there is no D-Bus at all.
            deadline_s: Of the keystore.
        """
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
        environment = {
            **kept,
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PYTHON": sys.executable,
            "PROGRAM": PROGRAM,
            "PROMPTER": PROMPTER,
            "PASSWORD": "of the session",
            "SECRET": SECRET,
            "DEADLINE_S": str(deadline_s),
        }
        shell = ("sh", "-c", (session or "") + STEPS, "sh", *steps)
        ended = subprocess.run(
            shell if session is None else ("dbus-run-session", "--", *shell),
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        result, after = ended.stdout.splitlines()
        # the end of the program was not held up: what lies between is the start of one more interpreter, on a busy machine
        assert float(after) - json.loads(result)["ended_at"] < 10
        said: list[list[str | None]] = json.loads(result)["said"]
        return said

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("rd")  # short: the daemon's socket is in it
    home = Home(folder / "home", folder / "run")
    home.folder.mkdir(mode=0o700)
    home.runtime.mkdir(mode=0o700)
    return home


@pytest.fixture
def session(home: Home) -> Home:
    need_program("dbus-run-session")
    need_program("gnome-keyring-daemon")
    return home


@pytest.mark.slow
@pytest.mark.session
def test_a_key_is_kept_read_back_by_the_next_process_and_forgotten(session: Home):
    assert session.run("set gateway:a", "get gateway:a") == [[None, "SYSTEM"], [SECRET, "SYSTEM"]]
    assert session.run("get gateway:a", "get gateway:b") == [[SECRET, "SYSTEM"], [None, "SYSTEM"]]
    assert session.run("delete gateway:a", "delete gateway:a", "get gateway:a") == [[None, "SYSTEM"]] * 3
    assert session.run("get gateway:a") == [[None, "SYSTEM"]]
    assert not (session.folder / "relaydesk").exists()


@pytest.mark.slow
@pytest.mark.session
def test_it_is_in_no_file_that_can_be_read(session: Home):
    session.run("set gateway:a")
    files = session.files()
    assert any(path.suffix == ".keyring" for path in files)
    assert [path for path, content in files.items() if b"aWYgeW91" in content] == []


@pytest.mark.slow
@pytest.mark.session
def test_a_locked_keyring_is_locked_within_the_deadline_and_holds_up_no_end(session: Home):
    session.run("set gateway:a")
    said = session.run("get gateway:a", "get gateway:a", "try_again", session=PROMPT, deadline_s=1.0)
    assert [state for _, state in said] == ["LOCKED"] * 3
    assert "no answer within 1 s" in str(said[0][0])
    assert "locked, or does not answer" in str(said[1][0])
    assert said[2][0] == "LOCKED"
    assert session.run("get gateway:a") == [[SECRET, "SYSTEM"]]


@pytest.mark.slow
@pytest.mark.session
def test_a_prompt_that_cannot_be_shown_is_locked_too(session: Home):
    session.run("set gateway:a")
    assert session.run("try_again", "get gateway:a", session="")[0] == ["LOCKED", "LOCKED"]


@pytest.mark.slow
@pytest.mark.session
def test_a_session_without_any_keyring_yet_is_locked_until_one_is_made(session: Home):
    assert session.run("try_again", session="") == [["LOCKED", "LOCKED"]]
    assert session.run("try_again") == [["SYSTEM", "SYSTEM"]]


@pytest.mark.slow
def test_without_a_bus_nothing_is_kept_before_a_choice_and_then_it_is(home: Home):
    said = home.run("try_again", "set a", session=None)
    assert said[0] == ["UNDECIDED", "UNDECIDED"]
    assert str(said[1][0]).startswith("KeystoreClosedError: ")
    assert home.files() == {}
    assert home.run("choose SEALED_FILE passphrase", "set a", session=None)[1] == [None, "SEALED_FILE"]
    assert home.run("try_again", "try_again passphrase", "get a", session=None) == [
        ["SEALED_FILE_CLOSED", "SEALED_FILE_CLOSED"],
        ["SEALED_FILE", "SEALED_FILE"],
        [SECRET, "SEALED_FILE"],
    ]
    assert home.run("choose UNTIL_QUIT", "get a", session=None)[1] == [None, "UNTIL_QUIT"]
    files = home.files()
    assert [path.name for path in files] == ["keys.sealed"]
    assert b"aWYgeW91" not in b"".join(files.values())
