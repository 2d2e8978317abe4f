"""Random experiments with two cameras on one trigger, whose truth is known.

``python -m tests.drivers.rig.pairing_experiments --number 10000 --seed 1`` prints how many
pairs were wrong, how often pairs were called synchronous, and how often nothing was proven. The
streams are drawn here from nothing but triggers, clocks and delays; no camera of ours is involved.
"""

import argparse
import math
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

from drivers.frame import FrameMetadata
from drivers.rig.pairing import GS, RSGR, Pairing, pair_frames
from drivers.rig.wiring import Wiring

S = 1_000_000_000
MS = 1_000_000


@dataclass
class CameraTruth:
    """What one camera does to the triggers it gets; times in ns, places are trigger numbers."""

    clock: bool = True
    counts: bool = True
    latency_ns: float = 3 * MS
    jitter_ns: float = 0.3 * MS
    drift_ppm: float = 0.0
    clock_offset_ns: int = 0
    clock_noise_ns: int = 500
    late_start: tuple[int, float] = (0, 0.0)
    """So many first frames are late by so much."""
    stalls: list[tuple[int, float]] = field(default_factory=list)
    """From this trigger on deliveries are held for so long."""
    lost: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)
    """Edges that the camera did not see."""
    ignored: set[int] = field(default_factory=set)
    """Triggers that it counted, busy with the one before."""
    glitches: set[int] = field(default_factory=set)
    """An edge too much before this trigger, counted and ignored."""
    steps: dict[int, int] = field(default_factory=dict)
    """Its clock steps at this trigger by so much."""


@dataclass
class Experiment:
    """Triggers in ns on the host's clock, and two cameras."""

    triggers_ns: list[float]
    cameras: tuple[CameraTruth, CameraTruth]
    wiring: Wiring
    path: str
    seed: int

    def streams(self) -> tuple[list[FrameMetadata], list[FrameMetadata], list[list[int]]]:
        """Frames of both cameras as they arrive, and the trigger of each frame."""
        random_ = random.Random(self.seed)
        made = [self._stream(camera, random_) for camera in self.cameras]
        return made[RSGR][0], made[GS][0], [each[1] for each in made]

    def _stream(
        self, camera: CameraTruth, random_: random.Random
    ) -> tuple[list[FrameMetadata], list[int]]:
        frames: list[FrameMetadata] = []
        of: list[int] = []
        sequence, count, stepped_ns, held_until_ns, last_ns = -1, 0, 0, -math.inf, -math.inf
        stalls = dict(camera.stalls)
        for place, true_ns in enumerate(self.triggers_ns):
            stepped_ns += camera.steps.get(place, 0)
            if place in stalls:
                held_until_ns = max(held_until_ns, true_ns + stalls[place])
            if place in camera.glitches:
                count += 1
            if place in camera.missed:
                continue
            count += 1
            if place in camera.ignored:
                continue
            sequence += 1
            late_ns = random_.expovariate(1.0) * camera.jitter_ns
            if place < camera.late_start[0]:
                late_ns += camera.late_start[1]
            host_ns = true_ns + camera.latency_ns + late_ns
            host_ns = max(host_ns, held_until_ns, last_ns + 1000)
            last_ns = host_ns
            if place in camera.lost:
                continue
            device_ns = None
            if camera.clock:
                elapsed_ns = true_ns - self.triggers_ns[0]
                device_ns = round(
                    camera.clock_offset_ns
                    + elapsed_ns * (1 + camera.drift_ppm * 1e-6)
                    + random_.uniform(-1, 1) * camera.clock_noise_ns
                    + stepped_ns
                )
            frames.append(
                FrameMetadata(sequence, round(host_ns), device_ns, count if camera.counts else None)
            )
            of.append(place)
        if frames:  # the driver counts from the first frame that arrives
            first = frames[0].sequence
            frames = [replace(frame, sequence=frame.sequence - first) for frame in frames]
        return frames, of


def drawn(seed: int) -> Experiment:
    """An experiment as a lab may have it, or worse."""
    random_ = random.Random(seed)
    fps = math.exp(random_.uniform(math.log(5), math.log(200)))
    period_ns = S / fps
    number = random_.randrange(max(80, round(2 * fps)), max(200, round(12 * fps)))
    number = min(number, 1500)
    uneven = random_.random() < 0.2
    jitter_ns = random_.choice([0.0, 200.0, 5_000.0])
    now_ns, triggers_ns = 1e15, []
    for _ in range(number):
        triggers_ns.append(now_ns + random_.gauss(0, 1) * jitter_ns)
        now_ns += period_ns * (random_.uniform(1.0, 2.0) if uneven else 1.0)
    path = random_.choice(["clean", "late start", "stalls", "busy"])
    wiring = random_.choice([Wiring.MASTER, Wiring.EXTERNAL])
    clocks = random_.choice([(1, 1), (1, 1), (1, 0), (0, 1), (0, 0)])
    counts = random_.choice([(1, 1), (1, 1), (1, 0), (0, 1), (0, 0)])
    latency_ns = random_.uniform(0.5, 4.0) * MS
    cameras = []
    for each in (RSGR, GS):
        camera = CameraTruth(clock=bool(clocks[each]), counts=bool(counts[each]))
        # Cameras of one kind: what is unlike in their latencies is a fraction of the period.
        camera.latency_ns = latency_ns + random_.uniform(0, 0.15) * min(period_ns, 20 * MS)
        camera.jitter_ns = random_.choice([0.05, 0.2, 0.5]) * MS
        if path == "busy":
            camera.jitter_ns = random_.choice([0.5, 2.0]) * MS
        camera.drift_ppm = random_.uniform(-100, 100)
        camera.clock_offset_ns = random_.randrange(10**14)
        if path in ("late start", "busy") and random_.random() < 0.7:
            camera.late_start = (
                random_.randrange(1, number // 3),
                random_.uniform(0.1, 3.0) * period_ns,
            )
        if path in ("stalls", "busy"):
            for _ in range(random_.randrange(4)):
                camera.stalls.append(
                    (random_.randrange(number), random_.uniform(0.5, 20) * period_ns)
                )
        if random_.random() < 0.5:
            share = random_.choice([0.01, 0.05, 0.2])
            camera.lost = {k for k in range(number) if random_.random() < share}
            if random_.random() < 0.3:
                start = random_.randrange(number)
                camera.lost |= set(range(start, start + random_.randrange(60)))
        if random_.random() < 0.15:
            camera.lost |= set(range(random_.randrange(12)))
        if random_.random() < 0.25 and (each == GS or wiring is Wiring.EXTERNAL):
            camera.missed = {random_.randrange(number) for _ in range(random_.randrange(1, 4))}
        if random_.random() < 0.15:
            camera.glitches = {random_.randrange(number) for _ in range(random_.randrange(1, 4))}
        if random_.random() < 0.15 and (each == GS or wiring is Wiring.EXTERNAL):
            camera.ignored = {random_.randrange(number) for _ in range(random_.randrange(1, 4))}
        if random_.random() < 0.15:
            for _ in range(random_.randrange(1, 3)):
                size_ns = random_.choice([5 * MS, round(period_ns), S, 3600 * S])
                camera.steps[random_.randrange(number)] = random_.choice([-1, 1]) * size_ns
        cameras.append(camera)
    return Experiment(triggers_ns, (cameras[0], cameras[1]), wiring, path, seed)


@dataclass
class Outcome:
    """What pairing made of an experiment."""

    seed: int
    group: str
    path: str
    synchronous: bool | None
    pairs: int
    wrong: int
    common: int
    text: str


def tried(seed: int) -> Outcome:
    """Draw an experiment, pair it, and compare with the truth."""
    experiment = drawn(seed)
    rsgr, gs, of = experiment.streams()
    pairing: Pairing = pair_frames(rsgr, gs, experiment.wiring)
    wrong = sum(of[RSGR][pair.rsgr_index] != of[GS][pair.gs_index] for pair in pairing.pairs)
    first, second = experiment.cameras
    clocks = first.clock + second.clock
    counts = first.counts + second.counts
    group = f"{clocks} clocks, {'both counters' if counts == 2 else 'counters lacking'}"
    return Outcome(
        seed,
        group,
        experiment.path,
        pairing.report.synchronous,
        len(pairing.pairs),
        wrong,
        len(set(of[RSGR]) & set(of[GS])),
        pairing.report.text,
    )


def main() -> None:
    """Try many and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", type=int, default=5)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.number)
    if options.workers > 1:
        with get_context("spawn").Pool(options.workers) as pool:
            outcomes = pool.map(tried, seeds, chunksize=16)
    else:
        outcomes = [tried(seed) for seed in seeds]
    table: dict[tuple[str, str], Counter[str]] = {}
    for each in outcomes:
        row = table.setdefault((each.group, each.path), Counter())
        row["experiments"] += 1
        row[{True: "yes", False: "no", None: "null"}[each.synchronous]] += 1
        row["pairs"] += each.pairs
        row["common"] += each.common
        row["wrong"] += each.wrong
        row["yes, wrong"] += each.synchronous is True and each.wrong > 0
        row["wrong in"] += each.wrong > 0
    head = (
        "experiments",
        "yes",
        "no",
        "null",
        "common",
        "pairs",
        "wrong",
        "wrong in",
        "yes, wrong",
    )
    print(f"{'':44s}" + "".join(f"{name:>12s}" for name in head))
    for key in sorted(table):
        print(f"{', '.join(key):44s}" + "".join(f"{table[key][name]:12d}" for name in head))
    for what, chosen in (
        ("called synchronous with wrong pairs", [e for e in outcomes if e.synchronous and e.wrong]),
        ("wrong pairs", [e for e in outcomes if e.wrong and not e.synchronous]),
        ("not proven", [e for e in outcomes if e.synchronous is None]),
        ("called not synchronous", [e for e in outcomes if e.synchronous is False]),
    ):
        print(f"{what}: {len(chosen)}")
        for outcome in chosen[: options.show]:
            print(f"  {outcome}")


if __name__ == "__main__":
    main()
