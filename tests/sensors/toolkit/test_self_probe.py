"""What the watcher measures of itself."""

from pathlib import Path

import pytest

from intermodal.sensors.toolkit import self_probe


def test_pressure_is_a_share_of_the_files_that_can_be_read(tmp_path: Path) -> None:
    cpu = tmp_path / "cpu"
    cpu.write_text("some avg10=59.89 avg60=51.76 avg300=45.10 total=1\nfull avg10=0.00\n")
    assert self_probe.pressure({"cpu": cpu, "io": tmp_path / "none"}) == {"cpu": pytest.approx(0.5989)}


def test_pressure_of_an_unknown_format_is_none(tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text("garbled")
    assert self_probe.pressure({"cpu": tmp_path / "cpu"}) == {}


def test_late_seconds_is_the_median_of_the_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pauses of five last long: one hitch of a machine is no blindness. Three are."""
    for hitches, late in ((2, 0.0), (3, 1.0)):
        clock = [0.0]
        waits = iter([self_probe.PAUSE_SECONDS + (index < hitches) for index in range(self_probe.PAUSES)])

        def sleep(_: float, clock: list[float] = clock, waits: object = waits) -> None:
            clock[0] += next(waits)  # type: ignore[call-overload]

        monkeypatch.setattr(self_probe.time, "sleep", sleep)
        monkeypatch.setattr(self_probe.time, "monotonic", lambda clock=clock: clock[0])
        assert self_probe.late_seconds() == pytest.approx(late)
