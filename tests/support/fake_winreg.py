"""Windows' registry in memory: as much of the module ``winreg`` as RelayDesk uses, with its errors."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager


class FakeWinreg(types.ModuleType):
    """Keys are case-sensitive here, unlike Windows'.

    Attributes:
        keys: Each key with its values.
    """

    HKEY_CURRENT_USER = "HKCU"
    KEY_SET_VALUE = 2
    REG_SZ = 1

    def __init__(self) -> None:
        super().__init__("winreg")
        self.keys: dict[str, dict[str, str]] = {}
        self.is_denied = False

    @contextmanager
    def CreateKeyEx(self, root: str, key: str, reserved: int = 0, access: int = 0) -> Iterator[str]:  # noqa: N802
        assert root == self.HKEY_CURRENT_USER
        if self.is_denied:
            raise PermissionError(13, "Access is denied")
        parts = key.split("\\")
        for length in range(1, len(parts) + 1):
            self.keys.setdefault("\\".join(parts[:length]), {})
        yield key

    @contextmanager
    def OpenKey(self, root: str, key: str, reserved: int = 0, access: int = 1) -> Iterator[str]:  # noqa: N802
        assert root == self.HKEY_CURRENT_USER
        if key not in self.keys:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        yield key

    def SetValueEx(self, key: str, name: str, reserved: int, kind: int, value: str) -> None:  # noqa: N802
        assert kind == self.REG_SZ
        self.keys[key][name] = value

    def QueryValueEx(self, key: str, name: str) -> tuple[str, int]:  # noqa: N802
        if name not in self.keys[key]:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return self.keys[key][name], self.REG_SZ

    def DeleteValue(self, key: str, name: str) -> None:  # noqa: N802
        if name not in self.keys[key]:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        del self.keys[key][name]

    def DeleteKey(self, root: str, key: str) -> None:  # noqa: N802
        if key not in self.keys:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        if any(other.startswith(f"{key}\\") for other in self.keys):
            raise PermissionError(13, "Access is denied")
        del self.keys[key]
