"""The selftest on the virtual rig and on the hostile producer: verdicts, page, zip, replay."""

import json
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import cli
from app.diagnostics.camera_selftest import (
    limit_steps,
    steps,
    stream_steps,
    unplug_step,
    wiring_step,
)
from app.diagnostics.camera_selftest import selftest as selftest_module
from app.diagnostics.camera_selftest.selftest import SelftestRequest, run_selftest
from app.diagnostics.camera_selftest.selftest_report import SelftestReport
from app.diagnostics.camera_selftest.selftest_zip import read_snapshot
from app.diagnostics.camera_selftest.steps import steps_of_a_camera
from app.diagnostics.verdicts import Finding, Outcome, StepResult
from app.session.config import SessionConfig
from drivers.addresses import CameraOptions
from drivers.camera_contract import Patience
from drivers.camera_settings import ShutterMode
from drivers.errors import InstrumentError
from drivers.genicam import shutter
from drivers.genicam.node_snapshot import replayed_map
from drivers.genicam.standard_features import Features
from drivers.virtual.camera.gentl import ErrorCode
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures, ShutterNode
from tests.drivers.genicam.hostile.hostile_producer import (
    REGISTERS,
    HostileProducer,
    Script,
    crash,
    error,
)
from tests.patience import LONGEST_S

Maker = Callable[..., HostileProducer]
Only = Callable[..., None]
SIZE_PX = (160, 240)
STREAMS = ("no losses", "limits of rate")
"""What a busy machine decides, not the camera."""


@pytest.fixture(autouse=True)
def _clocks_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rig's clock, which waits in tests, or the true one of a camera in its own process."""
    clocks = (lambda: time.monotonic_ns(), lambda: time.monotonic() * 1e9)
    monkeypatch.setattr(steps, "_PATIENCE", Patience(LONGEST_S, clocks))
    for module, share in ((stream_steps, "_SHARE"), (limit_steps, "_TURN_SHARE")):
        monkeypatch.setattr(module, share, getattr(module, share) * 2.0 / LONGEST_S)
    monkeypatch.setattr(wiring_step, "_SHARE", 0.0)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """Leave out every step that is not named, to be quick."""

    def choose(*names: str) -> None:
        chosen = [each for each in steps_of_a_camera() if each.name in names]
        assert len(chosen) == len(names)
        monkeypatch.setattr(selftest_module, "steps_of_a_camera", lambda: chosen)

    return choose


@dataclass
class ScriptedOperator:
    """Does what it is told, by the first word of the instruction that it knows."""

    hands: dict[str, Callable[[], object]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    present: bool = True

    def agrees(self, instruction: str) -> bool:
        self.tell(instruction)
        return True

    def tell(self, text: str) -> None:
        self.heard.append(text)
        for word, act in self.hands.items():
            if text.startswith(word):
                act()


def selftest(
    out: Path,
    address: str,
    gs: str | None = None,
    operator: ScriptedOperator | None = None,
    *,
    nodes: tuple[tuple[str, str], ...] = (),
    pictures: bool = False,
) -> SelftestReport:
    """As the command does, in a time that does not pass."""
    config = SessionConfig(
        camera=address,
        gs_camera=gs,
        size_px=SIZE_PX if address.startswith("virtual:") else None,
        options=CameraOptions(node_settings=nodes),
    )
    request = SelftestRequest(config, out, LONGEST_S, pictures=pictures)
    operator = operator or ScriptedOperator(present=False)
    return run_selftest(request, operator, lambda _: None, clock=lambda: 0.0)


def findings(report: SelftestReport, subject: str = "rsgr") -> dict[str, Finding]:
    return {each.step: each.finding for each in report.results if each.subject == subject}


def outcomes(report: SelftestReport, subject: str = "rsgr") -> dict[str, Outcome]:
    found = findings(report, subject)
    return {step: each.outcome for step, each in found.items() if step not in STREAMS}


def everything_in(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_virtual_camera_passes_and_can_be_replayed(virtual_rig: None, tmp_path: Path) -> None:
    report = selftest(tmp_path / "rig", "virtual:rsgr", pictures=True)
    expected = dict.fromkeys(outcomes(report), Outcome.PASSED)
    assert outcomes(report) == expected | {"unplugging": Outcome.SKIPPED}
    assert "prove global reset" in findings(report)["shutter, proved from images"].text
    measured = {each.name: each for each in findings(report)["line time"].figures}
    assert measured["measured"].value == pytest.approx(6.0, rel=0.02)
    assert set(STREAMS) < set(findings(report))

    files = everything_in(tmp_path / "rig.zip")
    assert {"README.txt", "page.html", "figures.json", "log.txt"} < set(files)
    for name, content in files.items():
        assert b"VRSGR-1" not in content, name
        assert b"VRSGR-1".hex().encode() not in content, name
    assert len(json.loads(files["figures.json"])["steps"]) == len(report.results)
    page = (tmp_path / "rig.html").read_text()
    assert not re.search(r"(src|href)=.http|<script", page)
    assert page.count("data:image/png") == 1
    picture = cv2.imdecode(np.frombuffer(files["rsgr/picture.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == SIZE_PX[::-1]

    snapshot = read_snapshot(tmp_path / "rig.zip")
    node_map, port = replayed_map(snapshot)
    assert Features(node_map).controls() == snapshot.controls
    assert snapshot.controls.output_lines == ("Line2",)
    assert not port.unknown
    offer = shutter.probe(node_map).offer(ShutterMode.GLOBAL_RESET)
    assert offer is not None
    assert "while the trigger is on" in offer.condition
    with pytest.raises(InstrumentError, match="no nodes of the camera 'gs'"):
        read_snapshot(tmp_path / "rig.zip", "gs")


@pytest.mark.whole
def test_two_cameras_on_one_trigger(virtual_rig: None, tmp_path: Path, only: Only) -> None:
    only("opens", "tells all its nodes", "shutter, proved from images", "line time")
    report = selftest(tmp_path / "rig", "virtual:rsgr", "virtual:gs")
    found = findings(report, "gs")
    assert found["shutter, proved from images"].outcome is Outcome.PASSED
    assert "as a global shutter has it" in found["shutter, proved from images"].text
    assert found["line time"].outcome is Outcome.NOT_POSSIBLE
    assert findings(report, "rig")["both triggered, pairs true"].outcome is Outcome.PASSED
    assert "Second camera (GS)" in (tmp_path / "rig.html").read_text()
    assert read_snapshot(tmp_path / "rig.zip", "gs").controls.shutter_modes == (ShutterMode.GLOBAL,)


def test_a_shutter_that_lies_is_found_out(virtual_rig: None, tmp_path: Path, only: Only) -> None:
    only("opens", "shutter, proved from images", "line time")
    report = selftest(tmp_path / "one", "virtual:rsgr", nodes=(("FaultLieShutter", "1"),))
    lie = findings(report)["shutter, proved from images"]
    assert lie.outcome is Outcome.FAILED
    assert "it says global reset; the images disprove global reset" in lie.text
    assert findings(report)["line time"].outcome is Outcome.NOT_POSSIBLE


def test_a_tame_camera_is_unplugged_and_comes_back(
    hostile: Maker, tmp_path: Path, only: Only
) -> None:
    only(
        *("opens", "tells all its nodes", "contract: every frame is counted once"),
        *("no losses", "unplugging"),
    )
    producer = hostile(Script(features=HostileFeatures(shutter=ShutterNode()), serial="40012345"))
    operator = ScriptedOperator({"unplug": producer.unplug, "plug": producer.plug_in})
    report = selftest(tmp_path / "one", producer.address, operator=operator)
    unlike = {
        step: outcome
        for step, outcome in outcomes(report).items()
        if outcome not in (Outcome.PASSED, Outcome.NOT_POSSIBLE)
    }
    assert not unlike
    assert findings(report)["unplugging"].outcome is Outcome.PASSED
    assert any(text.startswith("lost, as it should be: camera lost") for text in operator.heard)
    assert not any(b"40012345" in each for each in everything_in(tmp_path / "one.zip").values())


def test_one_bad_register_costs_its_own_step(hostile: Maker, tmp_path: Path, only: Only) -> None:
    only(
        *("opens", "tells all its nodes", "contract: every frame is counted once"),
        "contract: refuses gain out of range",
    )
    producer = hostile(Script(faults=(error(REGISTERS, ErrorCode.IO, node="BlackLevel"),)))
    report = selftest(tmp_path / "one", producer.address)
    found = findings(report)
    assert found["tells all its nodes"].outcome is Outcome.FAILED
    assert "BlackLevel" in found["tells all its nodes"].text
    assert found["contract: every frame is counted once"].outcome is Outcome.PASSED
    assert found["contract: refuses gain out of range"].outcome is Outcome.PASSED
    (node,) = (each for each in read_snapshot(tmp_path / "one.zip").nodes if each.failure)
    assert node.name == "BlackLevel"


def test_a_camera_that_crashes_when_it_starts_still_gets_its_page(
    hostile: Maker, tmp_path: Path, only: Only
) -> None:
    only(
        *("opens", "tells all its nodes", "contract: every frame is counted once"),
        *("contract: refuses a region off the sensor", "no losses"),
    )
    producer = hostile(Script(faults=(crash("DSStartAcquisition"),)))
    report = selftest(tmp_path / "one", producer.address)
    found = findings(report)
    assert found["opens"].outcome is Outcome.PASSED
    for step in ("contract: every frame is counted once", "no losses"):
        assert found[step].outcome is Outcome.FAILED
        assert "SIGSEGV" in found[step].text
        assert found[step].advice
    # Those that need no frames are not taken along.
    assert found["contract: refuses a region off the sensor"].outcome is Outcome.PASSED
    assert read_snapshot(tmp_path / "one.zip").nodes


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_selftest_tells_what_it_did(
    virtual_rig: None, tmp_path: Path, only: Only
) -> None:
    """At the question for a bright scene, as Ctrl-C there does."""
    only("opens", "tells all its nodes", "shutter, proved from images", "no losses")
    operator = ScriptedOperator({"put": interrupt})
    report = selftest(tmp_path / "one", "virtual:rsgr", "virtual:gs", operator)
    assert report.interrupted
    found = findings(report)
    assert found["opens"].outcome is Outcome.PASSED
    assert found["shutter, proved from images"].text == "interrupted while it ran"
    assert found["no losses"].outcome is Outcome.SKIPPED
    assert set(outcomes(report, "gs").values()) == {Outcome.SKIPPED}
    assert "ended before its end" in (tmp_path / "one.html").read_text()
    assert read_snapshot(tmp_path / "one.zip").controls.shutter_modes


def test_an_interruption_between_two_steps_leaves_out_the_others_and_says_so(
    virtual_rig: None, tmp_path: Path, only: Only
) -> None:
    only("opens", "tells all its nodes", "no losses")

    def stop_after_the_first(result: StepResult) -> None:
        if result.step == "opens":
            raise KeyboardInterrupt

    request = SelftestRequest(SessionConfig(), tmp_path / "one", 2.0)
    report = run_selftest(request, ScriptedOperator(), stop_after_the_first, clock=lambda: 0.0)
    assert report.interrupted
    opened, *others = outcomes_of_all(report)
    assert opened == ("opens", Outcome.PASSED)
    assert others == [("tells all its nodes", Outcome.SKIPPED), ("no losses", Outcome.SKIPPED)]


def outcomes_of_all(report: SelftestReport) -> list[tuple[str, Outcome]]:
    return [(each.step, each.finding.outcome) for each in report.results]


def test_a_camera_that_does_not_open_ends_its_own_tests_only(
    virtual_rig: None, tmp_path: Path
) -> None:
    report = selftest(tmp_path / "one", "virtual:nowhere")
    first, *others = report.results
    assert first.finding.outcome is Outcome.FAILED
    assert "did you mean" in first.finding.text
    assert {each.finding.outcome for each in others} == {Outcome.NOT_POSSIBLE}


def test_steps_that_begin_after_the_time_are_left_out(virtual_rig: None, tmp_path: Path) -> None:
    hours = iter(range(0, 10**6, 3600))
    request = SelftestRequest(SessionConfig(camera="virtual:rsgr"), tmp_path / "one", 5000.0)
    nobody = ScriptedOperator(present=False)
    report = run_selftest(request, nobody, lambda _: None, clock=lambda: float(next(hours)))
    found = findings(report)
    assert found["opens"].outcome is Outcome.PASSED
    assert "5000 s" in found["contract: says who it is"].text
    assert found["no losses"].outcome is Outcome.SKIPPED


def test_a_camera_nobody_unplugs_is_told(
    virtual_rig: None, tmp_path: Path, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unplug_step, "_LONGEST_S", 0.2)
    only("unplugging")
    report = selftest(tmp_path / "one", "virtual:rsgr", operator=ScriptedOperator())
    finding = findings(report)["unplugging"]
    assert finding.outcome is Outcome.FAILED
    assert "no loss was noticed" in finding.text


def ngs(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ngs", "selftest", "camera", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_writes_both_files_and_overwrites_none(
    virtual_rig: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "one"
    arguments = ("virtual:nowhere", "--no-unplug", "--out", str(out))
    assert ngs(monkeypatch, *arguments) == 1
    told = capsys.readouterr().err.splitlines()
    assert re.match(r"ngs: 1 failed, \d+ not possible here: opens \(rsgr\); .* written", told[-1])
    assert (tmp_path / "one.html").exists()
    assert (tmp_path / "one.zip").exists()
    before = (tmp_path / "one.zip").read_bytes()
    assert ngs(monkeypatch, *arguments) == 1
    assert "exists; choose another name with --out" in capsys.readouterr().err
    assert (tmp_path / "one.zip").read_bytes() == before
    assert ngs(monkeypatch, "virtual:rsgr", "--out", str(tmp_path / "no" / "one")) == 1
    assert "its folder does not exist" in capsys.readouterr().err
    assert ngs(monkeypatch) == 2


@pytest.mark.parametrize("step", ["limits of exposure", "shutter, proved from images"])
def test_a_step_that_runs_is_cut_when_the_time_is_over(
    virtual_rig: None, tmp_path: Path, only: Only, step: str
) -> None:
    only(step)
    clock = chain([0.0, 0.0], repeat(1e6))  # the step begins, and then it is late
    request = SelftestRequest(SessionConfig(camera="virtual:rsgr"), tmp_path / "one", 60.0)
    nobody = ScriptedOperator(present=False)
    report = run_selftest(request, nobody, lambda _: None, clock=lambda: next(clock))
    finding = findings(report)[step]
    assert finding.outcome is Outcome.SKIPPED
    assert finding.text == "the time was over (60 s)"
