"""What is known of new versions, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from ..build_facts import BuildFacts
from ..updates.watch import News, Stage
from . import formats
from .texts import literal

translate = QCoreApplication.translate


def this_copy(facts: BuildFacts) -> str:
    """What this copy is, and who brings it up to date."""
    match facts.package:
        case "deb" | "rpm" | "flatpak":
            who = translate("Updates", "It came as a package: your system's updates bring new versions.")
        case "msi":
            who = translate(
                "Updates", "It was installed for all users: your administrator brings new versions."
            )
        case "checkout":
            who = translate("Updates", "It runs from a checkout: git brings new versions.")
        case "wheel":
            who = translate("Updates", "It was installed with pip, which brings new versions.")
        case _:
            who = ""
    version = translate("Updates", "This is RelayDesk {version}.").format(version=facts.version)
    return f"{version} {who}".strip()


def words(facts: BuildFacts, news: News, *, can_look: bool) -> str:
    """What is known."""
    if not can_look:
        return translate("Updates", "This copy does not know where new versions are announced.")
    if news.stage is Stage.LOOKING:
        return translate("Updates", "Looking…")
    if news.stage is Stage.DOWNLOADING and news.package is not None:
        return translate("Updates", "{done} of {all} are here").format(
            done=formats.size(news.done_bytes), all=formats.size(news.package.bytes)
        )
    if news.problem:
        return translate("Updates", "It did not work: {problem}").format(problem=literal(news.problem, 300))
    if news.file is not None:
        return translate(
            "Updates", "RelayDesk {version} is in {folder}. It is as it was signed; start it from there."
        ).format(version=literal(news.version, 40), folder=literal(str(news.file.parent), 200))
    if news.version:
        text = translate("Updates", "RelayDesk {version} is there.").format(version=literal(news.version, 40))
        if news.package is None and not facts.is_managed:
            text += " " + translate("Updates", "There is no file of it for a copy like this one.")
        return text
    if news.looked_at is not None:
        return translate("Updates", "This is the newest version.")
    return translate("Updates", "Nobody has looked yet.")
