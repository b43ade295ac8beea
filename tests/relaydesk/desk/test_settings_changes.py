"""Settings that people change while the desktop runs, and files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from relaydesk.actions import ActionError, ExposeRequest
from relaydesk.ports import PortKind
from relaydesk.settings_file import SettingsError
from relaydesk.snapshot import ServiceState, Trouble
from tests.support.desks import connection_string, running_desk
from tests.support.gateways import running_gateway
from tests.support.targets import tcp_target

pytestmark = [pytest.mark.slow, pytest.mark.allow_log_warnings("is reached without TLS")]


async def test_a_change_by_hand_is_picked_up(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await desk.until_state("Database", ServiceState.ONLINE)
        file = desk.settings.files[0]
        file.write_text(file.read_text() + "paused = true # for the weekend\n")
        await desk.until_state("Database", ServiceState.PAUSED)
        await desk.actions.resume("Database")
        await desk.until_state("Database", ServiceState.ONLINE)
        assert "target" in file.read_text()


@pytest.mark.expect_log_warnings("is not TOML")
async def test_a_slip_of_the_hand_is_said_and_nothing_stops(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await desk.until_state("Database", ServiceState.ONLINE)
        file = desk.settings.files[0]
        good = file.read_text()
        file.write_text(good + "[[connections\n")
        await desk.until(lambda now: now.problem is not None, "it is said")
        assert desk.now.problem is not None
        assert desk.now.problem.trouble is Trouble.CONFIG
        assert desk.service("Database").state is ServiceState.ONLINE
        with pytest.raises(ActionError, match="is not TOML"):
            await desk.actions.pause("Database")
        assert file.read_text().endswith("[[connections\n"), "what somebody is writing is not written over"
        file.write_text(good)
        await desk.until(lambda now: now.problem is None, "all is well again")


@pytest.mark.expect_log_warnings("is not TOML")
async def test_a_file_that_cannot_be_read_at_the_start_is_kept_aside(tmp_path: Path):
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "agent.toml").write_text("[[connections")
    async with running_desk(tmp_path) as desk:
        await desk.until(lambda now: now.problem is not None, "it is said")
        assert desk.now.problem is not None
        assert "agent.toml.broken-1" in desk.now.problem.cause
        assert (folder / "agent.toml.broken-1").read_text() == "[[connections"
        assert desk.now.services == ()


async def test_a_click_right_after_a_change_by_hand_keeps_it(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        file = desk.settings.files[0]
        file.write_text(file.read_text() + "max_connections = 7\n")
        await desk.actions.pause("Database")
        assert "max_connections = 7" in file.read_text()
        assert "paused = true" in file.read_text()


async def test_a_change_by_hand_in_the_middle_of_an_action_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        file = desk.settings.files[0]

        async def meanwhile(*_: object) -> PortKind:
            file.write_text("[deadlines]\nconnect_s = 7  # by hand\n")
            return PortKind.STREAM

        monkeypatch.setattr("relaydesk.desk.desk.guess_kind", meanwhile)
        with pytest.raises(ActionError, match="changed by hand in the same moment; do it again"):
            await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        assert file.read_text() == "[deadlines]\nconnect_s = 7  # by hand\n"
        monkeypatch.undo()
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        assert "connect_s = 7  # by hand" in file.read_text()
        await desk.until_state("Database", ServiceState.ONLINE)


async def test_what_can_be_written_only_in_part_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A disk that fills up between the two files."""

    def full(config: object) -> None:
        raise SettingsError("cannot write desktop.toml: No space left on device")

    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        agent = desk.settings.files[0]
        with monkeypatch.context() as patch:
            patch.setattr(desk.settings, "save_desktop", full)
            with pytest.raises(ActionError, match="No space left") as caught:
                await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        assert caught.value.problem.trouble is Trouble.DISK
        assert desk.now.services == ()
        assert "Database" not in agent.read_text(), "what was written of it is taken back"
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await desk.until_state("Database", ServiceState.ONLINE)


@pytest.mark.allow_log_warnings("ca_file", "cannot be used", "stays")
async def test_a_certificate_that_cannot_be_read_is_said_and_nothing_ends(tmp_path: Path):
    """The settings are right as such; only the agent finds that it cannot serve them."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "ca.pem").write_text("no certificate")
    (folder / "agent.toml").write_text(f'[network]\nca_file = "{folder / "ca.pem"}"\n')
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.until(lambda now: now.problem is not None, "it is said")
        assert desk.now.problem is not None
        assert desk.now.problem.trouble is Trouble.CONFIG
        (folder / "agent.toml").write_text("")
        await desk.until(lambda now: now.problem is None, "all is well again")
        await desk.actions.add_gateway(await connection_string(gateway))
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await desk.until_state("Database", ServiceState.ONLINE)
        good = (folder / "agent.toml").read_text()
        (folder / "agent.toml").write_text(f'[network]\nca_file = "{folder / "ca.pem"}"\n\n{good}')
        await desk.until(lambda now: now.problem is not None, "it is said")
        assert desk.service("Database").state is ServiceState.ONLINE
