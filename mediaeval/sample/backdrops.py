"""What stands behind and around a drawn scene: sky, hills, ground, water, weather, passers-by and the light."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mediaeval.sample.brushes import house, person, tower, tree
from mediaeval.sample.canvas import Canvas, Colour, pick, shade, vary


@dataclass(frozen=True)
class Scene:
    """What an image shows: a row of `labels.draw_scenes`."""

    kind: str  # one of PAINTERS
    severity: float = 0.5  # 0..1
    people: int = 0
    pose: str = "standing"  # or crouched, or arms up
    rescuers: bool = False  # people in orange beside the others
    food: bool = False
    light: str = "day"  # or dusk, or night


def sky(c: Canvas, scene: Scene, horizon: float, overcast: float) -> None:
    """Paint the sky down to the horizon: blue or grey by day, any sunset at dusk; night is day, tinted afterwards."""
    rng = c.rng
    if scene.light == "dusk":
        palettes = (
            ((70, 76, 128), (236, 136, 84), (255, 206, 126)),
            ((112, 82, 120), (238, 150, 130), (250, 214, 172)),
            ((60, 74, 110), (176, 136, 132), (236, 186, 120)),
        )
        colours = [vary(colour, rng, 10) for colour in pick(rng, palettes)]
    else:
        clear = vary(pick(rng, ((86, 140, 206), (120, 164, 210), (104, 150, 190), (146, 170, 196))), rng, 8)
        grey = vary((156, 160, 166), rng, 12)
        red, green, blue = (round(b + (g - b) * overcast) for b, g in zip(clear, grey, strict=True))
        colours = [(red, green, blue), shade((red, green, blue), 1.3)]
    c.gradient(0, horizon, colours)
    clouds = c.cloud(int(rng.integers(2, 6)), stretch=2)
    c.veil(shade(colours[-1], 1.12 - 0.2 * overcast), (clouds - 0.5 + 0.25 * overcast) * 2.6, (0, 0, 1, horizon))
    c.veil(
        shade(colours[0], 0.75 - 0.35 * overcast),
        (0.42 + 0.15 * overcast - clouds) * 2.4 * overcast,
        (0, 0, 1, horizon),
    )


def ground(c: Canvas, horizon: float, kind: str | None = None) -> Colour:
    """Paint the ground under the horizon (grass, dry grass, earth, asphalt, snow or sand) and return its colour."""
    rng = c.rng
    colours = {"grass": (96, 128, 62), "dry": (158, 142, 88), "earth": (122, 98, 74), "asphalt": (112, 112, 114)}
    colours |= {"snow": (222, 226, 234), "sand": (212, 190, 146)}
    kind = kind or pick(rng, ("grass", "grass", "dry", "earth", "asphalt"))
    colour = vary(colours[kind], rng, 10)
    c.gradient(horizon, 1, [shade(colour, 1.12), shade(colour, 0.85)])
    c.grain(horizon, 1, 0.25, size=0.45)
    return colour


def leaf_colour(rng: np.random.Generator) -> Colour:
    """Return the colour of leaves in one of the seasons."""
    return pick(rng, ((72, 108, 50), (96, 120, 60), (150, 112, 44), (116, 60, 36), (60, 92, 62)))  # spring to autumn


def hills(c: Canvas, horizon: float) -> None:
    """Line the horizon with up to two chains of hills, or none."""
    for depth in range(int(c.rng.integers(0, 3))):
        points, phase = np.linspace(0, 1, 14), c.rng.uniform(0, 6)
        tops = horizon - (0.05 + 0.08 * c.rng.random()) * (1.4 + np.sin(points * c.rng.uniform(3, 8) + phase)) / (
            1 + depth
        )
        edge = [c.at(x, y) for x, y in zip(points, tops, strict=True)]
        c.draw.polygon(
            [c.at(0, horizon), *edge, c.at(1, horizon)],
            fill=vary((112 - 26 * depth, 126 - 18 * depth, 132 - 44 * depth), c.rng, 8),
        )


def skyline(c: Canvas, horizon: float, ruin: float = 0.0) -> None:
    """Line the horizon with houses, towers or trees, as it comes."""
    rng, what = c.rng, c.rng.integers(3)
    for x in np.arange(rng.uniform(-0.05, 0.05), 1.05, 0.13):
        if rng.random() < 0.25:
            continue
        if what == 0:
            tower(c, x, horizon, rng.uniform(11, 16), rng.uniform(14, 34), ruin)
        elif what == 1 or rng.random() < 0.3:
            house(c, x, horizon, rng.uniform(12, 18), ruin)
        else:
            tree(c, x, horizon, rng.uniform(14, 26), leaf_colour(rng), bare=ruin > 0.5)


def people(c: Canvas, scene: Scene, ground: float = 0.93, height: float = 24, middle: float | None = None) -> None:
    """Draw the scene's people, and its rescuers in orange, near the bottom of the image."""
    rng, middle = c.rng, c.rng.uniform(0.25, 0.75) if middle is None else middle
    helpers = int(rng.integers(2, 5)) if scene.rescuers else 0
    whole = [(scene.pose, False)] * scene.people + [("standing", True)] * helpers
    gap = min(0.13, 0.8 / max(1, len(whole))) * c.h / c.w * 1.2
    for place, index in enumerate(rng.permutation(len(whole))):
        x = middle + (place - (len(whole) - 1) / 2) * gap + rng.normal(0, 0.012)
        pose, rescuer = whole[index]
        tall = height * rng.uniform(0.85, 1.15)
        person(c, x, ground + rng.uniform(-0.03, 0.03), tall, pose, rescuer)


def dark(c: Canvas, scene: Scene) -> None:
    """Tint what has been painted so far by the light; what glows is painted after this."""
    rng = c.rng
    if scene.light == "night":
        level = rng.uniform(0.32, 0.5)
        c.tint((level, level * 1.05, level * rng.uniform(1.15, 1.5)))
    elif scene.light == "dusk":
        c.tint((rng.uniform(0.72, 0.9), rng.uniform(0.6, 0.72), rng.uniform(0.55, 0.75)))


def water(c: Canvas, top: float, colour: Colour, reflection: float = 0.4) -> None:
    """Flood the image below `top`: colour, reflections, ripples."""
    c.gradient(top, 1, [shade(colour, 1.1), shade(colour, 0.8)])
    c.mirror(top, 0.4, reflection)
    ripples = c.cloud(10, stretch=8)
    c.veil(shade(colour, 1.5), (ripples - 0.52) * 2.2, (0, top, 1, 1))
    c.veil(shade(colour, 0.5), (0.44 - ripples) * 1.8, (0, top, 1, 1))


def rain(c: Canvas, slant: float, strength: float) -> None:
    """Draw rain over the whole image; it falls at a slant of -1..1."""
    streaks = Image.new("L", (c.w, c.h))
    draw, length = ImageDraw.Draw(streaks), c.unit * 5
    for x, y, size in c.rng.random((round(420 * strength), 3)):
        px, py = (1.4 * x - 0.2) * c.w, y * c.h
        draw.line(
            (px, py, px + slant * length * size, py + length * size),
            fill=round(60 + 90 * strength),
            width=max(1, round(c.unit * 0.2)),
        )
    c.image.paste((214, 220, 228), (0, 0), streaks)


def lightning(c: Canvas, horizon: float) -> None:
    """Strike once, from the upper edge to the horizon."""
    x, bolt = c.rng.uniform(0.15, 0.85), []
    for y in np.linspace(0, horizon, 11):
        bolt.append(c.at(x, y))
        x += c.rng.normal(0, 0.035)
    c.glow(bolt[4][0] / c.w, 0.2, 50, (150, 150, 200), 0.8)
    c.draw.line(bolt, fill=(206, 206, 255), width=max(2, round(c.unit * 0.9)))
    c.draw.line(bolt, fill=(255, 255, 255), width=max(1, round(c.unit * 0.4)))
    fork = bolt[5]
    c.draw.line(
        (fork, (fork[0] + c.unit * 8, fork[1] + c.unit * 9)), fill=(236, 236, 255), width=max(1, round(c.unit * 0.3))
    )
