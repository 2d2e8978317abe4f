"""An evaluation as Markdown: tables that carry their conditions with them."""

from collections.abc import Callable

from models.evaluation.results import Evaluation, Material, Range, Result
from models.metrics import FRAME_METRICS


def markdown_report(evaluation: Evaluation) -> str:
    """Caption, quality, ranges of motion and exposure ratio, markers where there are any, cost."""
    results = evaluation.results
    parts = [
        _caption(evaluation.material),
        _table(results, _QUALITY),
        "By blur length in the RSGR frame, pooled PSNR in dB (share of pixels):",
        _ranges(results, lambda result: result.by_motion, "px"),
        "By exposure of the last row over the first, mean PSNR in dB (share of frames):",
        _ranges(results, lambda result: result.by_exposure_ratio, "x"),
    ]
    if evaluation.material.markers_in_gs:
        parts += [_marker_caption(evaluation.material), _table(results, _MARKERS)]
    if any(result.by_protocol for result in results):
        parts += [_PROTOCOL_CAPTION, _table(results, _PROTOCOL)]
    parts += [_cost_caption(evaluation.material), _table(results, _COST)]
    return "\n\n".join(parts) + "\n"


_Column = tuple[str, Callable[[Result], str]]


def _number(value: float | None, decimals: int, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:{'+' if sign else ''}.{decimals}f}"


def _gain(result: Result) -> str:
    error = result.delta_db_standard_error
    return _number(result.delta_db, 2, sign=True) + ("" if error is None else f" ± {error:.2f}")


def _yes_no(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "not converged"


def _by_protocol(name: str) -> Callable[[Result], str]:
    return lambda result: _number(getattr(result.by_protocol, name), 2)


def _frame_metric(name: str) -> _Column:
    metric = FRAME_METRICS[name]
    return metric.title, lambda result: _number(result.metrics[name], metric.decimals)


_QUALITY: tuple[_Column, ...] = (
    ("restorer", lambda result: result.restorer),
    ("PSNR, dB", lambda result: _number(result.psnr_db, 2)),
    ("over row gain", _gain),
    ("pooled", lambda result: _number(result.psnr_db_pooled, 2)),
    (
        "top / middle / bottom",
        lambda result: " / ".join(
            _number(value, 1)
            for value in (result.psnr_db_top, result.psnr_db_middle, result.psnr_db_bottom)
        ),
    ),
    ("unsaturated", lambda result: _number(result.psnr_db_unsaturated, 2)),
    ("linear", lambda result: _number(result.psnr_db_linear, 2)),
    _frame_metric("ssim"),
    ("worst frame", lambda result: _number(result.worst_delta_db, 2, sign=True)),
    ("flicker", lambda result: _number(result.flicker, 2)),
    *(_frame_metric(name) for name in FRAME_METRICS if name != "ssim"),
)

_MARKERS: tuple[_Column, ...] = (
    ("restorer", lambda result: result.restorer),
    (
        "markers found",
        lambda result: "-" if result.markers_found is None else f"{result.markers_found:.1%}",
    ),
    ("corner error, px", lambda result: _number(result.corner_error_px, 2)),
    (
        "against row gain, same markers",
        lambda result: _number(result.corner_error_change_px, 2, sign=True),
    ),
)

_PROTOCOL: tuple[_Column, ...] = (
    ("restorer", lambda result: result.restorer),
    *(
        (title, _by_protocol(name))
        for title, name in (
            ("PSNR, dB", "psnr_db"),
            ("top", "psnr_db_top"),
            ("middle", "psnr_db_middle"),
            ("bottom", "psnr_db_bottom"),
        )
    ),
)

_PROTOCOL_CAPTION = (
    "By the protocol `rsst` (Single Image Deblurring with Row-dependent Blur Magnitude, ICCV "
    "2023): PSNR of 8 bit codes over 255 as GS has them, mean of the frames':"
)

_COST: tuple[_Column, ...] = (
    ("restorer", lambda result: result.restorer),
    ("parameters", lambda result: "-" if result.params is None else f"{result.params:,}"),
    (
        "GMAC per Mpx",
        lambda result: _number(
            None if result.macs_per_megapixel is None else result.macs_per_megapixel / 1e9, 2
        ),
    ),
    ("ms per frame", lambda result: _number(result.ms_per_frame, 2)),
    ("device", lambda result: result.device),
    ("converged", lambda result: _yes_no(result.converged)),
)


def _caption(material: Material) -> str:
    low, high = material.exposure_ratio
    told = [metric for metric in FRAME_METRICS.values() if metric.meaning]
    noise = "not measured"
    if material.temporal_dark_noise_e is not None:
        quiet, loud = material.temporal_dark_noise_e
        noise = f"{quiet:.1f} e-" if quiet == loud else f"{quiet:.1f} to {loud:.1f} e-"
    blur = (
        ""
        if material.mean_blur_px is None
        else f", mean blur {material.mean_blur_px:.1f} px at the bottom"
    )
    return (
        f"**{material.origin.capitalize()}** material, split `{material.split}`: "
        f"{material.frames} frames in {material.sequences} sequences "
        f"of {material.sources} sources; {', '.join(material.sizes)}, "
        f"{', '.join(material.pixel_formats)}; T_bottom / T0 {low:.2f} to {high:.2f}{blur}, "
        f"temporal dark noise {noise} and shot noise. "
        "PSNR and SSIM on sRGB-encoded values, 1.0 = the saturated GS signal, saturated pixels "
        "included but for the column without; "
        "PSNR is the mean of the frames', ± the standard error over sequences; "
        "top / middle / bottom: the thirds read first, next and last; worst frame: against row "
        "gain, dB; flicker: temporal standard deviation where nothing moves, 8 bit levels"
        f"{''.join(f'; {each.title}: {each.meaning}' for each in told)}."
    )


def _marker_caption(material: Material) -> str:
    return (
        f"{material.markers_in_gs} markers detectable in GS, in {material.marker_sequences} "
        "sequences; share of them found, corner error against GS over those found, and its change "
        "against row gain on the markers both found (negative: nearer to GS):"
    )


def _cost_caption(material: Material) -> str:
    return (
        "Cost: median time of one call, codes on the host to light on the device, device "
        f"synchronised; {material.cpu_threads} CPU threads:"
    )


def _ranges(
    results: tuple[Result, ...], ranges_of: Callable[[Result], tuple[Range, ...]], unit: str
) -> str:
    """One column per range in which something lies."""
    occupied = [
        position for position, each in enumerate(ranges_of(results[0])) if each.psnr_db is not None
    ]
    columns: list[_Column] = [("restorer", lambda result: result.restorer)]
    for position in occupied:
        each = ranges_of(results[0])[position]
        bounds = (
            f"over {each.lower:g}" if each.upper is None else f"{each.lower:g} to {each.upper:g}"
        )
        columns.append((f"{bounds} {unit} ({each.share:.0%})", _psnr_in(ranges_of, position)))
    return _table(results, tuple(columns))


def _psnr_in(
    ranges_of: Callable[[Result], tuple[Range, ...]], position: int
) -> Callable[[Result], str]:
    return lambda result: _number(ranges_of(result)[position].psnr_db, 2)


def _table(results: tuple[Result, ...], columns: tuple[_Column, ...]) -> str:
    lines = [
        [title for title, _ in columns],
        ["---", *("---:" for _ in columns[1:])],
        *([cell(result) for _, cell in columns] for result in results),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
