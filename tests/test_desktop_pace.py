"""The desktop's window keeps its pace while its own process relays; the figures are benchmarks.desktop's.

Absolute times say more of the machine than of the code, so what is held here are ratios, with room for a machine that does
other work. ``python -m benchmarks.desktop`` measures what the issue asks for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from benchmarks import desktop

TIMER_MS = 10


#: They share what was measured.
pytestmark = pytest.mark.xdist_group("desktop pace")


@pytest.fixture(scope="module")
def figures() -> Mapping[str, float]:
    return desktop.measure(warm_s=0.3, measure_s=2.0, idle_s=2.0)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_timer_is_on_time_under_full_load(figures: Mapping[str, float]) -> None:
    assert figures["mb_per_s"] > 1, "there was load"
    assert figures["late_p50_ms"] < TIMER_MS / 2
    assert figures["late_p99_ms"] < 10 * TIMER_MS + 5 * figures["quiet_late_p99_ms"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_rows_out_of_sight_cost_little(figures: Mapping[str, float]) -> None:
    assert figures["refresh_cpu_p50_ms"] < 5 * figures["few_rows_cpu_p50_ms"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_closed_window_costs_next_to_nothing(figures: Mapping[str, float]) -> None:
    assert figures["idle_cpu_percent"] < 5, "ten times what the benchmark holds"


def test_figures_are_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop, "measure", lambda **_: {"late_p99_ms": 1.5})
    assert desktop.main(["--quick"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["figures"] == {"late_p99_ms": 1.5}
    assert said["bars"]["late_p99_ms"] == 20.0
