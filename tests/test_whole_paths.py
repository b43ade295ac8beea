"""benchmarks.paths and benchmarks.peers: every work runs on a path, peers are told apart from failures, reports are right."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.paths import __main__ as paths
from benchmarks.paths import report, works
from benchmarks.paths.load import Programs
from benchmarks.paths.stage import Bench
from benchmarks.paths.works import CORE, Pace
from benchmarks.peers import installing
from benchmarks.peers.cast import CHISEL_PEER, OURS, OURS_TLS, PEERS, SSH, Peer, Stage
from benchmarks.peers.installing import Package, PeerMissingError
from benchmarks.peers.tools import LISTENER, RELAY, Command, free_ports, up
from benchmarks.processes import ROOT, BenchmarkError
from benchmarks.relays import Workshop, workshop
from benchmarks.samples import Failure, Run, Sample

TINY = Pace(
    rounds=1,
    warm_ms=20,
    measure_ms=200,  # a busy machine stands still for tens of them
    idle=(3,),
    rates=(50,),
    sizes=(1, 100_000),
    distances_ms=(10,),
    streams=2,
    cut_s=0.1,
    recovery_s=20.0,
)
ONE_STREAM = "one stream down"


def peer(name: str) -> Peer:
    return next(one for one in PEERS if one.name == name)


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with workshop() as made:
        yield made


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = Programs(Path(folder))
        except BenchmarkError as error:
            pytest.skip(str(error))
        yield made


@pytest.fixture(scope="module")
def bench(shop: Workshop, programs: Programs) -> Iterator[Bench]:
    with programs.load() as load, contextlib.closing(Bench(shop, programs, load)) as made:
        yield made


FORWARDER = """
import asyncio, sys

async def join(reader, writer):
    there, out = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    async def copy(source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        sink.close()
    await asyncio.gather(copy(reader, out), copy(there, writer))

async def main():
    async with await asyncio.start_server(join, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()

asyncio.run(main())
"""


def forwarder(stage: Stage) -> tuple[int, list[Command]]:
    """The smallest peer: one program that leads a port to another one."""
    (entry,) = free_ports(1)
    command = [sys.executable, "-c", FORWARDER, str(entry), str(stage.distant(stage.target))]
    return entry, [Command(f"{RELAY} and {LISTENER}", command, port=entry)]


def relay_alone(stage: Stage) -> tuple[int, list[Command]]:
    entry, (command,) = forwarder(stage)
    return entry, [dataclasses.replace(command, role=RELAY)]


FORWARDING = Peer("forwarder", "one program", is_secure=False, set_up=forwarder)


CHANGER = """
import socket, sys

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        near, _ = server.accept()
        with near:
            seen = 0
            while data := near.recv(65536):
                near.sendall(bytes(byte ^ (seen + at > 500_000) for at, byte in enumerate(data)))
                seen += len(data)
"""


def changer() -> tuple[int, list[Command]]:
    """A path that turns bits over, though not from the start."""
    (entry,) = free_ports(1)
    return entry, [Command(RELAY, [sys.executable, "-c", CHANGER, str(entry)], port=entry)]


def broken(_: Stage) -> tuple[int, list[Command]]:
    (entry,) = free_ports(1)
    return entry, [Command(RELAY, [sys.executable, "-c", "raise SystemExit('out of steam')"], port=entry)]


def absent(_: Stage) -> tuple[int, list[Command]]:
    raise PeerMissingError("nobody made it")


# Works


@pytest.mark.slow
@pytest.mark.parametrize("work", works.WORKS, ids=lambda work: work.name)
def test_every_work_gives_the_figures_of_its_row(bench: Bench, work: works.Work) -> None:
    figures = work.measure(bench, FORWARDING, TINY)
    assert figures
    assert all(figure.name in figures for figure in work.figures)
    if work.name in works.STREAMS:
        assert figures["mb_per_s"] > 0
        assert figures[works.cost("cpu_s_per_gb", f"{RELAY} and {LISTENER}")] == figures["cpu_s_per_gb"] > 0


@pytest.mark.slow
def test_distance_takes_its_time(bench: Bench) -> None:
    figures = works.WORKS[-1].measure(bench, FORWARDING, TINY)
    assert figures["pingpong p50_us at 10 ms"] >= 10_000
    assert figures["connect p50_us at 10 ms"] >= 20_000  # TCP's handshake is a round trip of its own


@pytest.mark.slow
def test_what_a_cut_cable_keeps_back_arrives_once_it_is_mended(bench: Bench) -> None:
    with bench.fresh(FORWARDING, round_trip_ms=1) as (route, distance), route.connect() as near:
        assert distance is not None
        assert near.recv(1) == b"E"
        distance.cut()
        near.sendall(b"x")
        near.settimeout(0.2)
        with pytest.raises(TimeoutError):
            near.recv(1)
        near.settimeout(10)
        distance.mend()
        assert near.recv(1) == b"x"


@pytest.mark.slow
def test_a_killed_program_takes_its_streams_with_it_and_answers_again(bench: Bench) -> None:
    figures = next(work for work in works.WORKS if work.name == works.KILL_RELAY).measure(
        bench, FORWARDING, TINY
    )
    assert figures["lost_share"] == 1
    assert figures["recovery_s"] > 0
    assert figures["restarts"] == 0


@pytest.mark.slow
def test_what_a_peer_does_not_have_cannot_be_killed_and_is_no_failure(bench: Bench) -> None:
    alone = Peer("alone", "", is_secure=False, set_up=relay_alone)
    kill = next(work for work in works.WORKS if work.name == works.KILL_LISTENER)
    assert kill.measure(bench, alone, TINY) == {}


@pytest.mark.slow
def test_the_open_loop_says_when_a_rate_is_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(works, "KEPT_SHARE", 0.5)  # a busy machine may hold up some of them
    monkeypatch.setattr(works, "KEPT_P99_US", 1e9)
    pace = dataclasses.replace(TINY, measure_ms=600, rates=(50, 1_000_000, 2_000_000))
    open_loop = next(work for work in works.WORKS if work.name == works.OPEN_LOOP)
    figures = open_loop.measure(bench, FORWARDING, pace)
    assert figures["knee_per_s"] == 50
    assert "p99_us at 1000000" in figures
    assert "p99_us at 2000000" not in figures
    # late from when it was to be sent: what waits for the end of it all has waited for most of the measurement
    assert figures["p99_us at 1000000"] > pace.measure_ms * 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", [OURS, OURS_TLS])
def test_ours_relays_a_whole_path_and_takes_more_streams_than_by_default(bench: Bench, name: str) -> None:
    figures = works.stream_on(bench, bench.route(peer(name)), "up", 2, TINY)
    roles = {tool.role for tool in bench.route(peer(name)).tools}
    assert all(figures[works.cost("cpu_s_per_gb", role)] > 0 for role in roles)
    assert len(roles) == 3
    with bench.fresh(peer(name), streams=2_000) as (route, _):
        assert route.answers()


def installed(stage: Stage) -> Iterator[Peer]:
    """The peers that can be had here: bringing them takes minutes, and is `make bench-peers`."""
    for one in PEERS:
        with contextlib.suppress(PeerMissingError):
            one.set_up(dataclasses.replace(stage, folder=Path(tempfile.mkdtemp(dir=stage.folder))))
            yield one


@pytest.mark.slow
def test_each_peer_that_is_installed_brings_the_service_to_a_local_port(
    bench: Bench, shop: Workshop, tmp_path: Path
) -> None:
    for one in installed(Stage(tmp_path, shop, 1)):
        with contextlib.closing(bench.route(one).connect()) as near:
            assert near.recv(1) == b"E", one.name
        bench.drop(one)


# Programs


@pytest.mark.slow
def test_what_comes_back_changed_is_an_error_and_not_a_figure() -> None:
    entry, commands = changer()
    with pytest.raises(BenchmarkError, match="changed"), up("a changer", entry, commands):
        pytest.fail("it is not fit to be measured")


@pytest.mark.slow
def test_a_path_of_which_a_program_ends_does_not_come_up() -> None:
    commands = [Command(RELAY, [sys.executable, "-c", "raise SystemExit('out of steam')"])]
    (entry,) = free_ports(1)
    with pytest.raises(BenchmarkError, match="out of steam"), up("a wreck", entry, commands):
        pytest.fail("nothing ever came through")


@pytest.mark.slow
def test_a_peer_that_fails_is_reported_and_a_missing_one_is_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = (
        FORWARDING,
        Peer("wreck", "", is_secure=False, set_up=broken),
        Peer("phantom", "", is_secure=False, set_up=absent),
    )
    work = works.WORKS[0]
    try:
        run = paths.measure(peers, [work], TINY, tmp_path / "run.json")
    except BenchmarkError as error:
        pytest.skip(str(error))
    assert [sample.relay for sample in run.samples] == ["forwarder"]
    assert [(failure.relay, failure.work) for failure in run.failures] == [("wreck", work.name)]
    assert run.failures[0].reason.startswith("the relay ended at once")
    assert "out of steam" in capsys.readouterr().err
    assert run.missing == {"phantom": "nobody made it"}
    assert Run.from_json((tmp_path / "run.json").read_text()).failures == list(run.failures)


@pytest.mark.slow
def test_nothing_of_a_path_is_left_running(shop: Workshop, programs: Programs) -> None:
    with programs.load() as load, contextlib.closing(Bench(shop, programs, load)) as made:
        route = made.route(FORWARDING)
        assert route.answers()
    assert all(tool.has_ended() for tool in route.tools)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", route.entry), 1)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_programs_end_with_whoever_started_them(how: signal.Signals) -> None:
    if how is signal.SIGKILL and shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is missing")
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        started = psutil.Process(int(starter.stdout.readline()))
        starter.send_signal(how)
        starter.wait(20)
        psutil.wait_procs([started], timeout=20)
        assert not started.is_running()


STARTER = """
import sys, time
from benchmarks.peers.tools import Command, Tool
from benchmarks.processes import end_in_order
import tempfile

end_in_order()
with tempfile.TemporaryFile() as log:
    tool = Tool(Command("relay", [sys.executable, "-c", "import time; time.sleep(60)"]), log)
    try:
        print(tool.pids()[0], flush=True)
        time.sleep(60)
    finally:
        tool.stop()
"""


@pytest.mark.slow
def test_a_port_that_somebody_else_has_is_not_measured_as_the_peers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        commands = [Command(RELAY, [sys.executable, "-c", ""], port=port)]
        taken = pytest.raises(BenchmarkError, match=f"port {port} of the relay is taken")
        with taken, up("a peer", port, commands):
            pytest.fail("that was the other one")


# Bringing


def test_a_package_is_brought_once_and_anew_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAYDESK_BENCH_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "what.json"
    source.write_text("1")
    brought = []

    def bring(folder: Path) -> None:
        (folder / "program").write_text("")
        brought.append(folder)

    package = Package("a tool", "1.0", "somewhere", (source,), bring)
    with pytest.raises(PeerMissingError, match="make bench-peers"):
        package.find()
    folder = package.install()
    assert (folder / "program").exists()
    assert package.install() == package.find() == folder
    assert len(brought) == 1
    source.write_text("2")
    assert package.install() != folder
    assert len(brought) == 2


def test_a_package_that_cannot_be_had_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYDESK_BENCH_CACHE", str(tmp_path))

    def bring(folder: Path) -> None:
        (folder / "half").write_text("")
        raise PeerMissingError("the line broke")

    with pytest.raises(PeerMissingError, match="the line broke"):
        Package("a tool", "1.0", "somewhere", (), bring).install()
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_there_has_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYDESK_BENCH_CACHE", str(tmp_path))
    assert "chisel" not in installing.versions()
    installing.CHISEL.folder().mkdir()
    assert f"chisel {installing.CHISEL.version}" in installing.versions()


def test_a_client_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYDESK_BENCH_CACHE", str(tmp_path))
    script = "import sys; print('Downloading', file=sys.stderr); sys.exit('error: no such crate')"

    def bring(folder: Path) -> None:
        installing.run(folder, sys.executable, "-c", script)

    with pytest.raises(PeerMissingError, match="failed: error: no such crate"):
        Package("a tool", "1.0", "somewhere", (), bring).install()


# Reports


def run_of(
    *samples: Sample, missing: dict[str, str] | None = None, failures: tuple[Failure, ...] = ()
) -> Run:
    return Run({"processor": "an abacus"}, dataclasses.asdict(CORE), missing or {}, samples, failures)


def sample(relay: str, mb_per_s: float, round_: int = 0) -> Sample:
    figures = {"mb_per_s": mb_per_s, "cpu_s_per_gb": 100 / mb_per_s, works.cost("cpu_s_per_gb", RELAY): 1.0}
    return Sample(round_, ONE_STREAM, relay, figures)


def test_a_missing_peer_and_a_failed_one_are_named() -> None:
    failure = Failure(0, "one stream up", SSH, "a stream ended")
    text = report.render(
        run_of(sample(OURS, 1.0), missing={CHISEL_PEER: "there is no Go"}, failures=(failure, failure))
    )
    assert "missing: there is no Go |" in text
    assert "* OpenSSH -R, one stream up: a stream ended (2 times)" in text
    assert any(line.startswith("| OpenSSH -R |") and "failed" in line for line in text.splitlines())


@pytest.mark.parametrize(("ours", "outcome"), [(2.0, "held"), (1.0, "missed")])
def test_losses_are_shown_as_plainly_as_wins(ours: float, outcome: str) -> None:
    text = report.render(run_of(sample(OURS, ours), sample(SSH, 1.0)))
    line = next(line for line in text.splitlines() if line.startswith("| to OpenSSH, plain"))
    assert line == f"| to OpenSSH, plain | ≥ 1.5 | 1.5 | {ours:.3g} [{ours:.3g}-{ours:.3g}] | {outcome} |"


def test_the_outcome_is_told_for_each_thing_and_the_greatest_difference_first() -> None:
    run = run_of(
        sample(OURS, 4.0),
        sample("rathole", 8.0),
        sample("bore", 16.0),
        sample(SSH, 2.0),
        sample(CHISEL_PEER, 1.0),
    )
    assert (
        "* *one stream down, MB/s*: ahead of chisel (4), OpenSSH -R (2); behind bore (0.25), rathole (0.5)."
        in report.render(run)
    )


def test_what_is_better_counts_for_ours_whether_more_or_less_is() -> None:
    run = run_of(sample(OURS, 4.0), sample(SSH, 2.0))
    for figure in (works.MB_PER_S, works.CPU_PER_GB):
        found = report.advantage(run, ONE_STREAM, figure, OURS, SSH)
        assert found is not None
        assert found.median == 2
        assert report.verdict(found) == "ahead"
    assert report.verdict(report.advantage(run, ONE_STREAM, works.MB_PER_S, SSH, OURS)) == "behind"
    assert report.verdict(report.advantage(run, ONE_STREAM, works.MB_PER_S, SSH, SSH)) == "even"


def test_a_rate_that_the_load_held_down_is_marked() -> None:
    figures = {"mb_per_s": 9000.0, "cpu_s_per_gb": 0.1, "generator_share": 0.99}
    text = report.render(run_of(Sample(0, ONE_STREAM, "nginx stream", figures)))
    assert "| nginx stream | 9,000 [9,000-9,000] * |" in text
    assert "the load was at its limit" in text


def test_columns_of_numbers_are_in_the_order_of_the_numbers() -> None:
    figures = {"p50_us of 1024": 2.0, "p50_us of 64": 1.0, "p50_us of 100000000": 3.0}
    run = run_of(Sample(0, works.LADDER, OURS, figures))
    assert report.numbers(run, works.LADDER, "p50_us of ") == sorted(
        figures, key=lambda name: float(name.split()[-1])
    )
    assert "| path | 64 | 1,024 | 100,000,000 |" in report.render(run)


def test_every_bar_names_two_paths_that_are_measured() -> None:
    names = {one.name for one in PEERS}
    assert all({ours, other} <= names for _, ours, other, _, _ in report.BARS)
