"""Training: learns, goes on after kill -9 to the same weights, and shares work among processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from safetensors.torch import load_file

from app import cli
from app.commands.train import _options
from drivers.errors import InstrumentError
from drivers.plain_text import one_line
from models.training import training_run
from models.training.clip_order import ClipOrder
from models.training.curve import Point, best_point, late_gain_db
from models.training.material import TrainingMaterial
from models.training.schedule import SCHEDULES, Schedule, learning_rate
from models.training.training_run import CHECKPOINT, CURVE, Progress, train
from models.weights.weights_file import read_header, read_network
from tests.models.small_dataset import INFO, written
from tests.patience import LONGEST_S, wait_until

BRIEF = Schedule(
    "live",
    options={"width": 8, "deep_width": 8, "blocks": 1},
    steps=6,
    batch=4,
    crops_per_clip=2,
    frames=1,
    crop_px=32,
    warm_up_steps=2,
    validate_every=3,
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    for split in ("train", "val"):
        written(folder, INFO, split=split)
    return folder


def run(dataset: Path, out: Path, schedule: Schedule = BRIEF) -> Path:
    return train(TrainingMaterial.open(dataset), schedule, out, device="cpu", command="ngs train")


def test_a_run_ends_in_weights_that_say_where_they_come_from(dataset: Path, tmp_path: Path) -> None:
    heard: list[Progress] = []
    path = train(
        TrainingMaterial.open(dataset),
        BRIEF,
        tmp_path / "run",
        device="cpu",
        command="ngs train x",
        on_progress=heard.append,
    )
    header = read_header(path)
    assert (header.network, header.config["width"]) == ("live", 8)
    assert header.training.steps == 6
    assert header.training.samples == 24
    assert header.training.command == "ngs train x"
    assert not header.training.converged
    network, _ = read_network(path)
    assert sum(each.numel() for each in network.parameters()) > 1000
    assert [progress.step for progress in heard] == [1, 2, 3, 4, 5, 6]
    curve = json.loads((tmp_path / "run" / CURVE).read_text())
    assert [point["step"] for point in curve] == [3, 6]
    assert curve[-1]["psnr_db"] == pytest.approx(header.training.validation_psnr_db, abs=1e-3)
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_the_best_validation_is_kept_and_the_last_step_beside_it(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter((30.0, 32.0, 31.0))
    measured = training_run.validate

    def as_told(*arguments: Any) -> dict[str, Any]:
        return {**measured(*arguments), "psnr_db": next(told)}

    monkeypatch.setattr(training_run, "validate", as_told)
    path = run(dataset, tmp_path / "run", replace(BRIEF, steps=6, validate_every=2))
    best, last = read_header(path), read_header(path.with_name("live-last.safetensors"))
    assert (best.training.steps, best.training.validation_psnr_db) == (4, 32.0)
    assert (last.training.steps, last.training.validation_psnr_db) == (6, 31.0)
    assert best.training.samples == 4 * BRIEF.batch
    kept, ended = load_file(path), load_file(path.with_name("live-last.safetensors"))
    assert any(not torch.equal(kept[name], ended[name]) for name in kept)


def test_fine_tuning_begins_with_weights_and_never_ends_below_them(
    dataset: Path, tmp_path: Path
) -> None:
    first = run(dataset, tmp_path / "first", BRIEF)
    ruined = replace(BRIEF, learning_rate=0.3, warm_up_steps=0)
    material = TrainingMaterial.open(dataset)
    path = train(material, ruined, tmp_path / "fine", command="", device="cpu", start=first)
    curve = json.loads((tmp_path / "fine" / CURVE).read_text())
    assert curve[0]["step"] == 0
    assert curve[0]["psnr_db"] == pytest.approx(
        read_header(first).training.validation_psnr_db, abs=0.1
    )
    told = read_header(path).training
    assert told.started_from is not None
    assert told.started_from.startswith("live ")
    assert told.start_psnr_db == pytest.approx(curve[0]["psnr_db"], abs=1e-3)
    assert told.validation_psnr_db == pytest.approx(max(p["psnr_db"] for p in curve), abs=1e-3)
    # Another start is another run.
    with pytest.raises(InstrumentError, match="holds a run with other options or data"):
        train(material, ruined, tmp_path / "fine", command="", device="cpu")


def test_weights_of_another_form_are_no_start(dataset: Path, tmp_path: Path) -> None:
    first = run(dataset, tmp_path / "first", BRIEF)
    wider = replace(BRIEF, options={**BRIEF.options, "width": 16})
    material = TrainingMaterial.open(dataset)
    with pytest.raises(InstrumentError, match="holds weights of 'live' with other options"):
        train(material, wider, tmp_path / "fine", command="", device="cpu", start=first)


def test_training_learns_to_remove_noise(tmp_path: Path) -> None:
    for split in ("train", "val"):
        written(tmp_path / "noisy", INFO, split=split, noise_dn=60.0)
    schedule = replace(BRIEF, steps=60, validate_every=20, learning_rate=3e-3, average=0.9)
    run(tmp_path / "noisy", tmp_path / "run", schedule)
    curve = json.loads((tmp_path / "run" / CURVE).read_text())
    assert curve[-1]["loss"] < 0.9 * curve[0]["loss"]
    assert curve[-1]["psnr_db"] > curve[-1]["row_gain_psnr_db"] + 1


def command(dataset: Path, out: Path, steps: int) -> list[str]:
    size = ["--set", "width=8", "--set", "deep_width=8", "--set", "blocks=1", "--crop", "32"]
    schedule = ["--steps", str(steps), "--batch", "8", "--validate-every", "4", "--threads", "1"]
    start = [sys.executable, "-m", "ngs", "train", str(dataset), "--model", "live"]
    return [*start, "--out", str(out), "--device", "cpu", *size, *schedule]


def run_here(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command in this process, where torch is loaded already."""
    monkeypatch.setattr(sys, "argv", command[command.index("-m") + 1 :])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code


def test_a_killed_run_goes_on_to_the_same_weights_also_when_it_reads_ahead(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    run_here(command(dataset, undisturbed, 24), monkeypatch)
    process = subprocess.Popen(
        command(dataset, killed, 24), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: (killed / CHECKPOINT).exists() or process.poll() is not None, 0.005)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "live.safetensors").exists()
    run_here([*command(dataset, killed, 24), "--workers", "1"], monkeypatch)
    expected, given = (load_file(each / "live.safetensors") for each in (undisturbed, killed))
    for name, tensor in expected.items():
        assert torch.equal(given[name], tensor), name
    steps = [
        [point["step"] for point in json.loads((each / CURVE).read_text())]
        for each in (undisturbed, killed)
    ]
    assert steps[0] == steps[1]


@pytest.mark.whole
def test_two_processes_share_a_batch(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    run_here(command(dataset, alone, 4), monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            command(dataset, together, 4),
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=LONGEST_S)
        assert process.returncode == 0, errors.decode()
    expected, given = (load_file(each / "live.safetensors") for each in (alone, together))
    for name, tensor in expected.items():
        # The same mean of gradients, added up in another order.
        torch.testing.assert_close(given[name], tensor, atol=2e-4, rtol=1e-3)


def test_a_folder_of_another_run_is_refused(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "run")
    with pytest.raises(InstrumentError, match="other options or data"):
        run(dataset, tmp_path / "run", replace(BRIEF, learning_rate=1e-4))
    assert run(dataset, tmp_path / "run").exists()


def without(name: str) -> Callable[[dict], object]:
    return lambda saved: saved.pop(name)


def put(name: str, value: object) -> Callable[[dict], object]:
    return lambda saved: saved.update({name: value})


def narrower(saved: dict) -> None:
    kept = saved["optimiser"]["state"][0]
    kept["exp_avg"] = kept["exp_avg"][:1]


DAMAGES = (
    *(without(name) for name in ("schedule", "network", "optimiser", "step", "curve")),
    *(put("step", -1), put("hours", float("nan")), put("curve", "[" * 100_000)),
    *(put("curve", "[[1]]"), put("network", {}), put("optimiser", []), put("average", [])),
    *(put("more", 1), put("network", 5), narrower),
)


def test_a_checkpoint_of_other_content_is_named(dataset: Path, tmp_path: Path) -> None:
    brief = replace(BRIEF, steps=1, validate_every=1, batch=2)
    run(dataset, tmp_path / "run", brief)
    path = tmp_path / "run" / CHECKPOINT
    for damage in DAMAGES:
        saved = torch.load(path, weights_only=True)
        intact = path.read_bytes()
        damage(saved)
        torch.save(saved, path)
        with pytest.raises(InstrumentError, match=r"checkpoint\.pt cannot be read") as refusal:
            run(dataset, tmp_path / "run", brief)
        assert str(refusal.value) == one_line(refusal.value)
        path.write_bytes(intact)
    assert run(dataset, tmp_path / "run", brief).exists()


def test_a_checkpoint_that_unpacks_to_more_is_refused(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "run", replace(BRIEF, steps=1, validate_every=1, batch=2))
    path = tmp_path / "run" / CHECKPOINT
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InstrumentError, match="it is compressed"):
        run(dataset, tmp_path / "run")


@pytest.mark.parametrize("value", ["[" * 100_000, "NaN", "{"])
def test_an_option_that_is_no_value_is_refused(value: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not NAME=VALUE"):
        _options([f"width={value}"])


def test_a_damaged_checkpoint_is_named(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "run")
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InstrumentError, match=r"checkpoint\.pt cannot be read"):
        run(dataset, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 5}, "batch of 5"),
        ({"precision": "fp64"}, "unknown precision"),
        ({"steps": 0}, "at least 1"),
        ({"crop_px": 64}, "too few"),
        ({"options": {"depth": 3}}, "no option 'depth'"),
        ({"options": {"width": "wide"}}, "such as 16"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    dataset: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InstrumentError, match=message):
        run(dataset, tmp_path / "run", replace(BRIEF, **change))


@pytest.mark.parametrize("device", ["warp-drive", "cuda:99"])
def test_a_device_that_is_not_there_is_named(dataset: Path, tmp_path: Path, device: str) -> None:
    material = TrainingMaterial.open(dataset)
    with pytest.raises(InstrumentError, match=device):
        train(material, BRIEF, tmp_path / "run", command="ngs train", device=device)


def test_a_loss_that_is_no_number_ends_the_run(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="lower the learning rate"):
        run(dataset, tmp_path / "run", replace(BRIEF, learning_rate=1e30, warm_up_steps=0))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    schedule = SCHEDULES["live"]
    rates = [learning_rate(schedule, step) for step in range(schedule.steps + 1)]
    peak = rates.index(max(rates))
    assert 0 < rates[0] < 0.01 * schedule.learning_rate
    assert peak <= schedule.warm_up_steps
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == 0.0


def test_the_best_point_loses_hardly_anything_on_general_scenes() -> None:
    def point(step: int, psnr_db: float, general_psnr_db: float | None) -> Point:
        return Point(step, 0.0, psnr_db, (0, 0, 0), 30.0, 0.0, 0.0, general_psnr_db)

    curve = [point(0, 30.0, 35.0), point(1, 32.0, 34.95), point(2, 33.0, 34.5), point(3, 31.0, 36)]
    assert best_point(curve) is curve[1]
    alone = [each._replace(general_psnr_db=None) for each in curve]
    assert best_point(alone) is alone[2]
    assert best_point([]) is None


def test_general_clips_come_by_their_share_and_every_clip_once_in_an_epoch() -> None:
    schedule = replace(BRIEF, steps=60, batch=4, crops_per_clip=2)
    order = ClipOrder(20, 50, 0.25, schedule, 0, rank=0, ranks=1)
    drawn = [index for step in order for index in step]
    general = [index for index in drawn if index % 70 >= 20]
    assert len(drawn) == 120
    assert len(general) == 30
    assert len(set(general)) == 30
    own = [index % 70 for index in drawn if index % 70 < 20]
    assert sorted(own[:20]) == list(range(20))
    # The second half is the same whether the first one ran before or not.
    later = ClipOrder(20, 50, 0.25, schedule, 30, rank=0, ranks=1)
    assert [index for step in later for index in step] == drawn[60:]


def test_general_scenes_are_mixed_in_and_watched(dataset: Path, tmp_path: Path) -> None:
    general = tmp_path / "general"
    for split in ("train", "val"):
        written(general, INFO.model_copy(update={"generator": "others"}), split=split)
    mixed = TrainingMaterial.open(dataset, general=general, general_share=0.5)
    path = train(mixed, BRIEF, tmp_path / "run", command="", device="cpu")
    curve = json.loads((tmp_path / "run" / CURVE).read_text())
    # The same pictures, so that they are restored alike.
    assert curve[-1]["general_psnr_db"] == pytest.approx(curve[-1]["psnr_db"], abs=1e-4)
    assert "others" in read_header(path).training.dataset
    alone = TrainingMaterial.open(dataset)
    with pytest.raises(InstrumentError, match="holds a run with other options or data"):
        train(alone, BRIEF, tmp_path / "run", command="", device="cpu")
    with pytest.raises(InstrumentError, match="share of 1 of general clips"):
        TrainingMaterial.open(dataset, general=general, general_share=1.0)


def test_late_gain_compares_the_end_with_four_fifths() -> None:
    curve = [Point(step, 0.0, 30.0 + step / 10, (0, 0, 0), 30.0, 0.0, 0.0) for step in range(1, 11)]
    assert late_gain_db(curve) == pytest.approx(0.2)
    assert late_gain_db(curve[:3]) is None
