"""The desktop's settings: what is written can be read, and what people wrote stays."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.config import AgentConfig, ConnectionConfig, Credential, Direction, LocalAddress, NetworkConfig
from agent.config_file import load_config
from agent.targets import parse_target
from relaydesk.actions import Reach
from relaydesk.preferences import Preferences, Theme, Who
from relaydesk.settings import DesktopConfig, GatewayNote, ServiceNote, Settings, unique_name
from relaydesk.settings_file import SettingsError

WEB = ConnectionConfig(
    name="Storefront",
    path="storefront",
    target=parse_target("http://127.0.0.1:3000"),
    credential=Credential(keystore="gateway:contoso"),
    keep_host=True,
)
DATABASE = ConnectionConfig(
    name="Orders",
    path="orders",
    direction=Direction.CONNECT,
    local=LocalAddress("127.0.0.1", 5432),
    credential=Credential(keystore="invitation:1"),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


def test_nothing_is_there_at_first(settings: Settings):
    assert settings.load_agent() == AgentConfig()
    assert settings.load_desktop() == DesktopConfig()
    assert not settings.folder.exists(), "reading makes nothing"


def test_what_is_shared_comes_back_as_it_was(settings: Settings):
    config = AgentConfig(connections=(WEB, DATABASE))
    settings.save_agent(config)
    assert settings.load_agent() == config
    assert load_config(settings.files[0]) == config, "the headless agent reads the same file"


@pytest.mark.parametrize(
    "config",
    [
        DesktopConfig(),
        DesktopConfig(preferences=Preferences(theme=Theme.HIGH_CONTRAST, who=Who.KEY, lifetime_s=None)),
        DesktopConfig(
            reach=Reach.NETWORK,
            gateways=(
                GatewayNote(name="contoso", address="contoso.example:443", rights=("Listen", "Send")),
                GatewayNote(name="other", address="192.0.2.1:80", is_secure=False, path="hyco"),
            ),
            services=(ServiceNote(name="Storefront", gateway="contoso", is_web=True),),
        ),
    ],
)
def test_what_was_chosen_comes_back_as_it_was(settings: Settings, config: DesktopConfig):
    settings.save_desktop(config)
    assert settings.load_desktop() == config


def test_comments_order_and_what_did_not_change_are_kept(settings: Settings):
    settings.folder.mkdir()
    written = (
        "# mine\n"
        "[network]\n"
        'proxy = "none" # no proxy here\n'
        "\n"
        "[[connections]] # the shop\n"
        'name = "Storefront"\n'
        "keep_host = true # it looks at Host\n"
        'path = "storefront"\n'
        'target = "http://127.0.0.1:3000"\n'
        'credential = { keystore = "gateway:contoso" }\n'
    )
    settings.files[0].write_text(written)
    config = settings.load_agent()
    assert config == AgentConfig(connections=(WEB,), network=NetworkConfig(proxy="none"))
    settings.save_agent(config)
    assert settings.files[0].read_text() == written
    settings.save_agent(AgentConfig(connections=(WEB, DATABASE), network=config.network))
    text = settings.files[0].read_text()
    assert text.startswith(written)
    assert settings.load_agent().connections == (WEB, DATABASE)
    settings.save_agent(AgentConfig(connections=(DATABASE,), network=config.network))
    text = settings.files[0].read_text()
    assert "# no proxy here" in text
    assert "Storefront" not in text
    settings.save_agent(AgentConfig(network=config.network))
    assert settings.load_agent() == AgentConfig(network=config.network)


def test_a_change_by_hand_is_noticed_and_ones_own_is_not(settings: Settings):
    settings.save_agent(AgentConfig(connections=(WEB,)))
    settings.load_desktop()
    assert not settings.have_changed()
    settings.files[0].write_text(settings.files[0].read_text() + "# by hand\n")
    assert settings.have_changed()
    settings.load_agent()
    assert not settings.have_changed()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[[connections", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b'[[connections]]\ncolour = "red"\n', r"connections\[0\]"),
        (b"x = '" + b"y" * (1 << 20) + b"'", "is larger than"),
        (
            b'[[connections]]\nname="a"\ntarget=1\ncredential={file="k"}\n' * 2,
            "two connections have the name 'a'",
        ),
    ],
)
def test_a_broken_file_is_told_kept_and_never_overwritten(settings: Settings, content: bytes, said: str):
    settings.folder.mkdir()
    agent, _ = settings.files
    agent.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        settings.load_agent()
    (aside,) = settings.keep_aside()
    assert aside.read_bytes() == content
    assert settings.load_agent() == AgentConfig()
    agent.write_bytes(content)
    (second,) = settings.keep_aside()
    assert second != aside
    assert settings.keep_aside() == []


def test_a_file_that_is_no_toml_is_not_written_over(settings: Settings):
    settings.folder.mkdir()
    settings.files[0].write_text("[[connections")
    with pytest.raises(SettingsError, match="is not TOML"):
        settings.save_agent(AgentConfig(connections=(WEB,)))
    assert settings.files[0].read_text() == "[[connections"


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_mark_that_some_editors_put_in_front_is_no_harm(settings: Settings):
    one = ConnectionConfig(
        name="Shop", path="shop", target=parse_target("3000"), credential=Credential(keystore="shop")
    )
    settings.save_agent(AgentConfig(connections=(one,)))
    file = settings.files[0]
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert settings.load_agent().connections == (one,)


def test_settings_are_for_their_owner_alone(settings: Settings):
    before = os.umask(0)
    try:
        settings.save_agent(AgentConfig(connections=(WEB,)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(settings.files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.folder.stat().st_mode) == 0o700


def test_a_disk_that_refuses_leaves_what_was_there(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    settings.save_agent(AgentConfig(connections=(WEB,)))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left on device"):
        settings.save_agent(AgentConfig())
    assert settings.load_agent().connections == (WEB,)
    assert [path.name for path in settings.folder.iterdir()] == ["agent.toml"], "nothing half-written is left"


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_linked_settings_file_stays_a_link(settings: Settings, tmp_path: Path):
    """People keep their settings in a repository of their own and link to them."""
    real = tmp_path / "dotfiles.toml"
    real.write_text("# mine\n")
    settings.folder.mkdir()
    settings.files[0].symlink_to(real)
    settings.save_agent(AgentConfig(connections=(WEB,)))
    assert settings.files[0].is_symlink()
    assert real.read_text().startswith("# mine\n")
    assert settings.load_agent().connections == (WEB,)


def test_a_name_is_made_unlike_the_others():
    assert unique_name("Shop", []) == "Shop"
    assert unique_name("Shop", ["shop", "Shop 2"]) == "Shop 3"
