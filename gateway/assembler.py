"""Whole messages from the pieces that a WebSocket gives."""

from __future__ import annotations

from hyco.close_codes import INVALID_DATA, MESSAGE_TOO_BIG
from hyco.errors import RemoteProtocolError
from hyco.frames import Fragment, Opcode


class MessageAssembler:
    """Puts the pieces of messages together, up to a bound for each kind."""

    __slots__ = ("_binary_limit", "_pieces", "_text_limit")

    def __init__(self, *, text_limit: int, binary_limit: int) -> None:
        self._text_limit = text_limit
        self._binary_limit = binary_limit
        self._pieces = bytearray()

    def add(self, fragment: Fragment) -> str | bytes | None:
        """The whole message when *fragment* was its last piece: text as str, binary as bytes.

        Raises:
            RemoteProtocolError: Too long (1009), or a text that is not UTF-8 (1007).
        """
        is_text = fragment.opcode is Opcode.TEXT
        limit = self._text_limit if is_text else self._binary_limit
        if len(self._pieces) + len(fragment.data) > limit:
            msg = f"message longer than {limit} bytes"
            raise RemoteProtocolError(msg, MESSAGE_TOO_BIG)
        if fragment.is_first and fragment.is_last:
            whole = fragment.data
        else:
            self._pieces += fragment.data
            if not fragment.is_last:
                return None
            whole = bytes(self._pieces)
            self._pieces.clear()
        if not is_text:
            return whole
        try:
            return whole.decode()
        except UnicodeDecodeError as error:
            msg = "text message that is not UTF-8"
            raise RemoteProtocolError(msg, INVALID_DATA) from error
