"""What the documents promise: tests that exist, settings that are so, links that lead somewhere."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from agent.config import ConnectionConfig, Credential, Deadlines, NetworkConfig
from gateway.config import GatewayConfig
from tests.test_layout import CHECKOUT, tracked_files

PROTOCOL = CHECKOUT / "docs" / "protocol.md"
TESTS = CHECKOUT / "tests"

#: All that the reliability reference asks for.
RELIABILITY_ROWS = [
    *(["L1", "L2", "L3", "L4", "L5", "L7", "L8"]),
    *(["F1", "F2", "F3", "F4b", "F5", "F8", "F9", "F10", "F11", "F13", "F14", "F15", "F16", "F17", "F20"]),
    *(["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "S1"]),
    *(f"P{number}" for number in range(1, 13)),
    "D1 to D6",
]


def tables(page: Path, *columns: str) -> Iterator[list[str]]:
    """The rows of every table of *page* that begins with these columns."""
    is_inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            is_inside = False
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if tuple(cells[: len(columns)]) == columns:
            is_inside = True
        elif is_inside and not set(line) <= set("|-: "):
            yield cells


def rules() -> list[tuple[str, str, str, str]]:
    """Rule, source, status and tests of each line of docs/protocol.md."""
    found = []
    for line in PROTOCOL.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().split("|")[1:-1]]
        if len(cells) == 4 and cells[1].startswith("§"):
            found.append((cells[0], cells[1], cells[2], cells[3]))
    return found


@pytest.fixture(scope="module")
def modules_of() -> dict[str, set[str]]:
    """Every test there is, and the modules (``hyco/test_sas``) that have one of that name."""
    found = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        module = path.relative_to(TESTS).with_suffix("").as_posix()
        for name in re.findall(
            r"^ *(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            found[name].add(module)
    return dict(found)


def test_every_line_of_a_table_of_rules_is_read():
    """A cell with a bar in it would make a line of five cells, which nobody checks."""
    lines = [
        line for line in PROTOCOL.read_text(encoding="utf-8").splitlines() if "§" in line and "|" in line
    ]
    assert len(rules()) == len([line for line in lines if line.startswith("|")]) > 100


def wrong_names(rule: str, tests: str, modules_of: dict[str, set[str]]) -> Iterator[str]:
    """The tests named in a cell that do not exist, or not only once."""
    for module, name in re.findall(r"`(?:([\w/]+)::)?(\w+)`", tests):
        modules = modules_of.get(name, set())
        if module and module not in modules:
            yield f"{module}::{name} does not exist ({rule})"
        elif not module and len(modules) != 1:
            where = f"is in {sorted(modules)}: say which" if modules else "does not exist"
            yield f"{name} {where} ({rule})"


def test_every_test_that_the_protocol_page_names_exists(modules_of: dict[str, set[str]]):
    wrong = [name for rule, _, _, tests in rules() for name in wrong_names(rule, tests, modules_of)]
    assert wrong == []


def test_every_line_of_the_threat_model_names_tests_that_exist(modules_of: dict[str, set[str]]):
    page = CHECKOUT / "THREAT_MODEL.md"
    rows = list(tables(page, "threat", "answer", "test"))
    assert len(rows) > 30
    assert [row for row in rows if len(row) != 3 or "`test_" not in row[2].replace("::", "`")] == []
    wrong = [name for threat, _, tests in rows for name in wrong_names(threat, tests, modules_of)]
    assert wrong == []


def test_every_rule_has_a_status_and_what_is_done_has_a_test():
    for rule, source, status, tests in rules():
        kind, _, reason = status.partition(":")
        assert kind in ("done", "deviates", "not in this release"), rule
        assert kind != "deviates" or reason.strip(), f"{rule}: why?"
        assert kind != "done" or tests, f"{source} {rule}: which test?"


def test_every_row_about_reliability_has_a_state_and_what_holds_has_a_test(modules_of: dict[str, set[str]]):
    rows = list(tables(CHECKOUT / "docs" / "reliability.md", "row", "asks for", "state", "test"))
    assert [row[0] for row in rows] == RELIABILITY_ROWS
    for row, _, state, *tests in rows:
        cell = " ".join(tests)
        assert state.startswith(("holds", "in part", "fails", "unknown", "later")), row
        assert not state.startswith(("holds", "fails")) or "`" in cell, f"{row}: which test?"
        assert list(wrong_names(row, cell, modules_of)) == []


@pytest.mark.parametrize("row", range(1, 21))
def test_the_protocol_page_has_each_row_of_the_checklist(row: int):
    (tests,) = [tests for _, source, _, tests in rules() if source == f"§16 row {row}"]
    assert f"`test_row_{row}_" in tests


@pytest.mark.parametrize("section", [*map(str, range(1, 12)), "12.1", "12.2", "17"])
def test_the_protocol_page_has_rules_of_each_section(section: str):
    pattern = re.compile(rf"§{re.escape(section)}(?!\d)")
    assert any(pattern.search(source) for _, source, _, _ in rules())


# --- links ---------------------------------------------------------------------------------------------------------------

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


def anchors(page: Path) -> set[str]:
    """What a link can name in *page*: its headings, as forges spell them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_relative_link_leads_somewhere():
    tracked = set(tracked_files())
    folders = {folder for path in tracked for folder in path.parents}
    broken = []
    for page in (path for path in tracked if path.suffix == ".md"):
        for pair in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
            link = next(filter(None, pair))
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (page.parent / name).resolve() if name else page
            if target not in tracked and target not in folders:
                broken.append(f"{page.relative_to(CHECKOUT)}: {link}")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                broken.append(f"{page.relative_to(CHECKOUT)}: {link} (no such heading)")
    assert broken == []


# --- settings ------------------------------------------------------------------------------------------------------------

_SECRET = {"text"}  # of a credential: for programs, never in a file


@pytest.mark.parametrize(
    ("page", "settings"),
    [
        ("gateway.md", [GatewayConfig]),
        ("agent.md", [ConnectionConfig, Credential, NetworkConfig, Deadlines]),
    ],
)
def test_every_setting_is_described_with_its_default(page: str, settings: list[type]):
    rows = list(tables(CHECKOUT / "docs" / page, "setting", "default"))
    described = {row[0].strip("`"): row[1] for row in rows}
    assert len(described) == len(rows), "one setting is described twice"
    fields = {field.name: field for kind in settings for field in dataclasses.fields(kind)}
    assert described.keys() == fields.keys() - _SECRET
    for name, field in fields.items():
        if isinstance(field.default, bool):
            assert described[name] == str(field.default).lower(), name
        elif isinstance(field.default, int | float):
            number = re.match(r"[\d,.]*\d", described[name])
            assert number is not None, name
            assert float(number[0].replace(",", "")) == field.default, name
