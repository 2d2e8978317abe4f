"""Pictures of the procedural scene: panels on the board, textures of belts and wheels."""

import numpy as np

from drivers.srgb import Image
from drivers.virtual.scene.drawing import (
    GRAPHITE,
    INK,
    ORANGE,
    PAPER,
    SAND,
    SKY,
    STEEL,
    TEAL,
    WHITE,
    Canvas,
    Colour,
)


def centre_chart() -> Image:
    """The chart in the power-up region: star, wedge, grey steps, text, marker, slanted edge."""
    chart = Canvas(306, 240)
    chart.rectangle(0, 0, 306, 26, TEAL)
    chart.text("NEURAL GLOBAL SHUTTER", 10, 18, 9.5, WHITE)
    chart.rectangle(270, 0, 36, 26, ORANGE)
    chart.text("ID 7", 275, 17, 8.0, WHITE)
    chart.siemens_star(68, 96, 58, 36)
    chart.wedge(140, 38, 60, 118, 9, 13)
    chart.text("1", 204, 46, 5, INK)
    chart.text("5", 204, 154, 5, INK)
    chart.marker(7, 226, 36, 8.5)
    chart.polygon([(232, 114), (288, 122), (281, 170), (225, 162)], INK)
    chart.grey_steps(10, 184, 286, 22, 13)
    chart.text("rows that end late gather more light and more motion", 10, 170, 4.6, INK)
    chart.text("T(r) = T0 + r t_line      E = integral of L from 0 to T(r)", 10, 221, 6.2, INK)
    chart.text("the quick brown fox jumps over the lazy dog 0123456789", 10, 233, 4.4, INK)
    return chart.finish()


def star_chart() -> Image:
    chart = Canvas(300, 240)
    chart.siemens_star(122, 120, 110, 72)
    for place, period in enumerate((8.0, 6.0, 4.0, 3.0, 2.0)):
        chart.line_pairs(250, 10 + 46 * place, 36, period, place % 2 == 0)
    return chart.finish()


def colour_panel() -> Image:
    chart = Canvas(240, 240, INK)
    chart.colour_chart(12, 12, 32, 5)
    chart.grey_steps(12, 168, 217, 30, 17)
    chart.text("LINEAR LIGHT", 12, 225, 12, PAPER)
    return chart.finish()


def title_panel() -> Image:
    chart = Canvas(620, 150, TEAL)
    chart.rectangle(0, 0, 14, 150, ORANGE)
    chart.text("RSGR TEST BENCH", 36, 62, 34, WHITE)
    chart.text("global reset: all rows start together, each ends in its turn", 38, 96, 11, PAPER)
    chart.text("EMVA 1288   GenICam SFNC   ISO 12233 style targets", 38, 126, 9, SKY)
    return chart.finish()


def zone_panel() -> Image:
    chart = Canvas(330, 150)
    chart.zone_plate(76, 75, 68)
    chart.wedge(160, 10, 70, 130, 11, 18)
    chart.wedge(245, 10, 70, 130, 7, 9)
    return chart.finish()


def marker_panel() -> Image:
    chart = Canvas(330, 150)
    for number, x in enumerate((10, 118, 226)):
        chart.marker(20 + number, x, 12, 11.5)
        chart.text(f"ID {20 + number}", x + 28, 132, 9, INK)
    return chart.finish()


def line_pair_panel() -> Image:
    chart = Canvas(700, 130)
    for place, period in enumerate((16.0, 12.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0)):
        x = 16 + 84 * place
        chart.line_pairs(x, 12, 48, period, True)
        chart.line_pairs(x, 68, 48, period, False)
        chart.text(f"{period:g}", x + 52, 124, 7, INK)
    return chart.finish()


def checker_panel() -> Image:
    chart = Canvas(600, 130)
    chart.checkerboard(30, 25, 16, 16, 5)
    for line in range(8):
        size = 4.0 + 1.1 * line
        chart.text("exposure  line time  full well", 320, 14 + 14 * line + line, size, INK)
    return chart.finish()


def printed_tape(cycle: int, height: int) -> Image:
    belt = Canvas(cycle, height)
    for x in range(0, cycle, 10):
        length = 12 if x % 100 == 0 else 8 if x % 50 == 0 else 4
        belt.rectangle(x, 0, 1, length, INK)
    for x in range(0, cycle, 100):
        belt.text(f"{x:04d}", x + 4, 14, 6, INK)
    words = ("ROLLING SHUTTER", "GLOBAL RESET", "ROW GAIN", "LINE TIME", "FULL WELL")
    for number, word in enumerate(words):
        x = number * cycle // len(words)
        belt.marker(40 + number, x + 10, 21, 5.8)
        belt.text(word, x + 66, 48, 19, INK)
        belt.text(
            "every row starts at the same instant; the last one ends last", x + 66, 62, 6, INK
        )
        belt.rectangle(x + 384, 22, 6, 42, ORANGE)
    return belt.finish()


def fine_print(cycle: int, height: int) -> Image:
    belt = Canvas(cycle, height, TEAL)
    lines = (
        "all rows begin together at t = 0 and row r ends at T0 + r t_line; ",
        "dark noise falls by T0 / T_r after row gain, shot noise by its root; ",
        "a clipped pixel carries no ramp: saturation reaches the late rows first; ",
    )
    for row, line in enumerate(lines):
        x = 8.0 + 40 * row
        while x < cycle - 420:
            x = belt.text(line, x, 13 + 13 * row, 6.2, PAPER, weight=0.11) + 10
        belt.rectangle(x, 9 + 13 * row, cycle - x - 10, 1, SKY)
    return belt.finish()


def chevrons(cycle: int, height: int) -> Image:
    belt = Canvas(cycle, height, INK)
    for number, x in enumerate(range(0, cycle, 100)):
        if number % 5 == 4:
            belt.rectangle(x + 4, 6, 92, height - 12, PAPER)
            belt.text(f"{number:02d}", x + 14, height - 17, height - 34, INK)
            belt.line_pairs(x + 62, 10, 28, 7, True)
            continue
        colour = (ORANGE, PAPER, SKY, SAND)[number % 4]
        half, tip = height / 2, 26
        belt.polygon(
            [(x + 34, 5), (x + 68, 5), (x + 68 - tip, half), (x + 68, height - 5),
             (x + 34, height - 5), (x + 34 - tip, half)],
            colour,
        )  # fmt: skip
    return belt.finish()


def parcels(cycle: int, height: int) -> Image:
    belt = Canvas(cycle, height, GRAPHITE)
    for number in range(10):
        x, colour = number * cycle // 10, (SAND, PAPER, SKY, ORANGE)[number % 4]
        belt.rectangle(x + 12, 8, 150, height - 16, colour)
        belt.marker(60 + number, x + 20, 11, 4.6)
        belt.text(f"LOT {713 + 37 * number}", x + 66, 32, 14, INK)
        belt.text("handle in linear light", x + 66, 45, 5.5, INK)
    return belt.finish()


def film(cycle: int, height: int) -> Image:
    belt = Canvas(cycle, height, INK)
    for x in range(0, cycle, 20):
        belt.rectangle(x + 6, 3, 8, 6, PAPER)
        belt.rectangle(x + 6, height - 9, 8, 6, PAPER)
    for number, x in enumerate(range(0, cycle, 100)):
        grey = float(np.geomspace(0.06, 0.9, 8)[number % 8])
        belt.rectangle(x + 3, 12, 94, height - 24, (grey, grey, grey))
        contrast: Colour = INK if grey > 0.2 else WHITE
        belt.text(f"{number:02d}A", x + 24, height - 20, 16, contrast)
    return belt.finish()


def barcodes(cycle: int, height: int) -> Image:
    belt = Canvas(cycle, height, WHITE)
    rng = np.random.default_rng(39)
    for x in range(0, cycle, 250):
        place = x + 10.0
        while place < x + 200:
            bar, gap = rng.integers(1, 5, 2)
            belt.rectangle(place, 4, float(bar), height - 16, INK)
            place += float(bar + gap)
        belt.text(f"{x:06d}  {x * 37 % 1000:03d}", x + 40, height - 3, 7, INK)
    return belt.finish()


def carriage(width: int, cycle: int) -> Image:
    belt = Canvas(width, cycle, SAND)
    for number in range(8):
        y = number * cycle // 8
        module = width / 12
        belt.marker(80 + number, width / 2 - 4 * module, y + 8, module)
        belt.text(f"{number}", width / 2 - 5, y + 84, 13, INK)
        belt.rectangle(0, y + 92, width, 2, INK)
    for y in range(0, cycle, 10):
        belt.rectangle(0, y, 5 if y % 50 else 9, 1, INK)
    return belt.finish()


def wheel() -> Image:
    """A disc of twelve vanes with numbers, from the front; 480 pixels wide."""
    side, sectors = 480, 12
    centre = side / 2
    disc = Canvas(side, side, INK)
    disc.disc(centre, centre, centre, INK)
    disc.disc(centre, centre, 0.985 * centre, PAPER)
    for sector in range(sectors):
        angles = (np.arange(0, 13) / 24 + sector) * 2 * np.pi / sectors
        colour = ORANGE if sector == 0 else TEAL if sector % 3 == 0 else INK
        arc = [(centre + 0.74 * centre * np.cos(a), centre + 0.74 * centre * np.sin(a))
               for a in angles]  # fmt: skip
        core = [(centre + 0.26 * centre * np.cos(a), centre + 0.26 * centre * np.sin(a))
                for a in angles[::-1]]  # fmt: skip
        disc.polygon(arc + core, colour)
        middle = (sector + 0.25) * 2 * np.pi / sectors
        disc.text(f"{sector}", centre + 0.84 * centre * np.cos(middle) - 9,
                  centre + 0.84 * centre * np.sin(middle) + 10, 20, INK)  # fmt: skip
    for tick in range(120):
        a = tick * 2 * np.pi / 120
        inner = 0.93 if tick % 10 else 0.90
        disc.line((centre + inner * centre * np.cos(a), centre + inner * centre * np.sin(a)),
                  (centre + 0.975 * centre * np.cos(a), centre + 0.975 * centre * np.sin(a)),
                  1.5, INK)  # fmt: skip
    disc.ring(centre, centre, 0.75 * centre, 3, INK)
    disc.disc(centre, centre, 0.24 * centre, STEEL)
    disc.marker(1, centre - 34, centre - 34, 8.5)
    return disc.finish()
