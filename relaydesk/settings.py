"""The desktop's settings: what is shared (``agent.toml``, in the agent's own format) and what was chosen (``desktop.toml``).

``python -m agent --config agent.toml`` reads the first one too. Neither holds a secret: keys are in the keystore, and
invitations stand here by the digest of their id. Comments and the order of things are kept; only what changed is written.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import tomlkit
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from tomlkit.items import AoT, InlineTable, Table

from agent.config import AgentConfig, ConnectionConfig
from agent.config_file import problems_of, read_config
from agent.errors import ConfigError

from .actions import Reach
from .preferences import Preferences
from .settings_file import SettingsError, SettingsFile

AGENT_FILE: Final = "agent.toml"
DESKTOP_FILE: Final = "desktop.toml"

#: Instead of a lifetime, for TOML knows no null.
_UNTIL_STOPPED: Final = 0.0

_STRICT: Final = ConfigDict(extra="forbid")
_Name = Annotated[str, Field(min_length=1, max_length=260)]

_AGENT_HEAD = (
    "# What RelayDesk shares from this computer and brings to it. `python -m agent --config` reads this file too.\n"
    "# It can be changed by hand while RelayDesk runs. No key belongs in here.\n"
)
_DESKTOP_HEAD = "# What was chosen in RelayDesk's window. It can be changed by hand while RelayDesk runs. No key belongs in here.\n"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GatewayNote:
    """A gateway, as it is remembered beside its connection string: enough to show it while the keystore is locked."""

    name: _Name
    address: str
    is_secure: bool = True
    key_name: str = ""
    rights: tuple[str, ...] | None = None
    path: str = ""

    __pydantic_config__ = _STRICT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNote:
    """What is remembered of a service besides the agent's settings for it."""

    name: _Name
    gateway: str = ""
    is_web: bool = False
    is_public: bool = False
    is_demo: bool = False
    """It is RelayDesk's own page, which has to be served."""

    __pydantic_config__ = _STRICT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DesktopConfig:
    """Everything in ``desktop.toml``."""

    preferences: Preferences = dataclasses.field(default_factory=Preferences)
    reach: Annotated[Reach, BeforeValidator(Reach)] = Reach.THIS_COMPUTER
    """Whom the bundled gateway serves."""
    gateways: tuple[GatewayNote, ...] = ()
    services: tuple[ServiceNote, ...] = ()

    __pydantic_config__ = _STRICT


_DESKTOP: Final = TypeAdapter(DesktopConfig)


class Settings:
    """Both files in *folder*.

    Args:
        folder: Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._agent = SettingsFile(folder / AGENT_FILE)
        self._desktop = SettingsFile(folder / DESKTOP_FILE)

    @property
    def files(self) -> tuple[Path, Path]:
        """Where they are: ``agent.toml``, ``desktop.toml``."""
        return self._agent.path, self._desktop.path

    def load_agent(self) -> AgentConfig:
        """What is shared.

        Raises:
            SettingsError: It cannot be read, or is wrong: every problem, each with its path.
        """
        data = self._agent.read().unwrap()
        try:
            config = read_config(data, base=self.folder)
        except ConfigError as error:
            raise SettingsError(f"{self._agent.path}: {'; '.join(error.problems)}") from error
        names = [connection.label for connection in config.connections]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise SettingsError(f"{self._agent.path}: two connections have the name {doubled[0]!r}")
        return config

    def load_desktop(self) -> DesktopConfig:
        """What was chosen.

        Raises:
            SettingsError: It cannot be read, or is wrong: every problem, each with its path.
        """
        data = self._desktop.read().unwrap()
        try:
            config = _DESKTOP.validate_python(data)
        except ValidationError as error:
            raise SettingsError(f"{self._desktop.path}: {'; '.join(problems_of(error))}") from None
        if config.preferences.lifetime_s == _UNTIL_STOPPED:
            preferences = dataclasses.replace(config.preferences, lifetime_s=None)
            return dataclasses.replace(config, preferences=preferences)
        return config

    def have_changed(self) -> bool:
        """Whether somebody else has written one of them since."""
        return self._agent.has_changed() or self._desktop.has_changed()

    def keep_aside(self) -> list[Path]:
        """Move those that cannot be read out of the way; where they are now.

        Raises:
            SettingsError: They cannot be moved.
        """
        kept = []
        for load, file in ((self.load_agent, self._agent), (self.load_desktop, self._desktop)):
            try:
                load()
            except SettingsError:
                kept.append(file.keep_aside())
        return kept

    def save_agent(self, config: AgentConfig) -> None:
        """Write what is shared.

        Raises:
            SettingsError: It cannot be written, or what is there cannot be read.
        """
        document = self._agent.read()
        if not document.as_string().strip():
            document = tomlkit.parse(_AGENT_HEAD)
        _put_tables(document, "connections", [_shown(one) for one in config.connections], _label)
        self._agent.write(document)

    def save_desktop(self, config: DesktopConfig) -> None:
        """Write what was chosen.

        Raises:
            SettingsError: It cannot be written, or what is there cannot be read.
        """
        document = self._desktop.read()
        if not document.as_string().strip():
            document = tomlkit.parse(_DESKTOP_HEAD)
        reach = _plain(config.reach)
        if document.get("reach", Reach.THIS_COMPUTER.value) != reach:
            document["reach"] = reach
        preferences = document.get("preferences")
        if not isinstance(preferences, Table):
            preferences = tomlkit.table()
        chosen = config.preferences
        _put(preferences, _shown(dataclasses.replace(chosen, lifetime_s=chosen.lifetime_s or _UNTIL_STOPPED)))
        if "preferences" in document or preferences:
            document["preferences"] = preferences
        for key in ("gateways", "services"):
            _put_tables(document, key, [_shown(one) for one in getattr(config, key)], _label)
        self._desktop.write(document)


# --- from frozen values to TOML ------------------------------------------------------------------------------------------


def _shown(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any of our dataclasses
    """The fields of a dataclass that are not what they would be anyhow."""
    shown = {}
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        default = (
            field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        )
        if given != default and given is not None:
            shown[field.name] = _plain(given)
    if isinstance(value, ConnectionConfig):
        shown["credential"] = {key: _plain(part) for key, part in _shown(value.credential).items()}
    return shown


def _plain(value: Any) -> Any:  # noqa: ANN401 - what TOML can say
    match value:
        case enum.Enum():
            return value.value
        case bool() | int() | float() | str() | dt.datetime():
            return value
        case tuple() | list():
            return [_plain(one) for one in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            # an address or a target is written as it is read; everything else as a table
            return str(value) if type(value).__str__ is not object.__str__ else _shown(value)
        case _:
            return str(value)


def _label(table: Mapping[str, Any]) -> object:
    return table.get("name") or table.get("path") or table.get("target") or table.get("local")


def _put_tables(
    document: tomlkit.TOMLDocument,
    key: str,
    values: list[dict[str, Any]],
    label: Any,  # noqa: ANN401
) -> None:
    """Make the array of tables *key* say *values*; tables that stay keep their comments and their place."""
    found = document.get(key)
    there: dict[object, Table] = (
        {label(table.unwrap()): table for table in found} if isinstance(found, AoT) else {}
    )
    tables = []
    for value in values:
        table = there.get(label(value))
        if table is None:
            table = tomlkit.table()
        _put(table, value)
        tables.append(table)
    if not tables:
        document.pop(key, None)
        return
    if isinstance(found, AoT) and [table.unwrap() for table in found] == values and len(found) == len(tables):
        return
    array = tomlkit.aot()
    for table in tables:
        array.append(table)
    document[key] = array


def _put(table: Table, value: dict[str, Any]) -> None:
    """Make *table* say *value*, touching only what differs."""
    before = table.unwrap()
    for key in [key for key in before if key not in value]:
        del table[key]
    for key, given in value.items():
        if before.get(key) != given:
            table[key] = _item(given)


def _item(value: Any) -> Any:  # noqa: ANN401 - what TOML can say
    if isinstance(value, dict):
        return _inline(value)
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        array = tomlkit.array()
        for one in value:
            array.append(_inline(one))
        return array.multiline(multiline=True)
    return value


def _inline(value: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(value)
    return table


def unique_name(wanted: str, taken: Iterable[str]) -> str:
    """*wanted*, or with the first number behind it that makes it unlike every name that is *taken*."""
    lowered = {name.lower() for name in taken}
    if wanted.lower() not in lowered:
        return wanted
    number = 2
    while f"{wanted} {number}".lower() in lowered:
        number += 1
    return f"{wanted} {number}"
