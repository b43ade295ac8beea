"""Read the agent's settings from TOML.

```toml
[[connections]]
path = "web"
target = "http://localhost:3000"
credential = { file = "web.key" }

[[connections]]
direction = "connect"
path = "database"
local = "127.0.0.1:5432"
credential = { env = "RELAYDESK_CONNECTION_STRING" }

[network]
ca_file = "gateway-ca.pem"
```

Unknown keys and bad values are refused, all at once, each with its path (``connections[2].target``).
"""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from .config import AgentConfig, ConnectionConfig, NetworkConfig
from .errors import ConfigError

MAX_CONFIG_BYTES: Final = 1 << 20
"""A settings file larger than this is something else."""


def load_config(path: Path) -> AgentConfig:
    """Read the settings file at *path*. Relative file names in it are meant from its own folder.

    Raises:
        ConfigError: It cannot be read, or is wrong; every problem is in it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8") from error
    return parse_config(text, base=path.parent)


def parse_config(text: str, *, base: Path) -> AgentConfig:
    """Read settings from TOML *text*; relative file names are meant from *base*.

    Raises:
        ConfigError: With every problem found.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"not TOML: {error}") from error
    return read_config(data, base=base)


def read_config(data: object, *, base: Path) -> AgentConfig:
    """Read settings from what TOML said; relative file names are meant from *base*.

    Raises:
        ConfigError: With every problem found.
    """
    try:
        config = _SETTINGS.validate_python(data)
    except ValidationError as error:
        raise ConfigError(*problems_of(error)) from None
    return dataclasses.replace(
        config,
        connections=tuple(_based(connection, base) for connection in config.connections),
        network=_network_based(config.network, base),
    )


_SETTINGS: Final = TypeAdapter(AgentConfig)


def problems_of(error: ValidationError) -> list[str]:
    """Say what is wrong with settings, a line each with its path, and never with a value."""
    return [line for detail in error.errors(include_url=False) for line in _describe(detail)]


def _based(connection: ConnectionConfig, base: Path) -> ConnectionConfig:
    file = connection.credential.file
    if file is None:
        return connection
    return dataclasses.replace(
        connection, credential=dataclasses.replace(connection.credential, file=base / file.expanduser())
    )


def _network_based(network: NetworkConfig, base: Path) -> NetworkConfig:
    if network.ca_file is None:
        return network
    return dataclasses.replace(network, ca_file=base / network.ca_file.expanduser())


def _describe(detail: ErrorDetails) -> list[str]:
    """One line for each problem, with its path and never with the value: values may be secret."""
    path = ""
    for step in detail["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    cause = detail.get("ctx", {}).get("error")
    if not isinstance(cause, ConfigError):
        text = (
            "unknown key"
            if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument")
            else detail["msg"]
        )
        return [f"{path}: {text}"]
    lines = []
    for problem in cause.problems:
        key, colon, rest = problem.partition(": ")
        is_about_a_key = bool(colon) and key.isidentifier()
        lines.append(f"{path}.{key}: {rest}" if is_about_a_key else f"{path}: {problem}")
    return lines
