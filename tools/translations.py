"""What the window says, in every language: found in the source, kept in ``resources/translations``, compared and compiled.

``update`` brings the ``.ts`` files (which are edited, by hand or with Qt Linguist) in step with the source, compiles them to the
``.qm`` files that the program loads, and lists what is not translated. ``check`` writes nothing. Both fail where anything is
missing. ``pseudo`` makes languages that nobody speaks, for tests and pictures: each text in brackets, longer, with other letters.

The texts are found here and not by Qt's lupdate: that one reads Python line by line, and leaves out without a word a text whose
count is a call, is given by name, or stands on another line (PySide6 6.11). What it finds is found here, too; a test says so.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import PySide6

ROOT: Final = Path(__file__).resolve().parent.parent
TRANSLATIONS: Final = ROOT / "resources" / "translations"
#: What the window is made of. The command line speaks English.
SOURCE: Final = ROOT / "relaydesk"
NOT_SEEN: Final = ("cli",)

#: What is replaced in a text, and has to be in its translation, too.
_PLACEHOLDERS: Final = re.compile(r"\{\w*\}|%L?n|%L?\d")
_MARK: Final = re.compile(r"&(?!&)(?=\S)")


@dataclass(frozen=True, order=True)
class Key:
    """A text of the source: Qt looks it up by all three."""

    context: str
    source: str
    comment: str = ""

    def __str__(self) -> str:
        """As a list shows it."""
        return f"{self.context}: {self.source!r}" + (f" ({self.comment})" if self.comment else "")


@dataclass
class Entry:
    """The translation of a text: one form, or as many as the language has for numbers."""

    forms: list[str]
    is_counted: bool = False
    is_unfinished: bool = False
    note: str = ""

    @property
    def is_translated(self) -> bool:
        """Whether somebody has translated all of it, and stands by it."""
        return not self.is_unfinished and bool(self.forms) and all(form.strip() for form in self.forms)


@dataclass
class Found:
    """The texts of the source in their order, each with whether it has a count; and what is wrong with some."""

    texts: dict[Key, bool] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


# --- the source ----------------------------------------------------------------------------------------------------------


class _Finder(ast.NodeVisitor):
    """Finds ``translate("Context", "text")``, by whatever name it is called, and ``self.tr("text")`` of a class."""

    def __init__(self, file: str, found: Found) -> None:
        self._file = file
        self._found = found
        self._classes: list[str] = []
        self._depth = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Remember whose texts these are: Qt's context is the class that they stand in."""
        depth, self._depth = self._depth, 0
        self._classes.append(node.name)
        self.generic_visit(node)
        self._classes.pop()
        self._depth = depth

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """What stands in here is asked for when it is shown."""
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """The same for a coroutine."""
        self._enter(node)

    def _enter(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        # defaults and decorators stand outside
        for outside in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(outside)
        self._depth += 1
        for inside in node.body:
            self.visit(inside)
        self._depth -= 1

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """The same for a function without a name."""
        self._depth += 1
        self.visit(node.body)
        self._depth -= 1

    def visit_Call(self, node: ast.Call) -> None:
        """Take the text of a call that translates."""
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "translate" and len(node.args) >= 2:  # str.translate takes one
            self._take(node, node.args[0], node.args[1], node.args[2:])
        elif name == "tr" and isinstance(node.func, ast.Attribute):
            context = ast.Constant(self._classes[-1]) if self._classes else None
            self._take(node, context, node.args[0] if node.args else None, node.args[1:])

    def _take(
        self, node: ast.Call, context: ast.expr | None, source: ast.expr | None, rest: list[ast.expr]
    ) -> None:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        comment = rest[0] if rest else named.get("disambiguation", ast.Constant(""))
        has_count = len(rest) > 1 or "n" in named
        texts = [part.value if isinstance(part, ast.Constant) else None for part in (context, source)]
        remark = (comment.value or "") if isinstance(comment, ast.Constant) else None
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(remark, str):
            self._complain(node, "context and text must stand there in full: they cannot be found otherwise")
            return
        key = Key(str(texts[0]), str(texts[1]), remark)
        if not self._depth:
            self._complain(node, f"{key} is asked for while it is imported, before there is a translation")
        if bool(re.search("%L?n", key.source)) != has_count:
            self._complain(node, f"{key} needs a count and %n, or neither")
        if self._found.texts.setdefault(key, has_count) != has_count:
            self._complain(node, f"{key} has a count in one place only")

    def _complain(self, node: ast.Call, text: str) -> None:
        self._found.problems.append(f"{self._file}:{node.lineno}: {text}")


def find(source: Path = SOURCE) -> Found:
    """Find every text below a folder."""
    found = Found()
    for file in sorted(source.rglob("*.py")):
        where = file.relative_to(source)
        if where.parts[0] not in NOT_SEEN:
            tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
            _Finder(f"{source.name}/{where.as_posix()}", found).visit(tree)
    found.texts = dict(sorted(found.texts.items(), key=lambda item: item[0].context))  # else in their order
    return found


# --- the files that are edited -------------------------------------------------------------------------------------------


def read(file: Path) -> dict[Key, Entry]:
    """What a .ts file holds."""
    entries = {}
    for context in ET.parse(file).getroot().iter("context"):
        name = context.findtext("name", "")
        for message in context.iter("message"):
            translation = message.find("translation")
            is_counted = message.get("numerus") == "yes"
            forms: list[str] = []
            if translation is not None:
                parts = translation.iter("numerusform") if is_counted else (translation,)
                forms = [part.text or "" for part in parts]
            key = Key(name, message.findtext("source", ""), message.findtext("comment", ""))
            entries[key] = Entry(
                forms,
                is_counted,
                translation is None or translation.get("type") == "unfinished",
                message.findtext("translatorcomment", ""),
            )
    return entries


def written(language: str, entries: dict[Key, Entry]) -> str:
    """A .ts file as Qt's own tools write it, without line numbers: those would change with every edit of the source."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<!DOCTYPE TS>",
        f'<TS version="2.1" language="{language}" sourcelanguage="en">',
    ]
    before = ""
    for key, entry in entries.items():
        if key.context != before:
            lines += ["</context>"] * bool(before)
            lines += ["<context>", f"    <name>{escape(key.context)}</name>"]
            before = key.context
        lines.append('    <message numerus="yes">' if entry.is_counted else "    <message>")
        lines.append(f"        <source>{escape(key.source)}</source>")
        if key.comment:
            lines.append(f"        <comment>{escape(key.comment)}</comment>")
        if entry.note:
            lines.append(f"        <translatorcomment>{escape(entry.note)}</translatorcomment>")
        mark = "" if entry.is_translated else ' type="unfinished"'
        if entry.is_counted:
            lines.append(f"        <translation{mark}>")
            lines += [f"            <numerusform>{escape(form)}</numerusform>" for form in entry.forms]
            lines.append("        </translation>")
        else:
            lines.append(f"        <translation{mark}>{escape(entry.forms[0])}</translation>")
        lines.append("    </message>")
    lines += ["</context>"] * bool(before)
    return "\n".join([*lines, "</TS>", ""])


def language_of(file: Path) -> str:
    """The language of ``relaydesk_de.ts``."""
    return file.stem.partition("_")[2]


def merged(texts: dict[Key, bool], known: dict[Key, Entry], forms: int) -> dict[Key, Entry]:
    """*known* for exactly *texts*: what is new is empty, what is gone is left out."""
    entries = {}
    for key, is_counted in texts.items():
        entry = known.get(key)
        if entry is None or entry.is_counted != is_counted:
            entry = Entry([""] * (forms if is_counted else 1), is_counted, is_unfinished=True)
        entries[key] = entry
    return entries


def plural_forms(language: str) -> int:
    """How many forms a language has for numbers: Qt knows."""
    with tempfile.TemporaryDirectory() as folder:
        source, file = Path(folder, "one.py"), Path(folder, f"one_{language}.ts")
        source.write_text('class One:\n    def f(self, n):\n        self.tr("%n", "", n)\n', encoding="utf-8")
        _qt("lupdate", str(source), "-ts", str(file))
        return len(next(iter(read(file).values())).forms)


def compile_ts(file: Path, target: Path) -> None:
    """Make what the program loads."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _qt("lrelease", "-silent", "-nounfinished", "-removeidentical", str(file), "-qm", str(target))


def _qt(program: str, *arguments: str) -> None:
    """Run one of Qt's tools, which come with PySide6."""
    place = Path(PySide6.__file__).parent
    command = place / (f"{program}.exe" if sys.platform == "win32" else program)
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise SystemExit(f"{program} failed: {done.stderr or done.stdout}")


# --- what is wrong -------------------------------------------------------------------------------------------------------


def problems_of(texts: dict[Key, bool], entries: dict[Key, Entry]) -> Iterator[str]:
    """What keeps a translation from being complete and right."""
    for key in texts:
        entry = entries.get(key)
        if entry is None or not entry.is_translated:
            yield f"not translated: {key}"
        else:
            for form in entry.forms:
                yield from (f"{what}: {key}: {form!r}" for what in differences(key.source, form))
    for key in entries.keys() - texts.keys():
        yield f"no longer said: {key}"


def differences(source: str, translation: str) -> Iterator[str]:
    """What a translation lacks of its source, or has beyond it, apart from words."""
    if sorted(_PLACEHOLDERS.findall(source)) != sorted(_PLACEHOLDERS.findall(translation)):
        yield "other placeholders"
    if len(_MARK.findall(source)) != len(_MARK.findall(translation)):
        yield "other marks of keys (&)"
    for end in ("…", ":", "."):
        if source.endswith(end) != translation.endswith(end):
            yield f"one of them ends with {end}"
    if translation != translation.strip():
        yield "spaces around"


def outdated(file: Path) -> bool:
    """Whether what the program loads was made from another state of *file*."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made.qm")
        compile_ts(file, made)
        compiled = file.with_suffix(".qm")
        return not compiled.is_file() or compiled.read_bytes() != made.read_bytes()


# --- languages that nobody speaks ----------------------------------------------------------------------------------------

_ACCENTED: Final = str.maketrans("aceinosuyAEINOSU", "àçéîñöšüÿÀÉÎÑÖŠÜ")
_HEBREW: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "אבגדהוזחטיכלמנסעפצקרשתאבגד" * 2
)


def pseudo(text: str, *, is_mirrored: bool = False) -> str:
    """*text* in brackets, two fifths longer, in letters that no source has; placeholders and marks stay."""
    letters = _HEBREW if is_mirrored else _ACCENTED
    kept = [match.span() for match in _PLACEHOLDERS.finditer(text)]
    shown, at = "", 0
    for begin, end in (*kept, (len(text), len(text))):
        shown += text[at:begin].translate(letters) + text[begin:end]
        at = end
    more = "ø" if not is_mirrored else "ש"
    return f"[{shown}{more * max(1, round(len(text) * 0.4) - 2)}]"


def write_pseudo(texts: dict[Key, bool], folder: Path, *, is_mirrored: bool = False) -> Path:
    """Make a language that nobody speaks; the .qm file."""
    language = "he" if is_mirrored else "de"
    forms = plural_forms(language)
    entries = {
        key: Entry([pseudo(key.source, is_mirrored=is_mirrored)] * (forms if is_counted else 1), is_counted)
        for key, is_counted in texts.items()
    }
    file = folder / f"pseudo_{language}.ts"
    file.write_text(written(language, entries), encoding="utf-8")
    compile_ts(file, file.with_suffix(".qm"))
    return file.with_suffix(".qm")


# --- the verbs -----------------------------------------------------------------------------------------------------------


def update(found: Found, folder: Path, new: Iterable[str] = ()) -> None:
    """Bring every file in step with the source, and compile it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {*folder.glob("*.ts"), *(folder / f"relaydesk_{language}.ts" for language in new)}
    for file in sorted(files):
        known = read(file) if file.is_file() else {}
        language = language_of(file)
        entries = merged(found.texts, known, plural_forms(language))
        file.write_text(written(language, entries), encoding="utf-8")
        compile_ts(file, file.with_suffix(".qm"))


def check(found: Found, folder: Path) -> list[str]:
    """Everything that is wrong, a line each."""
    lines = list(found.problems)
    for file in sorted(folder.glob("*.ts")):
        lines += (f"{file.name}: {problem}" for problem in problems_of(found.texts, read(file)))
        if outdated(file):
            lines.append(
                f"{file.with_suffix('.qm').name}: not made from {file.name}; run `make translations`"
            )
    return lines


def main() -> int:
    """Do what was asked for; 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("update").add_argument("--new", action="append", default=[], metavar="fr")
    verbs.add_parser("check")
    verbs.add_parser("pseudo").add_argument("folder", type=Path)
    options = parser.parse_args()
    found = find()
    match options.verb:
        case "update":
            update(found, TRANSLATIONS, options.new)
        case "pseudo":
            for is_mirrored in (False, True):
                print(write_pseudo(found.texts, options.folder, is_mirrored=is_mirrored))
            return 0
    wrong = check(found, TRANSLATIONS)
    print("\n".join(wrong) or f"{len(found.texts)} texts, all translated")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
