"""What the window says is there in every language: found, translated, compiled."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.translations import TOOL, tool

pytest.importorskip("PySide6")

CODE = """
from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate
WORDS = {1: lambda: translate("Words", "asked for later")}


class Window:
    def show(self, number: int) -> None:
        self.tr("Hello {name}")
        self.tr("%Ln lines", "", number)

        def inside() -> str:
            return self.tr(
                "Two "
                "parts"
            )

    async def tell(self, lines: list[str]) -> str:
        return formats.translate("Words", "%n days", "", len(lines))


def plain(text: str) -> str:
    QCoreApplication.translate("Words", "File", "a menu")
    QCoreApplication.translate("Words", "File", "a tool")
    return text.translate({1: 2})
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A program with texts of every kind."""
    folder = tmp_path / "program"
    (folder / "cli").mkdir(parents=True)
    (folder / "window.py").write_text(CODE, encoding="utf-8")
    (folder / "cli" / "verb.py").write_text('translate("Words", "never seen")', encoding="utf-8")
    return folder


def test_every_kind_of_text_is_found(source: Path) -> None:
    found = tool().find(source)
    assert found.problems == []
    assert [(*vars(key).values(), has_count) for key, has_count in found.texts.items()] == [
        ("Window", "Hello {name}", "", False),
        ("Window", "%Ln lines", "", True),
        ("Window", "Two parts", "", False),
        ("Words", "asked for later", "", False),
        ("Words", "%n days", "", True),
        ("Words", "File", "a menu", False),
        ("Words", "File", "a tool", False),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('TITLE = translate("Words", "Title")', "while it is imported"),
        ('class Page:\n    title = translate("Words", "Title")', "while it is imported"),
        ('def f(text=translate("Words", "Title")): ...', "while it is imported"),
        ("def f(text): return translate('Words', text)", "in full"),
        ("def f(name): return translate('Words', f'Hello {name}')", "in full"),
        ("def f(self): return self.tr('Outside of a class')", "in full"),
        ("def f(n): return translate('Words', '%n weeks')", "needs a count"),
        ("def f(n): return translate('Words', 'days', '', n)", "needs a count"),
    ],
)
def test_what_no_translation_could_reach_is_told(source: Path, line: str, complaint: str) -> None:
    (source / "bad.py").write_text(line, encoding="utf-8")
    (problem,) = tool().find(source).problems
    assert problem.startswith("program/bad.py:")
    assert complaint in problem


def test_what_qts_own_tool_finds_is_found(tmp_path: Path) -> None:
    """That tool leaves out what it does not understand, and never more than that is different."""
    files = [str(file) for file in sorted((ROOT / "relaydesk").rglob("*.py")) if "cli" not in file.parts]
    tool()._qt("lupdate", *files, "-ts", str(tmp_path / "qts_de.ts"))
    qts = tool().read(tmp_path / "qts_de.ts").keys()
    ours = tool().find().texts.keys()
    assert qts - ours == set()
    assert len(qts) > 400, "else this test says nothing"


def test_nothing_is_missing_in_any_language() -> None:
    """The command that continuous integration runs."""
    done = subprocess.run(
        [sys.executable, TOOL, "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, [])
    assert "all translated" in done.stdout


def test_german_is_there() -> None:
    assert tool().TRANSLATIONS.joinpath("relaydesk_de.qm").stat().st_size > 10_000


def test_an_update_keeps_what_is_translated_and_lists_what_is_not(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "translations"
    tool().update(tool().find(source), folder, ["pl"])
    file = folder / "relaydesk_pl.ts"
    entries = tool().read(file)
    key = tool().Key
    assert len(entries[key("Words", "%n days")].forms) == 3, "as many as Polish has"
    entries[key("Window", "Hello {name}")] = tool().Entry(
        ["Cześć <{name}> & reszta"], note="on first name terms"
    )
    file.write_text(tool().written("pl", entries), encoding="utf-8")
    (source / "window.py").write_text(CODE.replace("Two ", "Both "), encoding="utf-8")
    found = tool().find(source)
    tool().update(found, folder)
    after = tool().read(file)
    assert after[key("Window", "Hello {name}")].forms == ["Cześć <{name}> & reszta"]
    assert after[key("Window", "Hello {name}")].note == "on first name terms"
    assert key("Window", "Two parts") not in after
    wrong = tool().check(found, folder)
    assert len(wrong) == 6
    assert "relaydesk_pl.ts: not translated: Window: 'Both parts'" in wrong


def test_what_is_no_longer_said_and_what_was_not_compiled_is_told(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "translations"
    found = tool().find(source)
    tool().update(found, folder, ["de"])
    file = folder / "relaydesk_de.ts"
    entries = {key: tool().Entry(["x %n"] * 2 if n else ["x"], n) for key, n in found.texts.items()}
    entries[tool().Key("Window", "gone")] = tool().Entry(["weg"])
    file.write_text(tool().written("de", entries), encoding="utf-8")
    wrong = tool().check(found, folder)
    assert "relaydesk_de.ts: no longer said: Window: 'gone'" in wrong
    assert "relaydesk_de.qm: not made from relaydesk_de.ts; run `make translations`" in wrong


@pytest.mark.parametrize(
    ("source", "translation", "wrong"),
    [
        ("{n} of {all}", "von {all} {n}", []),
        ("{n} of {all}", "{n}", ["other placeholders"]),
        ("{name}", "{nmae}", ["other placeholders"]),
        ("%Ln lines", "%n Zeilen", ["other placeholders"]),
        ("&Open", "Ö&ffnen", []),
        ("&Open", "Öffnen", ["other marks of keys (&)"]),
        ("Salt && pepper", "Salz && Pfeffer", []),
        ("Open…", "Öffnen", ["one of them ends with …"]),
        ("It ends.", "Es endet", ["one of them ends with ."]),
        ("Name", "Name ", ["spaces around"]),
    ],
)
def test_a_translation_differs_by_its_words_alone(source: str, translation: str, wrong: list[str]) -> None:
    assert list(tool().differences(source, translation)) == wrong


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_language_that_nobody_speaks_keeps_what_is_replaced(is_mirrored: bool) -> None:
    for key in tool().find().texts:
        said = tool().pseudo(key.source, is_mirrored=is_mirrored)
        assert said.startswith("[")
        assert said.endswith("]")
        assert [what for what in tool().differences(key.source, said) if not what.startswith("one of")] == []
        assert len(said) >= 1.3 * len(key.source)


def test_no_line_of_the_command_line_is_translated() -> None:
    """It speaks English, for people and for scripts alike."""
    for file in (ROOT / "relaydesk" / "cli").rglob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        assert not [call for call in calls if getattr(call.func, "attr", "") == "tr"], file
