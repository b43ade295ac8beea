"""A run of whole paths as text, in Markdown: every figure with its range, and ours beside each peer, won or lost."""

from __future__ import annotations

from ..peers.cast import CHISEL_PEER, HYCO_WS_PEER, OURS, OURS_PURE, OURS_TLS, PEERS, SSH, Peer
from ..peers.tools import LISTENER, RELAY, SENDER
from ..relays import WEBSOCKETS
from ..report import BUSY, show, table
from ..samples import Run, Spread
from ..works import Figure
from .works import (
    CONNECT_MANY,
    CONNECT_ONE,
    CPU_PER_GB,
    CPU_US,
    CUT,
    DISTANCE,
    HTTP_FEW,
    HTTP_MANY,
    KILL_LISTENER,
    KILL_RELAY,
    LADDER,
    LOST,
    MB_PER_S,
    MEMORY,
    OPEN_LOOP,
    P50_US,
    P99_US,
    PER_S,
    PINGPONG,
    RECOVERY_S,
    STREAMS,
    cost,
)

#: Between these, neither is ahead: the machine alone moves figures so far.
_EVEN = 0.9, 1.1
#: What ours is compared by, and what of it.
COMPARED = (
    ("one stream down", MB_PER_S),
    ("one stream up", MB_PER_S),
    ("64 streams down", MB_PER_S),
    ("one stream down", CPU_PER_GB),
    (PINGPONG, P50_US),
    (CONNECT_ONE, P50_US),
    (CONNECT_MANY, PER_S),
    (HTTP_FEW, PER_S),
)
#: What is to be held on whole paths (design, "Numbers to hold"): ours, the peer, at least, reach for.
BARS = (
    ("to the same on websockets, plain", OURS, WEBSOCKETS, 2.0, 2.0),
    ("to OpenSSH, plain", OURS, SSH, 1.5, 1.5),
    ("to chisel, plain", OURS, CHISEL_PEER, 1.0, 1.0),
    ("to wstunnel (npm), plain", OURS, "wstunnel (npm)", 1.0, 1.0),
    ("to hyco-ws, plain", OURS, HYCO_WS_PEER, 1.0, 1.0),
    ("to rathole, plain", OURS, "rathole", None, 1.0),
    ("to frp, plain", OURS, "frp, plain", None, 1.0),
    ("to OpenSSH, TLS on both legs", OURS_TLS, SSH, 0.8, 1.0),
    ("to chisel, TLS on both legs", OURS_TLS, CHISEL_PEER, 1.0, 1.0),
    ("to rathole with Noise, TLS on both legs", OURS_TLS, "rathole, Noise", None, 1.0),
    ("to frp with TLS, TLS on both legs", OURS_TLS, "frp, TLS", None, 1.0),
)


def render(run: Run) -> str:
    """The whole report."""
    done = {sample.work for sample in run.samples}
    parts = [_machine(run), _cast(run), _outcome(run, OURS), _outcome(run, OURS_TLS)]
    if done & STREAMS.keys():
        parts += [_bars(run), _rates(run), _gigabytes(run)]
    if done & {PINGPONG, CONNECT_ONE, CONNECT_MANY, HTTP_FEW, HTTP_MANY}:
        parts += [_small(run)]
    parts += [_comparison(run, OURS), _comparison(run, OURS_TLS)]
    for work, title, kind in _BY_NUMBER:
        if work in done:
            parts.append(_by_number(run, work, title, kind))
    if OPEN_LOOP in done:
        parts.append(_knees(run))
    if done & {KILL_RELAY, KILL_LISTENER, CUT}:
        parts.append(_outages(run))
    parts.append(_failed(run))
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(run: Run) -> str:
    lines = [f"* {name}: {value}" for name, value in run.machine.items()]
    settings = run.settings
    lines.append(
        f"* pace: {settings['rounds']:g} rounds, each figure over {settings['measure_ms']:g} ms after {settings['warm_ms']:g} ms"
    )
    return "\n".join(lines)


def _cast(run: Run) -> str:
    measured = {sample.relay for sample in run.samples}
    rows = []
    for peer in PEERS:
        if peer.name in run.missing:
            state = f"missing: {run.missing[peer.name]}"
        elif peer.name in measured:
            state = "measured"
        else:
            state = "not part of this run"
        rows.append((peer.name, "encrypted" if peer.is_secure else "plain", peer.about, state))
    return table(("path", "", "what it is", "here"), rows)


def _peers(run: Run) -> list[Peer]:
    """Those with a row: the plain ones first."""
    measured = {sample.relay for sample in run.samples} | {failure.relay for failure in run.failures}
    return [peer for peer in PEERS if peer.name in measured]


def _cell(run: Run, work: str, figure: str, peer: str, *, is_rate: bool = False) -> str:
    found = run.spread(work, figure, peer)
    if found is None:
        is_failed = any((failure.work, failure.relay) == (work, peer) for failure in run.failures)
        return "failed" if is_failed else ""
    text = show(found)
    generator = run.spread(work, "generator_share", peer)
    if is_rate and generator and generator.median > BUSY:
        text += " *"
    return text


def _noted(text: str) -> str:
    return text + ("\n\n*: the load was at its limit, and the path perhaps not." if " *" in text else "")


def _rates(run: Run) -> str:
    rows = [
        (peer.name, *(_cell(run, work, "mb_per_s", peer.name, is_rate=True) for work in STREAMS))
        for peer in _peers(run)
    ]
    return "**Streams, MB per second ↑**\n\n" + _noted(table(("path", *STREAMS), rows))


def _gigabytes(run: Run) -> str:
    rows = []
    for work in STREAMS:
        for peer in _peers(run):
            if run.spread(work, "mb_per_s", peer.name) is None:
                continue
            both = f"{RELAY} and {LISTENER}"
            relay = _cell(run, work, cost("cpu_s_per_gb", RELAY), peer.name)
            if shared := _cell(run, work, cost("cpu_s_per_gb", both), peer.name):
                relay = f"{shared}, with the {LISTENER}"
            others = (_cell(run, work, cost("cpu_s_per_gb", role), peer.name) for role in (LISTENER, SENDER))
            rate, total = (_cell(run, work, figure, peer.name) for figure in ("mb_per_s", "cpu_s_per_gb"))
            rows.append((work, peer.name, rate, total, relay, *others))
    head = ("work", "path", "MB/s ↑", "CPU s per GB ↓", RELAY, LISTENER, SENDER)
    return _folded("What a gigabyte costs each program, in seconds of a processor", table(head, rows))


def _small(run: Run) -> str:
    columns = [
        (work, figure)
        for work, figures in (
            (PINGPONG, (P50_US, P99_US, CPU_US)),
            (CONNECT_ONE, (P50_US, P99_US)),
            (CONNECT_MANY, (PER_S, P99_US, CPU_US)),
            (HTTP_FEW, (PER_S, P99_US, CPU_US)),
            (HTTP_MANY, (PER_S, P99_US)),
        )
        for figure in figures
        if any(sample.work == work for sample in run.samples)
    ]
    head = ("path", *(f"{work}: {figure.text} {_arrow(figure)}" for work, figure in columns))
    rows = [
        (
            peer.name,
            *(_cell(run, work, figure.name, peer.name, is_rate=figure.is_rate) for work, figure in columns),
        )
        for peer in _peers(run)
    ]
    return "**Small things**\n\n" + _noted(table(head, rows))


def _arrow(figure: Figure) -> str:
    return "↑" if figure.is_rate else "↓"


def advantage(run: Run, work: str, figure: Figure, ours: str, peer: str) -> Spread | None:
    """How many times better ours is, round by round: above 1 it is ahead, whether more or less of *figure* is better."""
    return (
        run.ratio(work, figure.name, ours, peer)
        if figure.is_rate
        else run.ratio(work, figure.name, peer, ours)
    )


def verdict(found: Spread | None) -> str:
    """``ahead``, ``even`` or ``behind``, by the median."""
    if found is None:
        return ""
    low, high = _EVEN
    return "behind" if found.median < low else "ahead" if found.median > high else "even"


def _others(run: Run, ours: str) -> list[Peer]:
    """Whom *ours* is compared with: paths of its kind, and for the plain one also those that only come encrypted."""
    is_secure = ours == OURS_TLS
    wanted = {SSH, CHISEL_PEER}
    return [
        peer
        for peer in _peers(run)
        if peer.name not in {OURS, OURS_PURE, OURS_TLS}
        and (peer.is_secure == is_secure or (not is_secure and peer.name in wanted))
    ]


def _outcome(run: Run, ours: str) -> str:
    """Won and lost in one line for each thing that is compared, the greatest difference first."""
    lines = []
    for work, figure in COMPARED:
        sides: dict[str, list[tuple[float, str]]] = {"ahead": [], "even": [], "behind": []}
        for peer in _others(run, ours):
            found = advantage(run, work, figure, ours, peer.name)
            if found is not None:
                sides[verdict(found)].append((found.median, peer.name))
        words = {"ahead": "ahead of", "even": "even with", "behind": "behind"}
        told = []
        for side, found_there in sides.items():
            ordered = sorted(found_there, reverse=side == "ahead")
            if ordered:
                told.append(
                    f"{words[side]} {', '.join(f'{name} ({median:.2g})' for median, name in ordered)}"
                )
        if told:
            lines.append(f"* *{work}, {figure.text}*: {'; '.join(told)}.")
    if not lines:
        return ""
    return f"**{ours}: won and lost**, in brackets how many times better\n\n" + "\n".join(lines)


def _comparison(run: Run, ours: str) -> str:
    others = _others(run, ours)
    columns = [(work, figure) for work, figure in COMPARED if run.spread(work, figure.name, ours)]
    if not others or not columns:
        return ""
    rows = []
    for peer in others:
        cells = []
        for work, figure in columns:
            found = advantage(run, work, figure, ours, peer.name)
            cells.append(f"{show(found)} {verdict(found)}" if found else "")
        rows.append((peer.name, *cells))
    head = ("to", *(f"{work}: {figure.text}" for work, figure in columns))
    title = f"{ours}: how many times better than each, with its range (below 1: worse)"
    return _folded(title, table(head, rows))


def _bars(run: Run) -> str:
    rows = []
    for text, ours, peer, hold, reach in BARS:
        found = run.ratio("one stream down", "mb_per_s", ours, peer)
        if found is None:
            state = "not measured"
        elif hold is None:
            state = verdict(found)
        else:
            state = "held" if found.median >= hold else "missed"
        rows.append((text, f"≥ {hold:g}" if hold else "stated", f"{reach:g}", show(found), state))
    return "**One stream, ratio of MB per second**\n\n" + table(("", "hold", "reach for", "here", ""), rows)


_BY_NUMBER = (
    (LADDER, "Size ladder: so many bytes there, one back, p50 µs ↓", "p50_us of "),
    (MEMORY, "Memory of all programs, KiB for each idle stream ↓, by their number", "kib_per_stream of "),
    (DISTANCE, "New connection and a byte, p50 µs ↓, by round trip", "connect p50_us at "),
    (DISTANCE, "64 B there and back, p50 µs ↓, by round trip", "pingpong p50_us at "),
    (DISTANCE, "One stream down, MB/s ↑, by round trip", "mb_per_s at "),
    (
        OPEN_LOOP,
        "HTTP at fixed rates, p99 µs ↓ from when each was to be sent, by requests per second",
        "p99_us at ",
    ),
)


def numbers(run: Run, work: str, prefix: str) -> list[str]:
    """The figures of *work* that are *prefix* and a number, in its order."""
    found = {
        figure
        for sample in run.samples
        if sample.work == work
        for figure in sample.figures
        if figure.startswith(prefix) and "," not in figure
    }
    return sorted(found, key=lambda figure: float(figure.removeprefix(prefix).split()[0]))


def _by_number(run: Run, work: str, title: str, prefix: str) -> str:
    figures = numbers(run, work, prefix)
    rows = []
    for peer in _peers(run):
        cells = [_cell(run, work, figure, peer.name) for figure in figures]
        if any(cells):
            rows.append((peer.name, *cells))
    head = ["path", *(_counted(figure.removeprefix(prefix)) for figure in figures)]
    if work == MEMORY:
        head.insert(1, "MiB at rest")
        rows = [(row[0], _cell(run, work, "base_mib", row[0]), *row[1:]) for row in rows]
    return f"**{title}**\n\n{table(head, rows)}"


def _counted(number: str) -> str:
    count, _, unit = number.partition(" ")
    return f"{int(count):,}{f' {unit}' if unit else ''}"


def _knees(run: Run) -> str:
    rows = [
        (peer.name, _cell(run, OPEN_LOOP, "knee_per_s", peer.name, is_rate=True))
        for peer in _peers(run)
        if run.spread(OPEN_LOOP, "knee_per_s", peer.name)
    ]
    head = ("path", "requests per second ↑ that were kept")
    return "**HTTP at fixed rates: the knee**\n\n" + _noted(table(head, rows))


def _outages(run: Run) -> str:
    columns = [(work, figure) for work in (KILL_RELAY, KILL_LISTENER, CUT) for figure in (RECOVERY_S, LOST)]
    head = ("path", *(f"{work}: {figure.text} ↓" for work, figure in columns))
    rows = [
        (peer.name, *(_cell(run, work, figure.name, peer.name) for work, figure in columns))
        for peer in _peers(run)
    ]
    return f"**After a failure**\n\n{table(head, rows)}"


def _failed(run: Run) -> str:
    seen: dict[tuple[str, str, str], int] = {}
    for failure in run.failures:
        key = failure.relay, failure.work, failure.reason
        seen[key] = seen.get(key, 0) + 1
    lines = [f"* {relay}, {work}: {reason} ({count} times)" for (relay, work, reason), count in seen.items()]
    return "**What did not work**\n\n" + "\n".join(lines) if lines else ""


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
