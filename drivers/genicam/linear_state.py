"""The linear, fixed state of a camera, in which its codes are linear in the light.

Gamma, look-up tables, automatics, sharpening and the like change the relation
between light and code, and some cameras power up with them on. The table lists
what is set. What cannot be set becomes a warning.

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.nodes import Node, NodeMap

MINIMUM = "minimum"
"""Wanted value of a number whose neutral value is the lowest the device offers."""


@dataclass(frozen=True, slots=True)
class LinearRule:
    """A rule: each of ``nodes`` that a camera has is set to the first of ``wanted`` it offers.

    A node behind selectors (LUTEnable, TriggerOverlap ...) is set for each of
    their values; the device description names the selectors. ``moot`` names a
    switch and the value at which these nodes have no effect.
    """

    nodes: tuple[str, ...]
    wanted: tuple[str, ...]
    moot: tuple[str, str] | None = None


OFF = ("Off",)
FALSE = ("false", "Off")

RULES: tuple[LinearRule, ...] = (
    LinearRule(("SequencerMode", "SequenceEnable", "mvHDREnable", "HDREnable"), FALSE),
    LinearRule(("ExposureMode",), ("Timed",)),
    LinearRule(("ExposureAuto", "BalanceWhiteAuto", "ContrastAuto"), OFF),
    LinearRule(("GainAuto", "GainAutoBalance"), OFF),
    LinearRule(("BlackLevelAuto", "BlackLevelAutoBalance"), OFF),
    LinearRule(("TriggerOverlap",), OFF),
    LinearRule(("GammaEnable",), FALSE),
    LinearRule(("GammaSelector",), ("User",), moot=("GammaEnable", "false")),
    LinearRule(("Gamma",), ("1",), moot=("GammaEnable", "false")),
    LinearRule(("LUTEnable",), FALSE),
    LinearRule(("TestPattern",), ("Off", "Normal")),
    LinearRule(("TestImageSelector", "TestImage"), OFF),
    LinearRule(("SharpeningAuto", "SharpeningEnable", "SharpnessEnable"), FALSE),
    LinearRule(("SharpnessAuto",), OFF),
    LinearRule(("Sharpness", "BslSharpnessEnhancement"), ("0",)),
    LinearRule(("SharpnessEnhancementAbs",), (MINIMUM,)),
    LinearRule(("NoiseReductionAbs", "BslNoiseReduction", "Denoise"), ("0",)),
    LinearRule(("NoiseReduction", "DenoiseEnable", "NoiseReductionMode"), FALSE),
    LinearRule(("AdaptiveNoiseSuppressionFactor",), ("1",)),
    LinearRule(
        ("ColorTransformationEnable", "ColorCorrectionMatrixEnable", "ColorAdjustmentEnable"), FALSE
    ),
    LinearRule(("SaturationEnable", "HueEnable", "ToneMappingEnable", "ContrastEnable"), FALSE),
    LinearRule(("BslColorSpace", "BslLightSourcePreset", "LightSourcePreset"), OFF),
    LinearRule(("BslContrast", "BslBrightness", "BslHue"), ("0",)),
)


@dataclass(frozen=True, slots=True)
class LinearReport:
    """``changed``: (node, value before, value read back); a selected node as ``Node[value]``."""

    changed: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]


def make_linear(node_map: NodeMap) -> LinearReport:
    """Put a stopped camera into the linear, fixed state, and read every value back.

    Call it after trigger and shutter are set, because some nodes exist only then.
    A refusal by the camera is not raised: it becomes a warning with the value that
    stays. Selectors are restored.
    """
    changed: list[tuple[str, str, str]] = []
    warnings: list[str] = []
    for rule in RULES:
        if rule.moot is not None and _reads(node_map, *rule.moot):
            continue
        for name in rule.nodes:
            try:
                _apply_rule(node_map, name, rule.wanted, changed, warnings)
            except SettingRefusedError as refusal:
                warnings.append(f"{name} stays as it is: {refusal}")
    return LinearReport(tuple(changed), tuple(warnings))


def _apply_rule(
    node_map: NodeMap,
    name: str,
    wanted: tuple[str, ...],
    changed: list[tuple[str, str, str]],
    warnings: list[str],
) -> None:
    node = nodes.lookup(node_map, name)
    if node is None:
        return
    for selected in _visit(nodes.selectors_of(node)):
        if not nodes.is_readable(node):
            continue
        label = f"{name}[{', '.join(selected)}]" if selected else name
        was = nodes.read_text(node)
        now, refusal = _settle(node_map, name, was, wanted)
        if now != was:
            changed.append((label, was, now))
        if refusal:
            warnings.append(f"{label} stays {now}: {refusal}")


def _settle(node_map: NodeMap, name: str, was: str, wanted: tuple[str, ...]) -> tuple[str, str]:
    """Set the node to the first of ``wanted`` it offers; returns value read back and refusal."""
    node = nodes.require(node_map, name)
    if any(_same(was, value) for value in wanted):
        return was, ""
    if not nodes.is_writable(node):
        return was, "it cannot be written in the camera's present state"
    value = _first_offered(node, wanted)
    if value is None or _same(was, value):
        return was, "" if value else f"it offers no {' or '.join(wanted)}"
    try:
        now = nodes.set_node_text(node_map, name, value)
    except SettingRefusedError as refusal:
        return nodes.read_text(node), str(refusal)
    return now, "" if _same(now, value) else f"it was set to {value}"


def _first_offered(node: Node, wanted: tuple[str, ...]) -> str | None:
    control = nodes.control_if_number(node)
    if control is not None:
        if MINIMUM in wanted:
            return f"{control.minimum}"
        within = (text for text in wanted if control.minimum <= float(text) <= control.maximum)
        return next(within, None)
    offered = {value.lower(): value for value in nodes.values_of(node)}
    return next((offered[text.lower()] for text in wanted if text.lower() in offered), None)


def _same(read: str, wanted: str) -> bool:
    """Whether a value read is the one wanted; numbers within the device's own rounding."""
    try:
        return math.isclose(float(read), float(wanted), rel_tol=1e-3, abs_tol=1e-6)
    except ValueError:
        return read.lower() == wanted.lower()


def _visit(selectors: tuple[Node, ...]) -> Iterator[tuple[str, ...]]:
    """Select every combination in turn and yield its values; restore the selectors at the end."""
    if not selectors:
        yield ()
        return
    first, *others = selectors
    before = nodes.read_text(first)
    try:
        for value in nodes.symbolics(first):
            nodes.write(first, value)
            for rest in _visit(tuple(others)):
                yield (value, *rest)
    finally:
        nodes.write(first, before)


def _reads(node_map: NodeMap, name: str, value: str) -> bool:
    node = nodes.find(node_map, name)
    return nodes.text_if_readable(node) == value
