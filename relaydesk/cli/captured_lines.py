"""Captured exchanges in lines, as the desktop told them."""

from __future__ import annotations

from collections.abc import Mapping

from .figures import clock_time, size
from .output import Output

Said = Mapping[str, object]
"""An exchange, as the desktop tells it."""

HEADINGS = ["ID", "TIME", "SERVICE", "REQUEST", "STATUS", "TOOK", "SIZE"]


def row(one: Said) -> list[str]:
    """A line of a table."""
    return [
        number(one),
        clock_time(_float(one, "startedAt")),
        str(one.get("service")),
        f"{one.get('method')} {one.get('target')}",
        _status(one),
        _took(one),
        size(int(_float(one, "responseBytes"))),
    ]


def line(one: Said) -> str:
    """A line by itself."""
    text = (
        f"{number(one):>5}  {clock_time(_float(one, 'startedAt'))}  {one.get('service')}  {one.get('method')}"
        f" {one.get('target')} -> {_status(one)}  {_took(one)}  {size(int(_float(one, 'responseBytes')))}"
    )
    if one.get("replayOf") is not None:
        text += f"  (replay of {one.get('replayOf')})"
    return f"{text}  ({one.get('error')})" if one.get("error") else text


def style(one: Said) -> str:
    """How it looks where there are colours."""
    status = int(_float(one, "status"))
    if one.get("error") or status >= 500:
        return "red"
    return "yellow" if status >= 400 else ""


def whole(output: Output, one: Said) -> None:
    """All of one exchange but its bodies."""
    way = f"{one.get('service')}  {one.get('gateway')} -> {one.get('localServer')}"
    lines = [
        f"{number(one)}  {clock_time(_float(one, 'startedAt'))}  {way}",
        "",
        f"{one.get('method')} {one.get('target')}",
        *_headers(one.get("requestHeaders")),
        f"  [{_body(one.get('requestBody'))}]",
        "",
        f"{_status(one)} {one.get('reason')}".rstrip(),
        *_headers(one.get("responseHeaders")),
        f"  [{_body(one.get('responseBody'))}]",
        "",
        *_timing(one.get("timing")),
    ]
    if one.get("error"):
        lines.append(f"failed: {one.get('error')}")
    if one.get("note"):
        lines.append(f"note: {one.get('note')}")
    for text in lines:
        output.show(text)


def number(one: Said) -> str:
    """Its id."""
    return f"{int(_float(one, 'id'))}"


def _status(one: Said) -> str:
    status = int(_float(one, "status"))
    if status:
        return str(status)
    return "failed" if one.get("error") else "..." if not one.get("isOver") else "-"


def _took(one: Said) -> str:
    seconds = one.get("durationSeconds")
    return f"{seconds * 1000:.0f} ms" if isinstance(seconds, int | float) else "..."


def _headers(headers: object) -> list[str]:
    pairs = headers if isinstance(headers, list) else []
    return [f"  {name}: {value}" for name, value in pairs]


def _body(body: object) -> str:
    if not isinstance(body, dict):
        return "no body"
    whole_size, kept = int(_float(body, "size")), int(_float(body, "kept"))
    text = size(whole_size) if whole_size else "no body"
    if body.get("lost"):
        return f"{text}, of which {size(kept)} are kept: {body.get('lost')}"
    return text if body.get("isWhole") else f"{text} so far, or cut"


def _timing(phases: object) -> list[str]:
    if not isinstance(phases, list):
        return []
    return [
        f"  {one['phase']:<10} {one['seconds'] * 1000:9.1f} ms" for one in phases if isinstance(one, dict)
    ]


def _float(members: Said, name: str) -> float:
    value = members.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
