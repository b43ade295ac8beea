"""Names and causes that others chose appear as they are: nothing is loaded, nothing reordered (reliability reference D3)."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget

from relaydesk.snapshot import LogLine, Problem, Snapshot, Trouble
from relaydesk.views.main_window import MainWindow
from tests.support.fake_bridge import FakeBridge
from tests.support.sample_snapshot import NOW, sample

HOSTILE = (
    "<img src=file:///etc/passwd><a href='http://evil.test'>x</a>",
    "\u202egnp.exe\u202d and \u200bnothing",
    "first\nsecond\r\n\tthird\x1b[2J",
    "a & b &c",
    "y" * 100_000,
)


def poisoned(text: str) -> Snapshot:
    snapshot = sample()
    problem = Problem(trouble=Trouble.OTHER, cause=text, since=NOW, next_try_at=NOW + 5)
    return dataclasses.replace(
        snapshot,
        services=tuple(
            dataclasses.replace(
                service,
                name=f"{number}{text}",
                local=text,
                process=text,
                project=text,
                gateway=text,
                path=text,
                url=text,
                problem=problem,
                invitations=tuple(dataclasses.replace(i, name=text) for i in service.invitations),
            )
            for number, service in enumerate(snapshot.services)
        ),
        connections=tuple(
            dataclasses.replace(connection, service=text, peer=text, about=text, error=text)
            for connection in snapshot.connections
        ),
        gateways=tuple(
            dataclasses.replace(
                gateway,
                name=f"{number}{text}",
                address=text,
                key_name=text,
                path=text,
                rights=(text,),
                problem=problem,
            )
            for number, gateway in enumerate(snapshot.gateways)
        ),
        problem=problem,
    )


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=["html", "direction", "lines", "ampersand", "long"])
def test_hostile_texts_are_shown_literally(window: MainWindow, bridge: FakeBridge, text: str) -> None:
    window.resize(720, 480)
    bridge.feed(poisoned(text))
    bridge.log(LogLine(number=1, at=NOW, level=40, logger=text, text=text))
    for number, page in enumerate(window.pages):
        window.navigation.choose(number)
        window.grab()
        for label in window.findChildren(QLabel):
            assert label.textFormat() is Qt.TextFormat.PlainText or label.text() == ""
            assert len(label.text()) < 2_000
            assert "\u202e" not in label.text()
        for widget in window.findChildren(QWidget):
            tip = widget.toolTip()
            assert "<img" not in tip
            assert "<" not in tip or tip.startswith("<qt>")
        assert page.minimumSizeHint().width() <= page.width()


def test_questions_are_plain_text_too(window: MainWindow) -> None:
    window.close()
    (box,) = window.findChildren(QMessageBox)
    assert box.textFormat() is Qt.TextFormat.PlainText
