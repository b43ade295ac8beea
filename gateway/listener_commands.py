"""What a listener, or a subscriber, says: commands, out of the pieces that its WebSocket gives."""

from __future__ import annotations

from hyco.frames import Fragment
from hyco.limits import MAX_CONTROL_BODY_BYTES, MAX_CONTROL_MESSAGE_BYTES
from hyco.service import ResponseReceived, ServiceChannel, TokenReceived

from .assembler import MessageAssembler


class ListenerCommands:
    """Follows one WebSocket."""

    __slots__ = ("_machine", "_messages")

    def __init__(self) -> None:
        self._machine = ServiceChannel()
        self._messages = MessageAssembler(
            text_limit=MAX_CONTROL_MESSAGE_BYTES, binary_limit=MAX_CONTROL_BODY_BYTES
        )

    def add(self, fragment: Fragment) -> list[ResponseReceived | TokenReceived]:
        """What was said with *fragment*, where it ends a message.

        Raises:
            RemoteProtocolError: It is no command, or too long.
        """
        message = self._messages.add(fragment)
        if message is None:
            return []
        if isinstance(message, str):
            return self._machine.receive_text(message)
        return list(self._machine.receive_binary(message))
