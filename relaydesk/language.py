"""In which language the window speaks: whose texts, whose numbers and dates, from which side it is read.

Texts are English in the source; ``resources/translations`` has the others (``tools/translations.py`` makes them). It is chosen
once, before the first widget: what was shown in one language is not said again in another while the program runs.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from .assets import asset
from .preferences import Language

log = logging.getLogger(__name__)

SOURCE: Final = "en"

#: Each language as it calls itself: who looks for it here may read no other.
OWN_NAMES: Final = {Language.ENGLISH: "English", Language.GERMAN: "Deutsch"}


def install(
    application: QApplication,
    wanted: Language,
    *,
    folder: Path | None = None,
    system: QLocale | None = None,
) -> tuple[QTranslator, ...]:
    """Let *application* speak the language that is *wanted*, and write numbers and dates as its readers do.

    Args:
        application: Before it has a widget.
        wanted: What the user chose.
        folder: Where the translations are; None: in the resources.
        system: The system's language and country; None: those that it has.

    Returns:
        What translates, ours before Qt's; nothing for English. The application owns them.
    """
    folder = folder or asset("translations")
    system = system or QLocale.system()
    code = wanted.value
    if wanted is Language.SYSTEM:
        code = choose(system.uiLanguages(), [file.stem.partition("_")[2] for file in folder.glob("*.qm")])
    QLocale.setDefault(_locale(wanted, system))
    translators = []
    if code != SOURCE:
        ours = _load(application, folder / f"relaydesk_{code}.qm")
        if ours is None:
            log.warning(
                "there is no translation in relaydesk_%s.qm that can be read; texts are English", code
            )
            code = SOURCE
        else:
            translators.append(ours)
            place = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))
            if (qts := _load(application, place / f"qtbase_{code}.qm")) is not None:
                translators.append(qts)
            else:
                log.info("Qt's own texts are not there in the language %s; they are English", code)
    for translator in reversed(translators):  # the last is asked first
        application.installTranslator(translator)
    application.setLayoutDirection(QLocale(code).textDirection())
    return tuple(translators)


def choose(tags: Iterable[str], available: Collection[str]) -> str:
    """The first language of *tags* (``de-AT``) that there is; English is always there."""
    for tag in tags:
        code = tag.replace("_", "-").partition("-")[0].lower()
        if code == SOURCE or code in available:
            return code
    return SOURCE


def _locale(wanted: Language, system: QLocale) -> QLocale:
    """How numbers and dates are written: as the system does, or in the language that was chosen, as in the system's country."""
    if wanted is Language.SYSTEM:
        return system
    chosen = QLocale(wanted.value)
    if chosen.language() == system.language():
        return system
    return QLocale(chosen.language(), system.territory())


def _load(application: QApplication, file: Path) -> QTranslator | None:
    translator = QTranslator(application)
    return translator if translator.load(str(file)) else None
