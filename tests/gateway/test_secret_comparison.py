"""Reliability reference P9: secrets are compared as bytes by hmac.compare_digest, and nowhere by ``==``.

``==`` tells by its duration how much of a guess was right (Tailscale TS-2025-003, websockets CVE-2021-33880).
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = re.compile(
    r"(token|secret|signature|digest|password|primary_key|secondary_key|access_key)$", re.IGNORECASE
)

MODULES = sorted(
    path for package in ("hyco", "gateway", "agent", "relaydesk") for path in (ROOT / package).rglob("*.py")
)


def name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Attribute(value=inner, attr="encode" | "strip" | "lower" | "decode")):
            return name_of(inner)
    return ""


def comparisons_of_secrets(source: str) -> list[int]:
    """The lines in which something named like a secret is compared with another variable by ``==`` or ``!=``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [node.left, *node.comparators]
            is_constant = any(isinstance(side, ast.Constant) for side in sides)
            if not is_constant and any(SECRET.search(name_of(side)) for side in sides):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_secret_is_compared_by_its_characters(path: Path) -> None:
    assert comparisons_of_secrets(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line", ["token == given", "given != self._secret", "rule.primary_key == key.encode()"]
)
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    assert comparisons_of_secrets(f"x = 1\nif {line}: pass") == [2]
