"""The whole desktop and its keys: with the real Secret Service, a locked one, and none (reliability P4, D1)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from tests.relaydesk.keystore.test_session import PROMPT, PROMPTER
from tests.support.desks import connection_string
from tests.support.driven_desktops import UNLOCK, Home, RefusedError, driven_desktop
from tests.support.gateways import running_gateway
from tests.support.processes import need_program
from tests.support.targets import tcp_target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.below(tmp_path_factory.mktemp("rd"))  # short: sockets are in it


@pytest.fixture
def session(home: Home) -> Home:
    need_program("dbus-run-session")
    need_program("gnome-keyring-daemon")
    return home


def secrets_of(text: str) -> list[str]:
    """What must be nowhere, of a connection string."""
    return [part.partition("=")[2] for part in text.split(";") if part.startswith("SharedAccessKey=")]


@pytest.mark.session
async def test_a_gateway_is_there_after_a_restart_and_its_key_gone_with_it(session: Home):
    async with running_gateway() as gateway:
        text = await connection_string(gateway)
        async with driven_desktop(session, session=UNLOCK) as desktop:
            assert await desktop.ask("add_gateway", text=text, name="Mine") == "Mine"
            assert (await desktop.ask("state"))["keystore"] == "SYSTEM"
        async with driven_desktop(session, session=UNLOCK) as desktop:
            assert await desktop.ask("get", name="Mine") == text
            await desktop.ask("remove_gateway", name="Mine")
        async with driven_desktop(session, session=UNLOCK) as desktop:
            assert (await desktop.ask("state"))["gateways"] == ["This computer"]
            # under the same name again nothing is found
            with pytest.raises(RefusedError, match="not in the keystore"):
                await desktop.ask("get", name="Mine")


@pytest.mark.session
async def test_a_locked_keyring_is_said_by_a_window_that_lives(session: Home):
    async with running_gateway() as gateway, tcp_target() as target:
        text = await connection_string(gateway)
        async with driven_desktop(session, session=UNLOCK) as desktop:
            await desktop.ask("add_gateway", text=text, name="Mine")
            await desktop.ask("expose", target=target.address, name="Database", gateway="Mine")
        locked = {"PROMPTER": PROMPTER}
        async with driven_desktop(session, session=PROMPT, environment=locked) as desktop:
            # while it waits for an answer that nobody gives, the loop goes on
            ticks = await desktop.ask("ticks", seconds=2.0)
            assert ticks["count"] > 50
            await desktop.until(lambda now: now["keystore"] == "LOCKED", "the keystore is locked")
            now = await desktop.until(
                lambda now: now["services"]["Database"]["problem"] is not None, "the service says why"
            )
            assert now["services"]["Database"]["problem"][0] == "KEYSTORE_LOCKED"
            window = await desktop.until(
                lambda shown: any("locked" in text for text in shown["texts"]),
                "the window says so",
                do="window",
            )
            assert window["visible"]
            with pytest.raises(RefusedError, match="KEYSTORE_LOCKED"):
                await desktop.ask("add_gateway", text=text, name="Second")


async def test_without_a_bus_nothing_is_kept_before_a_choice_and_a_sealed_file_keeps_it(home: Home):
    async with running_gateway() as gateway:
        text = await connection_string(gateway)
        async with driven_desktop(home) as desktop:
            await desktop.until(lambda now: now["keystore"] == "UNDECIDED", "there is no keyring")
            with pytest.raises(RefusedError, match="KEYSTORE_LOCKED"):
                await desktop.ask("add_gateway", text=text, name="Mine")
            await desktop.ask("choose_keystore", state="SEALED_FILE", passphrase="correct horse")
            await desktop.ask("add_gateway", text=text, name="Mine")
        async with driven_desktop(home) as desktop:
            await desktop.until(
                lambda now: now["keystore"] == "SEALED_FILE_CLOSED", "it asks for its passphrase"
            )
            await desktop.until(
                lambda shown: any("passphrase" in text.lower() for text in shown["texts"]),
                "the window says so",
                do="window",
            )
    assert not [path for path, content in home.files().items() if secrets_of(text)[0].encode() in content]


@pytest.mark.session
async def test_no_secret_is_in_any_file_log_snapshot_or_process_list(session: Home, tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target:
        text = await connection_string(gateway)
        async with driven_desktop(session, session=UNLOCK) as desktop:
            await desktop.ask("add_gateway", text=text, name="Mine")
            link = await desktop.ask("expose", target=target.address, name="Database", gateway="Mine")
            invitation = await desktop.ask("invite", service="Database")
            local = await desktop.ask("connect", text=invitation)
            assert local.startswith("127.0.0.1:")
            # through the gateway of this computer as well: that is a child
            here = await desktop.ask("expose", target=target.address, name="Second", gateway="This computer")
            own_key = await desktop.ask("get", name="This computer")
            state = await desktop.ask("state")
            processes = await desktop.ask("processes")
            secrets = [
                *secrets_of(text),
                *secrets_of(own_key),
                *(urlsplit(each).fragment or urlsplit(each).query for each in (link, invitation, here)),
            ]
            assert len(secrets) == 5
            assert all(len(secret) > 20 for secret in secrets)
            assert processes["count"] >= 2, "the gateway's process is among them"
            shown = "\n".join([state["repr"], processes["text"], *(await desktop.ask("window"))["texts"]])
            assert [secret for secret in secrets if secret in shown] == []
            await desktop.ask("stop", service="Database")
        written = session.files()
        assert "Database" in session.log() or "database" in session.log(), "the log is looked at"
        # the gateway's own store holds its own keys, for itself alone
        leaks = {
            str(path)
            for path, content in written.items()
            for secret in secrets
            if secret.encode() in content and "gateway" not in path.parts
        }
        assert leaks == set()
        assert [
            str(path) for path in written if path.stat().st_mode & 0o077 and "relaydesk" in path.parts
        ] == []
