"""Which language the window speaks, and whose numbers it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QLocale, Qt, QTranslator
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from relaydesk import language
from relaydesk.models import formats, health
from relaydesk.preferences import Language, Preferences
from relaydesk.settings import DesktopConfig, Settings
from relaydesk.settings_file import SettingsError
from relaydesk.views.page import Page
from tests.support.translations import pseudo_language

Install = Callable[..., tuple[QTranslator, ...]]


@pytest.fixture
def install(qapp: QApplication) -> Iterator[Install]:
    """``language.install``, taken back at the end."""
    before = QLocale()
    made: list[QTranslator] = []

    def do(wanted: Language, **more: object) -> tuple[QTranslator, ...]:
        translators = language.install(qapp, wanted, **more)  # type: ignore[arg-type]
        made.extend(translators)
        return translators

    yield do
    for translator in made:
        qapp.removeTranslator(translator)
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    QLocale.setDefault(before)


def said() -> str:
    return QCoreApplication.translate("Pages", "Settings")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        (["de-AT", "de", "en-GB"], "de"),
        (["en-GB", "de-DE"], "en"),
        (["fr-FR", "fr", "de-CH"], "de"),
        (["fr-FR", "it"], "en"),
        (["C"], "en"),
        (["de_DE"], "de"),
        ([], "en"),
    ],
)
def test_the_first_language_that_somebody_reads_and_that_there_is(tags: list[str], code: str) -> None:
    """Qt's own way passes over English, which needs no file, and takes what is wanted less."""
    assert language.choose(tags, ["de"]) == code


def test_german_speaks_german_and_so_does_qt(install: Install) -> None:
    install(Language.GERMAN, system=QLocale("en_US"))
    assert said() == "Einstellungen"
    assert health.connections_words(1_234) == "1.234 Verbindungen", (
        "the United States have no German: as in Germany"
    )
    assert formats.rough_duration(7 * 86_400) == "7 Tage"
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    assert box.button(QDialogButtonBox.StandardButton.Cancel).text() == "Abbrechen"


def test_what_a_class_says_is_translated_for_those_made_of_it(install: Install) -> None:
    from relaydesk.views.services_page import ServicesPage

    class Mine(ServicesPage):
        def __init__(self) -> None:  # none of the page's parts is needed to speak
            super(Page, self).__init__()

    install(Language.GERMAN)
    assert Mine().tr("Pause all") == "Alle pausieren"


@pytest.mark.parametrize(
    ("wanted", "system", "texts", "number", "clock"),
    [
        (Language.SYSTEM, "de_DE", "Einstellungen", "1.234,5", "22:58:58"),
        (Language.SYSTEM, "en_US", "Settings", "1,234.5", "10:58:58 PM"),
        (Language.SYSTEM, "fr_FR", "Settings", "1 234,5", "22:58:58"),
        (Language.SYSTEM, "ar_EG", "Settings", "١٬٢٣٤٫٥", "١٠:٥٨:٥٨ م"),
        (Language.ENGLISH, "de_DE", "Settings", "1.234,5", "22:58:58"),
        (Language.ENGLISH, "en_GB", "Settings", "1,234.5", "22:58:58"),
        (Language.GERMAN, "de_CH", "Einstellungen", "1'234.5", "22:58:58"),
    ],
)
def test_texts_are_of_the_language_and_numbers_of_the_country(
    *, install: Install, wanted: Language, system: str, texts: str, number: str, clock: str
) -> None:
    install(wanted, system=QLocale(system))
    assert said() == texts
    # versions of the data differ in which blank and which apostrophe
    assert QLocale().toString(1234.5, "f", 1).translate({0x202F: " ", 0xA0: " ", 0x2019: "'"}) == number
    assert formats.widest_clock().replace("\u202f", " ") == clock


@pytest.mark.expect_log_warnings("relaydesk.language: there is no translation in relaydesk_de.qm")
@pytest.mark.parametrize("content", [None, b"", b"not a translation", b"\x3c\xb8\x64\x18\xca\xef\x9c\x95"])
def test_a_translation_that_cannot_be_read_leaves_english(
    install: Install, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "relaydesk_de.qm").write_bytes(content)
    assert install(Language.GERMAN, folder=tmp_path) == ()
    assert said() == "Settings"


def test_a_system_whose_language_there_is_not_is_no_fault(install: Install, tmp_path: Path) -> None:
    assert install(Language.SYSTEM, folder=tmp_path, system=QLocale("de_DE")) == ()
    assert said() == "Settings"


def test_the_window_is_mirrored_for_who_reads_from_the_right(
    install: Install, tmp_path: Path, qapp: QApplication
) -> None:
    pseudo_language(tmp_path, is_mirrored=True)
    install(Language.SYSTEM, folder=tmp_path, system=QLocale("he_IL"))
    assert qapp.layoutDirection() is Qt.LayoutDirection.RightToLeft
    assert said().startswith("[")
    # English texts of an Arabic system are read from the left
    install(Language.SYSTEM, folder=tmp_path, system=QLocale("ar_EG"))
    assert qapp.layoutDirection() is Qt.LayoutDirection.LeftToRight


def test_every_language_is_offered_by_its_own_name() -> None:
    assert {*language.OWN_NAMES} == {*Language} - {Language.SYSTEM}
    files = {file.stem for file in language.asset("translations").glob("*.qm")}
    assert files == {f"relaydesk_{one.value}" for one in language.OWN_NAMES if one.value != language.SOURCE}


def test_the_choice_is_kept(tmp_path: Path) -> None:
    Settings(tmp_path).save_desktop(DesktopConfig(preferences=Preferences(language=Language.GERMAN)))
    assert 'language = "de"' in (tmp_path / "desktop.toml").read_text(encoding="utf-8")
    assert Settings(tmp_path).load_desktop().preferences.language is Language.GERMAN
    (tmp_path / "desktop.toml").write_text('[preferences]\nlanguage = "tlh"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"preferences\.language.*'system', 'en' or 'de'"):
        Settings(tmp_path).load_desktop()
