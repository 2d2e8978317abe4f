"""A soak on the virtual rig: short, interrupted, with a damaged piece; its file of samples."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagnostics.soak.process_meter import ProcessMeter
from app.diagnostics.soak.samples import Sample, read_samples, sample_file
from app.diagnostics.soak.soak_run import SoakRequest, run_soak
from app.diagnostics.soak.soak_verdicts import SoakReport
from app.diagnostics.verdicts import Outcome
from app.session.config import SessionConfig
from drivers.camera_settings import ExposureSettings, TriggerSource
from drivers.errors import InstrumentError
from tests.app.diagnostics.soak.test_soak_verdicts import FACTS, clean_samples
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer
from tests.patience import LONGEST_S, wait_until

CHECKOUT = Path(__file__).resolve().parents[4]
FPS, SIZE_PX = 40.0, (160, 120)
BYTES_PER_S = 2 * FPS * SIZE_PX[0] * SIZE_PX[1]
CONFIG = SessionConfig(gs_camera="virtual:gs", size_px=SIZE_PX, settings=ExposureSettings(fps=FPS))
FILES = {"samples.jsonl", "verdicts.json", "page.html"}


def soaked(
    out: Path,
    until: Callable[[], bool],
    told: Callable[[Sample], None] = lambda sample: None,
    disk_bytes: float | None = None,
) -> SoakReport:
    return run_soak(SoakRequest(CONFIG, out, LONGEST_S, 0.05, disk_bytes), until, told)


def test_two_cameras_are_soaked_and_every_frame_is_accounted_for(
    virtual_rig: None, tmp_path: Path
) -> None:
    out = tmp_path / "soak"
    on_the_disk: list[int] = []
    report = soaked(
        out,
        lambda: (out / "piece-0002").exists(),
        lambda sample: on_the_disk.append(len(list(out.glob("piece-*")))),
        disk_bytes=2.1 * 2 * BYTES_PER_S,  # pieces of a little more than two seconds
    )
    assert report.failures == ()
    outcomes = {each.step: each.finding.outcome for each in report.results}
    for name in ("account of rsgr", "account of gs", "account of restoring", "recording"):
        assert outcomes[name] is Outcome.PASSED
    assert outcomes["runs to its end"] is Outcome.SKIPPED
    assert report.interrupted
    account = report.account
    assert account.pieces == 2
    assert account.recorded > 2 * 2 * FPS
    assert 0 < account.restored <= account.cameras["rsgr"].captured
    facts, samples = read_samples(out / "samples.jsonl")
    assert facts == report.facts
    assert len(samples) == len(on_the_disk)
    assert all(each.memory_bytes > 10**7 and each.threads > 4 for each in samples)
    assert max(on_the_disk) <= 2
    # Every piece was deleted.
    assert {path.name for path in out.iterdir()} == FILES
    page = (out / "page.html").read_text()
    assert "captured gs" in page
    assert '<span class="badge interrupted">' in page
    told = json.loads((out / "verdicts.json").read_text())
    assert told["account"]["recorded"] == account.recorded


def test_a_damaged_piece_is_told_and_kept(virtual_rig: None, tmp_path: Path) -> None:
    out = tmp_path / "soak"
    struck: list[Sample] = []

    def damage(sample: Sample) -> None:
        with (out / "piece-0001" / "rsgr.index.jsonl").open("r+b") as file:
            file.write(b"#")
        struck.append(sample)

    report = soaked(out, lambda: bool(struck), damage, disk_bytes=1e8)
    (failure,) = report.failures
    assert failure.step == "recording"
    assert "line 1 of its index is damaged" in failure.finding.text
    assert (out / "piece-0001").is_dir()


def test_a_camera_that_is_unplugged_ends_the_soak_with_its_page(
    hostile: Callable[..., HostileProducer], tmp_path: Path
) -> None:
    producer = hostile()
    free = ExposureSettings(trigger_source=TriggerSource.OFF)
    config = SessionConfig(producer.address, settings=free, model=None)
    request = SoakRequest(config, tmp_path / "soak", LONGEST_S, 0.05)
    report = run_soak(request, lambda: False, lambda sample: producer.unplug())
    (failure,) = report.failures
    assert failure.step == "runs to its end"
    assert "camera lost" in failure.finding.text
    assert request.page.exists()
    _, samples = read_samples(request.samples)
    assert samples[0].children_bytes > 10**6  # a maker's camera has a process of its own


def test_what_cannot_be_done_is_refused_before(virtual_rig: None, tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="exists; name a new folder"):
        soaked(tmp_path, lambda: True)
    with pytest.raises(InstrumentError, match=r"--disk-mb 1 is too little .* give 6 MB or more"):
        soaked(tmp_path / "soak", lambda: True, disk_bytes=1e6)
    assert not (tmp_path / "soak").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupted_soak_ends_in_order_with_its_page(virtual_rig: None, tmp_path: Path) -> None:
    out = tmp_path / "soak"
    words = "selftest soak --record --model none --width 160 --height 120 --every-s 0.05 --out"
    process = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "tests" / "patient_ngs.py"), *words.split(), str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        samples = out / "samples.jsonl"
        wait_until(lambda: samples.exists() and samples.read_bytes().count(b"\n") > 3)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130
    assert f"{out / 'page.html'} written" in said.splitlines()[-1]
    assert {path.name for path in out.iterdir()} == FILES


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("soak") / "samples.jsonl"
    with sample_file(path, FACTS) as file:
        for sample in clean_samples()[:3]:
            file.add(sample)
    return path


@settings(max_examples=20)
@given(share=st.floats(0.0, 1.0))
def test_a_file_cut_anywhere_has_all_whole_samples(written: Path, share: float) -> None:
    content = written.read_bytes()
    cut = content[: round(share * len(content))]
    path = written.with_name("cut.jsonl")
    path.write_bytes(cut)
    lines = cut.count(b"\n")
    if lines == 0:
        with pytest.raises(InstrumentError, match="no file of samples"):
            read_samples(path)
    else:
        assert read_samples(path) == (FACTS, clean_samples()[: lines - 1])


def test_a_line_that_is_no_sample_is_told(written: Path) -> None:
    path = written.with_name("damaged.jsonl")
    path.write_bytes(written.read_bytes().replace(b'"threads":25', b'"threads":"many"'))
    with pytest.raises(InstrumentError, match="no file of samples"):
        read_samples(path)


def test_what_a_process_has_open_and_runs_is_counted(tmp_path: Path) -> None:
    meter, ended = ProcessMeter(), threading.Event()
    before = meter.measure()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    kept = np.ones(50_000_000, np.uint8)
    with (tmp_path / "file").open("w"):
        after = meter.measure()
    ended.set()
    thread.join()
    assert after.handles == before.handles + 1
    assert after.threads == before.threads + 1
    assert after.memory_bytes - before.memory_bytes > 0.9 * kept.nbytes
    assert after.children_bytes == pytest.approx(before.children_bytes, abs=10**6)


def test_child_processes_are_counted() -> None:
    meter = ProcessMeter()
    before = meter.measure()
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True
    ) as child:
        wait_until(lambda: meter.measure().children_bytes > 10**6)
        after = meter.measure()
        child.communicate("\n")
    assert after.threads >= before.threads + 1
