"""benchmarks: the relays beside ours really relay, and the arithmetic on what was measured is right."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

import pytest

from benchmarks import growth, idle_pairs, plots, publish, report, setups, small_requests, streams
from benchmarks.processes import ROOT, BenchmarkError
from benchmarks.relays import C_FORWARDER, OURS, OURS_PURE, WEBSOCKETS, Relay, Workshop, workshop
from benchmarks.samples import Run, Sample, Spread, spread
from benchmarks.wire import MASK, WebSocket, check_relays, upgrade_request
from benchmarks.works import BARS, QUICK, WORKS, Pace
from hyco.frames import Close, FrameReader, Opcode, close_payload, frame

RESULTS = ROOT / "benchmarks" / "results"
SVG = "{http://www.w3.org/2000/svg}"
SHORT = {"warm_s": 0.02, "measure_s": 0.1}


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with workshop() as made:
        yield made


def relay_of(
    shop: Workshop, name: str, *, is_secure: bool = False
) -> contextlib.AbstractContextManager[Relay]:
    if name in shop.missing:
        pytest.skip(f"{name}: {shop.missing[name]}")
    return shop.relay(name, is_secure=is_secure, cpus=None)


# The relays


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "is_secure"),
    [
        (OURS, False),
        (OURS, True),
        (OURS_PURE, False),
        (WEBSOCKETS, False),
        (WEBSOCKETS, True),
        (C_FORWARDER, False),
    ],
)
def test_a_relay_moves_frames_of_every_size_both_ways(shop: Workshop, name: str, is_secure: bool) -> None:
    with relay_of(shop, name, is_secure=is_secure) as relay, contextlib.closing(relay.meeting()) as meeting:
        check_relays(meeting, seed=1)


@pytest.mark.slow
def test_the_yardstick_refuses_whoever_has_no_token(shop: Workshop) -> None:
    with relay_of(shop, WEBSOCKETS) as relay:
        sender = WebSocket(relay.dial.open())
        with sender.sock:
            sender.sock.sendall(
                upgrade_request(relay.dial.host, "/$hc/bench?sb-hc-action=connect", "no token")
            )
            with pytest.raises(BenchmarkError, match=r"HTTP/1\.1 401"):
                sender.read_answer()


@pytest.mark.slow
def test_the_yardstick_passes_a_close_on(shop: Workshop) -> None:
    with relay_of(shop, WEBSOCKETS) as relay, contextlib.closing(relay.meeting()) as meeting:
        sender, listener = meeting.pair()
        with sender.sock, listener.sock:
            sender.sock.sendall(frame(Opcode.CLOSE, close_payload(4001, "done"), mask=MASK))
            while sender.read():  # the library waits for the end of the TCP connection before it says so
                pass
            sender.sock.close()
            assert FrameReader(is_masked=False).feed(listener.read()) == [Close(4001, "done")]


@pytest.mark.slow
def test_the_c_forwarder_holds_back_a_sender_whose_listener_does_not_read(shop: Workshop) -> None:
    with relay_of(shop, C_FORWARDER) as relay:
        sender, listener = relay.meeting().pair()
        with sender.sock, listener.sock:
            before = relay.program.rss_bytes()
            block = streams.block_of(65_536)
            sent = 0
            sender.sock.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                while sent < 2**30:
                    sent += sender.sock.send(block)
            assert sent < 2**30
            assert relay.program.rss_bytes() - before < 2**20
            sender.sock.shutdown(socket.SHUT_WR)
            received = 0
            while data := listener.read():
                received += len(data)
            assert 0 < received <= sent


# What is measured on them


@pytest.mark.slow
def test_every_work_gives_the_figures_of_its_row(shop: Workshop) -> None:
    pace = Pace(rounds=1, pairs=5, **SHORT)
    with relay_of(shop, OURS) as relay:
        for work in WORKS:
            if not work.is_secure:
                figures = work.measure(relay, pace)
                assert all(figure.name in figures for figure in work.figures), work.name


@pytest.mark.slow
def test_the_yardstick_can_be_measured(shop: Workshop) -> None:
    with relay_of(shop, WEBSOCKETS) as relay:
        assert streams.measure(relay, frame_bytes=65_536, **SHORT)["cpu_s_per_gb"] > 0
        assert setups.measure(relay, **SHORT)["per_s"] > 0
        assert idle_pairs.measure(relay, pairs=20)["base_mib"] > 1


@pytest.mark.slow
def test_work_that_a_relay_cannot_do_is_an_error_and_not_a_figure(shop: Workshop) -> None:
    with relay_of(shop, WEBSOCKETS) as relay, pytest.raises(BenchmarkError, match="not relayed as one"):
        small_requests.measure(relay, **SHORT)


def test_a_block_holds_whole_frames_and_nothing_else() -> None:
    block = streams.block_of(1000)
    one = len(frame(Opcode.BINARY, bytes(1000), mask=MASK))
    assert len(block) % one == 0
    assert streams.BLOCK_BYTES - one < len(block) <= streams.BLOCK_BYTES
    assert len(streams.block_of(2**20)) == 2**20 + 14


@pytest.mark.parametrize("frame_bytes", [64, 1024, 65_535, 65_536, 2**20])
def test_payload_is_told_from_headers(frame_bytes: int) -> None:
    relayed = frame(Opcode.BINARY, bytes(frame_bytes))
    assert len(relayed) * streams.payload_share(frame_bytes) == pytest.approx(frame_bytes)


# Arithmetic and report


def run_of(*samples: Sample, missing: dict[str, str] | None = None) -> Run:
    return Run({"processor": "an abacus"}, dataclasses.asdict(QUICK), missing or {}, samples)


def sample(round_: int, relay: str, cpu: float, work: str = "stream, 64 KiB frames") -> Sample:
    return Sample(round_, work, relay, {"cpu_s_per_gb": cpu, "mb_per_s": 1 / cpu})


def test_the_middle_and_how_far_values_reach() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(3, 1, 10)
    assert spread([1.0, 2.0]) == Spread(1.5, 1, 2)
    assert spread([]) is None


def test_ratios_are_taken_within_each_round_and_not_between_medians() -> None:
    run = run_of(
        sample(0, OURS, 1.0), sample(0, C_FORWARDER, 1.0),
        sample(1, OURS, 6.0), sample(1, C_FORWARDER, 2.0),
        sample(2, OURS, 8.0), sample(2, C_FORWARDER, 4.0),
        sample(3, OURS, 9.0),
    )  # fmt: skip
    ratio = run.ratio("stream, 64 KiB frames", "cpu_s_per_gb", OURS, C_FORWARDER)
    assert ratio == Spread(2, 1, 3)
    assert run.ratio("stream, 64 KiB frames", "cpu_s_per_gb", OURS, WEBSOCKETS) is None


def test_a_run_is_read_back_as_it_was_written() -> None:
    run = run_of(sample(0, OURS, 0.5), missing={C_FORWARDER: "there is no C compiler (cc)"})
    again = Run.from_json(run.to_json())
    assert (again.machine, again.missing, list(again.samples)) == (
        run.machine,
        run.missing,
        list(run.samples),
    )


def test_a_run_is_joined_with_one_of_other_works_or_of_the_same_once_more() -> None:
    first = run_of(sample(0, OURS, 1.0), sample(0, OURS, 1.0, work="stream, 64 B frames"))
    later = dataclasses.replace(run_of(sample(0, OURS, 3.0)), settings={**first.settings, "rounds": 2})
    joined = first.joined(later)
    assert joined.values("stream, 64 KiB frames", "cpu_s_per_gb", OURS) == {0: 3.0}
    assert joined.values("stream, 64 B frames", "cpu_s_per_gb", OURS) == {0: 1.0}
    assert joined.settings["rounds"] == 2


def test_a_relay_that_is_missing_is_named_and_not_dropped() -> None:
    text = report.render(run_of(sample(0, OURS, 0.5), missing={C_FORWARDER: "there is no C compiler (cc)"}))
    assert "Missing: C forwarder, because there is no C compiler (cc)." in text
    assert "| 0.5 [0.5-0.5] | - | - | missing |" in text
    assert text.count("not measured") == len(BARS)


@pytest.mark.parametrize(("cpu", "verdict"), [(1.9, "held"), (2.0, "held"), (2.1, "missed")])
def test_a_bar_is_judged_by_the_median_of_the_ratios(cpu: float, verdict: str) -> None:
    text = report.render(run_of(sample(0, OURS, cpu), sample(0, C_FORWARDER, 1.0)))
    line = next(line for line in text.splitlines() if line.startswith("| CPU per GB to the C forwarder"))
    assert (
        line
        == f"| CPU per GB to the C forwarder, 64 KiB frames | ≤ 2 | 1.3 | {cpu:.3g} [{cpu:.3g}-{cpu:.3g}] | {verdict} |"
    )


def test_of_rates_more_is_better() -> None:
    work = "relayed connections, 8 at once"
    run = run_of(
        Sample(0, work, OURS, {"per_s": 5000, "cpu_us": 100}),
        Sample(0, work, WEBSOCKETS, {"per_s": 2000, "cpu_us": 400}),
    )
    line = next(
        line for line in report.render(run).splitlines() if line.startswith("| set-ups per s to websockets")
    )
    assert line.endswith("| 2.5 [2.5-2.5] | held |")


def test_a_rate_that_the_generator_held_down_is_marked() -> None:
    figures = {"cpu_s_per_gb": 0.1, "mb_per_s": 5000.0, "relay_share": 0.5, "generator_share": 0.99}
    text = report.render(run_of(Sample(0, "stream, 1 MiB frames", OURS, figures)))
    assert "5,000 [5,000-5,000] * |" in text
    assert "*: the generator was at its limit" in text


def test_every_bar_names_a_figure_that_is_measured() -> None:
    works = {work.name: work for work in WORKS}
    for bar in BARS:
        assert bar.figure in works[bar.work].figures
        assert bar.base is None or bar.base in works[bar.work].relays


@pytest.mark.parametrize("name", list(publish.KINDS))
def test_the_page_shows_the_reference_runs(name: str) -> None:
    """docs/performance.md is worth what is behind it: ``python -m benchmarks.publish`` gives what stands there."""
    kind = publish.KINDS[name]
    source = RESULTS / kind.reference
    page = publish.PAGE.read_text()
    if not source.exists():
        assert (
            publish.put(page, kind.mark, "Not measured yet: `make bench-full`, then `make bench-publish`.\n")
            == page
        )
        return
    run = Run.from_json(source.read_text())
    assert run.settings["rounds"] >= publish.LEAST_ROUNDS
    assert publish.put(page, kind.mark, publish.section(kind, run)) == page
    for file, svg in kind.draw(run).items():
        assert (publish.IMAGES / file).read_text() == svg


def test_text_is_put_between_marks_and_nowhere_else() -> None:
    page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    assert publish.put(page, "x", "new\n") == page.replace("old", "new")
    with pytest.raises(ValueError, match="no marks for y"):
        publish.put(page, "y", "new\n")


# Growth


@pytest.mark.slow
@pytest.mark.parametrize("what", [growth.PAIRS, growth.LISTENERS, growth.CONNECTIONS])
def test_what_a_gateway_holds_is_weighed_at_each_number(shop: Workshop, what: str) -> None:
    pace = growth.Pace(rounds=1, counts=(2, 4), idle_s=0.02, warm_s=0.1, measure_s=0.3)
    figures = list(growth.GROWING[what](shop, pace))
    assert [one["count"] for one in figures] == [0, 2, 4]
    assert all(one["rss_kib"] > 1024 and one["setup_cpu_us"] > 0 for one in figures)
    assert all(("start_s" in one) == (what == growth.CONNECTIONS) for one in figures)


def grown(cost: Callable[[int], float]) -> Run:
    samples = [
        Sample(round_, growth.PAIRS, OURS, {"count": count, "rss_kib": cost(count)})
        for round_ in range(5)
        for count in (0, 10, 300, 9_000)
    ]
    return Run({"processor": "an abacus"}, {"rounds": 5, "counts": [10, 300, 9_000]}, {}, samples)


def test_a_line_is_found_where_there_is_one() -> None:
    found = growth.curve(grown(lambda count: 50_000 + 4 * count), growth.PAIRS, "rss_kib")
    assert found is not None
    assert (found.base, found.slope, found.power) == (
        pytest.approx(50_000),
        pytest.approx(4),
        pytest.approx(1),
    )
    assert not found.is_worse_than_linear
    assert "Nothing grows faster than by a line." in growth.render(grown(lambda count: 50_000 + 4 * count))


def test_what_grows_faster_than_by_a_line_is_named() -> None:
    text = growth.render(grown(lambda count: 50_000 + count**2 / 100))
    assert "Worse than by a line: memory, KiB with the number of relayed pairs (power 2.00)." in text


def test_what_hardly_grows_is_not_judged_by_its_noise() -> None:
    found = growth.curve(grown(lambda count: 50_000 + count / 1000), growth.PAIRS, "rss_kib")
    assert found is not None
    assert found.power is None


# Plots


def test_bars_are_as_long_as_their_figures_and_show_their_range() -> None:
    svg = plots.bars(
        "MB <per> s", [("ours & co", Spread(50, 40, 60), True), ("theirs", Spread(100, 90, 120), False)]
    )
    root = ET.fromstring(svg)
    widths = [float(rect.get("width", "0")) for rect in root.iter(f"{SVG}rect")][1:]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert "MB <per> s" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_straight_line_looks_like_one_where_it_is_to() -> None:
    svg = plots.curves("KiB", "n", {"ours": [(0, 100), (10, 200), (20, 300)]}, is_linear=True)
    places = [
        (float(one.get("cx", "0")), float(one.get("cy", "0")))
        for one in ET.fromstring(svg).iter(f"{SVG}circle")
    ]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert (x1 - x0, y1 - y0) == (pytest.approx(x2 - x1, abs=0.2), pytest.approx(y2 - y1, abs=0.2))
    assert x0 < x1
    assert y0 > y1  # upwards


def test_curves_have_a_point_for_each_figure_and_a_name() -> None:
    svg = plots.curves(
        "µs", "n", {"ours": [(0, 1), (10, 100), (1000, 10)], "theirs": [(10, 7)], "nobody": []}
    )
    root = ET.fromstring(svg)
    assert len(list(root.iter(f"{SVG}circle"))) == 3  # zero has no logarithm
    names = [text.text for text in root.iter(f"{SVG}text")]
    assert {"ours", "theirs"} <= set(names)
    assert "nobody" not in names
