"""The drawn scenes: fires, floods, storms, rubble, rescues, relief, calm days, streets and maps, as images.

Every attribute of a `Scene` can be seen in its image; everything else (palette, season, composition, camera) is random
and tells nothing about the label. Sunsets are as orange as fires, rescues may happen at night, and a calm sea is water.
"""

import math

import numpy as np
from PIL import Image

from mediaeval.sample.backdrops import (
    Scene,
    dark,
    ground,
    hills,
    leaf_colour,
    lightning,
    people,
    rain,
    sky,
    skyline,
    water,
)
from mediaeval.sample.brushes import (
    bent_tree,
    boat,
    car,
    flames,
    helicopter,
    house,
    palm,
    person,
    rubble,
    tent,
    tower,
    tree,
)
from mediaeval.sample.camera import photograph
from mediaeval.sample.canvas import Canvas, pick, shade, vary

__all__ = ["PAINTERS", "Scene", "draw_scene"]


def draw_scene(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Return an image of the scene, RGB, sides of 240 to 450 pixels (a few less when tilted), mostly landscape."""
    long, short = int(rng.integers(320, 451)), int(rng.integers(240, 311))
    c = Canvas(*((long, short) if rng.random() < 0.75 else (short, long)), rng)
    PAINTERS[scene.kind](c, scene)
    return photograph(c, scene.light)


def fire(c: Canvas, scene: Scene) -> None:
    """A house or a wood on fire; severity is how much burns and how thick the smoke stands."""
    rng, s, horizon = c.rng, scene.severity, c.rng.uniform(0.5, 0.7)
    wild = rng.random() < 0.45
    sky(c, scene, horizon + 0.02, overcast=0.3 + 0.5 * s)
    hills(c, horizon)
    ground(c, horizon)
    seats = []
    if wild:
        for x in rng.uniform(-0.02, 1.02, 12):
            tree(c, x, horizon + rng.uniform(0, 0.08), rng.uniform(22, 40), leaf_colour(rng), bare=rng.random() < s)
        seats = [(x, horizon + 0.07, rng.uniform(8, 16)) for x in rng.uniform(0.05, 0.95, round(2 + 6 * s))]
    else:
        for x in np.linspace(0.2, 0.8, 1 + int(rng.integers(1, 3))):
            base, wide = horizon + rng.uniform(0.03, 0.12), rng.uniform(28, 40)
            _, ridge = house(c, x, base, wide, ruin=s)
            on = [(x + 0.1 * rng.normal(), (0.45 * ridge + 0.55 * base), wide * 0.3) for _ in range(round(1 + 3 * s))]
            seats += on if rng.random() < 0.4 + 0.6 * s or not seats else []
    dark(c, scene)
    black = vary(pick(rng, ((40, 38, 40), (84, 80, 78), (120, 112, 106))), rng, 8)
    drift = rng.normal(0, 0.3)
    for x, y, _ in seats[:3]:
        c.veil(black, c.puffs(x, y, 0.07 + 0.09 * s, 0.7, drift, 0.7 + 0.3 * s))
    for x, y, wide in seats:
        flames(c, x, y, wide, wide * (0.7 + 1.1 * s) * rng.uniform(0.7, 1.1))
    c.veil(shade(black, 1.3), c.puffs(seats[-1][0] + 0.1, horizon, 0.12, 0.6, drift, 0.45 + 0.25 * s))
    people(c, scene)
    if scene.light == "night":
        c.glow(seats[0][0], horizon, 60, (150, 60, 10), 0.5)


def flood(c: Canvas, scene: Scene) -> None:
    """Brown or grey water in a street; severity is how high it stands at the houses and cars."""
    rng, s, horizon = c.rng, scene.severity, c.rng.uniform(0.38, 0.55)
    sky(c, scene, horizon + 0.1, overcast=rng.uniform(0.3, 1))
    hills(c, horizon)
    skyline(c, horizon + 0.02)
    waterline = horizon + 0.02
    sunk = 0.03 + 0.22 * s  # how much of what stands nearer is under water, as a fraction of the height
    near = sorted((rng.uniform(0.06, 0.2), rng.uniform(0.05, 0.95)) for _ in range(int(rng.integers(2, 5))))
    colour = vary(pick(rng, ((138, 112, 80), (128, 120, 104), (112, 122, 126), (156, 132, 92))), rng, 8)
    water(c, waterline, colour)
    for depth, x in near:
        base = waterline + depth
        keep = c.image.crop((0, round(base * c.h), c.w, c.h))
        what = rng.random()
        if what < 0.45:
            house(c, x, base + sunk * 0.8, rng.uniform(24, 36))
        elif what < 0.75:
            car(c, x, base + sunk * 0.45, rng.uniform(22, 30))
        else:
            tree(c, x, base + sunk * 0.6, rng.uniform(26, 40), leaf_colour(rng), bare=rng.random() < 0.3)
        c.image.paste(keep, (0, round(base * c.h)))  # the water hides what is below its line
        c.veil(
            shade(colour, 1.45),
            np.clip(c.cloud(20) * 1.4 - 0.3, 0, 1),
            (max(0, x - 0.15), base - 0.004, min(1, x + 0.15), base + 0.012),
        )
    for _ in range(round(14 * s)):  # drifting boards and branches
        x, y = rng.uniform(0, 1), rng.uniform(waterline + 0.08, 1)
        (px, py), length = c.at(x, y), c.unit * rng.uniform(1.5, 6)
        c.draw.line(
            (px, py, px + length, py + rng.normal(0, 0.2) * length),
            fill=vary((84, 64, 46), rng),
            width=round(c.unit * 0.9),
        )
    if scene.people or scene.rescuers:
        foot, middle = rng.uniform(0.88, 0.97), rng.uniform(0.3, 0.7)
        keep_from = foot - 0.02 - (0.09 if scene.pose != "crouched" else 0.03) * s  # they wade: knees to waist
        keep = c.image.crop((0, round(keep_from * c.h), c.w, c.h))
        people(c, scene, ground=foot, height=30, middle=middle)
        c.image.paste(keep, (0, round(keep_from * c.h)))
    dark(c, scene)
    if rng.random() < 0.3:
        rain(c, rng.normal(0, 0.3), 0.5)


def storm(c: Canvas, scene: Scene) -> None:
    """Low dark clouds and bent trees at a shore or a road; severity is the wind, the dark and the waves."""
    rng, s, horizon = c.rng, scene.severity, c.rng.uniform(0.55, 0.72)
    wind = (0.25 + 0.75 * s) * pick(rng, (-1, 1))
    sky(c, scene, horizon + 0.02, overcast=1)
    clouds = c.cloud(3, stretch=1.6, octaves=5)
    gloom = vary(pick(rng, ((58, 64, 76), (74, 76, 72), (62, 58, 74))), rng, 6)
    c.veil(
        gloom,
        (clouds - 0.62 + 0.42 * s) * 3 * np.linspace(1.2, 0.5, len(clouds))[:, None] + 0.3 * s,
        (0, 0, 1, horizon),
    )
    sea = rng.random() < 0.5
    if sea:
        colour = vary(pick(rng, ((92, 110, 112), (84, 100, 118), (112, 116, 104))), rng, 6)
        water(c, horizon, colour, reflection=0.1)
        for row in np.linspace(horizon + 0.03, 0.97, 7):
            crest = [
                c.at(x, row - (0.01 + 0.06 * s * (row - horizon) * 4) * max(0, math.sin(9 * x + 40 * row)))
                for x in np.linspace(0, 1, 40)
            ]
            c.draw.line(
                crest,
                fill=vary((216, 222, 220), rng, 6),
                width=max(1, round(c.unit * (0.3 + 1.6 * s * (row - horizon)))),
            )
            c.veil(
                (226, 230, 228), (c.cloud(16, stretch=3) - 0.62 + 0.12 * s) * 3, (0, row - 0.03, 1, min(1, row + 0.03))
            )
    else:
        hills(c, horizon)
        ground(c, horizon)
        skyline(c, horizon + 0.03, ruin=0.35 * s)
    tropical = rng.random() < 0.6
    for x in rng.uniform(0.05, 0.95, int(rng.integers(2, 5))):
        base, tall = rng.uniform(0.86, 1.02), rng.uniform(42, 66)
        if tropical:
            palm(c, x, base, tall, wind)
        else:
            bent_tree(c, x, base, tall * 0.8, wind, leaf_colour(rng))
    for _ in range(round(22 * s * s)):  # torn leaves and boards in the air
        (px, py), size = c.at(*rng.random(2)), c.unit * rng.uniform(0.4, 1.6)
        c.draw.polygon(
            [(px, py), (px + size * 2, py + size * rng.normal()), (px + size, py + size)],
            fill=vary((54, 50, 42), rng, 8),
        )
    people(c, scene)
    dark(c, scene)
    if rng.random() < 0.25 + 0.5 * s:
        rain(c, wind, 0.4 + 0.5 * s)
    if rng.random() < 0.15 + 0.4 * s:
        lightning(c, horizon)


def ruins(c: Canvas, scene: Scene) -> None:
    """Collapsed buildings; severity is how much has fallen, and how much dust hangs over it."""
    rng, s, horizon = c.rng, scene.severity, c.rng.uniform(0.45, 0.62)
    sky(c, scene, horizon + 0.05, overcast=rng.uniform(0.1, 0.9))
    hills(c, horizon)
    ground(c, horizon, pick(rng, ("earth", "asphalt", "dry")))
    skyline(c, horizon + 0.03, ruin=0.2 + 0.5 * s)
    for x in rng.uniform(0.05, 0.95, int(rng.integers(1, 4))):
        if rng.random() < 0.6:
            tower(
                c,
                x,
                horizon + 0.14,
                rng.uniform(22, 36),
                rng.uniform(30, 52) * (1.1 - 0.4 * s),
                ruin=0.15 + 0.75 * s,
                lean=rng.normal(0, 0.18 * s),
            )
        else:
            house(c, x, horizon + 0.14, rng.uniform(26, 38), ruin=0.3 + 0.7 * s)
    stone = vary(pick(rng, ((166, 156, 142), (150, 146, 144), (168, 128, 100), (186, 172, 146))), rng, 8)
    rubble(c, -0.05, 1.05, horizon + 0.22, 10 + 24 * s, stone, blocks=round(70 + 150 * s))
    if rng.random() < 0.4:
        car(c, rng.uniform(0.2, 0.8), horizon + 0.27, rng.uniform(20, 28), (98, 92, 86))
    rubble(c, -0.05, 1.05, 1.02, 7 + 16 * s, stone, blocks=round(40 + 90 * s))
    c.veil(shade(stone, 1.15), c.cloud(4) * (0.1 + 0.55 * s) * rng.random())
    people(c, scene, height=26)
    dark(c, scene)


def rescue(c: Canvas, scene: Scene) -> None:
    """People in orange at work, with a boat, a stretcher or a helicopter; severity is what lies about them."""
    rng, s, horizon = c.rng, scene.severity, c.rng.uniform(0.4, 0.58)
    means = pick(rng, ("boat", "stretcher", "helicopter"))
    sky(c, scene, horizon + 0.05, overcast=rng.uniform(0, 0.9))
    hills(c, horizon)
    if means == "boat":
        skyline(c, horizon + 0.02, ruin=0.4 * s)
        water(c, horizon + 0.02, vary(pick(rng, ((132, 116, 90), (104, 120, 130), (90, 118, 140))), rng, 8))
        base, length, x = rng.uniform(0.78, 0.9), rng.uniform(60, 76), rng.uniform(0.45, 0.55)
        seats = np.linspace(-0.36, 0.3, 6) * length * c.unit / c.w
        crew = [("standing", True)] * 2 + [(scene.pose, False)] * min(4, scene.people)
        for seat, index in zip(seats, rng.permutation(len(crew)), strict=False):
            person(c, x + seat, base - 0.02, 34, *crew[index])
        boat(
            c,
            x,
            base + 0.03,
            length,
            vary(pick(rng, ((226, 70, 34), (60, 64, 70), (236, 180, 40), (196, 40, 40))), rng, 8),
        )
    else:
        ground(c, horizon)
        skyline(c, horizon + 0.03, ruin=0.8 * s)
        if s > 0.3:
            rubble(c, -0.05, 1.05, horizon + 0.22, 4 + 16 * s, vary((156, 146, 134), rng), blocks=round(130 * s))
        if means == "stretcher":
            x, y, reach = rng.uniform(0.35, 0.65), rng.uniform(0.84, 0.93), 20 * c.unit / c.w
            for side in (-1, 1):
                person(c, x + side * reach, y, 36, "standing", rescuer=True)
            (px, py), u = c.at(x, y), c.unit * 1.2
            c.draw.line((px - 17 * u, py - 13 * u, px + 17 * u, py - 13 * u), fill=(60, 60, 64), width=round(u))
            c.draw.rounded_rectangle(
                (px - 12 * u, py - 17 * u, px + 11 * u, py - 13 * u), radius=2 * u, fill=vary((206, 196, 170), rng)
            )
            c.draw.ellipse(
                (px + 9 * u, py - 18 * u, px + 14 * u, py - 13.5 * u), fill=pick(rng, ((236, 198, 168), (150, 102, 70)))
            )
        else:
            helicopter(c, rng.uniform(0.3, 0.7), rng.uniform(0.16, 0.28), rng.uniform(32, 44))
        people(c, scene, height=32)
    dark(c, scene)


def aid(c: Canvas, scene: Scene) -> None:
    """Volunteers at tables with boxes before tents, a crowd behind them, perhaps food; severity is ruin."""
    rng, s, horizon = c.rng, scene.severity, c.rng.uniform(0.38, 0.5)
    sky(c, scene, horizon + 0.02, overcast=rng.uniform(0, 0.8))
    hills(c, horizon)
    ground(c, horizon)
    if s > 0.25:
        skyline(c, horizon + 0.03, ruin=s)
    for x in np.linspace(0.1, 0.9, int(rng.integers(2, 5))):
        tent(c, x + rng.normal(0, 0.03), horizon + rng.uniform(0.05, 0.12), rng.uniform(24, 36))
    for x in rng.uniform(0, 1, int(rng.integers(6, 16))):  # the crowd stands behind, small
        person(c, x, horizon + rng.uniform(0.12, 0.22), rng.uniform(13, 17), "standing")
    people(c, scene, ground=0.88, height=33)
    u, top = c.unit, rng.uniform(0.78, 0.84)
    left, right = rng.uniform(0.02, 0.2), rng.uniform(0.75, 0.98)
    c.draw.rectangle(
        (*c.at(left, top), *c.at(right, top + 0.16)),
        fill=vary(pick(rng, ((222, 218, 206), (70, 96, 140), (140, 106, 76))), rng),
    )
    for x in np.arange(left + 0.03, right - 0.03, 0.11):
        px, py = c.at(x, top)
        if scene.food:
            _dish(c, px + 3 * u, py + u, rng.uniform(4, 5.5))
        else:
            box, tall = vary((182, 144, 98), rng), rng.uniform(5, 9) * u
            c.draw.rectangle((px, py - tall, px + 8 * u, py + u), fill=box)
            c.draw.line(
                (px, py - tall * 0.55, px + 8 * u, py - tall * 0.55), fill=shade(box, 0.75), width=max(1, round(u))
            )
    dark(c, scene)


def _dish(c: Canvas, px: float, py: float, size: float) -> None:
    """Draw a bowl heaped with fruit, bread or rice at a pixel; `size` is in units."""
    rng, s = c.rng, size * c.unit
    heap = pick(rng, ((214, 48, 40), (240, 168, 40), (206, 150, 84), (244, 236, 214), (122, 176, 60)))
    for bx, by in rng.normal(0, 0.38, (9, 2)):
        c.draw.ellipse(
            (px + (bx - 0.3) * s, py - (0.9 + by * 0.6) * s, px + (bx + 0.35) * s, py - (0.3 + by * 0.6) * s),
            fill=vary(heap, rng),
        )
    c.draw.chord((px - s, py - 1.1 * s, px + s, py + 0.5 * s), 0, 180, fill=vary((236, 232, 224), rng, 6))


def calm(c: Canvas, scene: Scene) -> None:
    """A meadow, a beach, a lake or a field of snow on a good day; severity, always small, only clouds the sky."""
    rng, horizon = c.rng, c.rng.uniform(0.42, 0.66)
    place = pick(rng, ("meadow", "beach", "lake", "sunset sea", "snow"))
    sky(c, scene, horizon + 0.02, overcast=min(1.0, 4 * scene.severity) * rng.random())
    if place in ("beach", "sunset sea", "lake"):
        colour = vary(pick(rng, ((64, 132, 166), (92, 150, 176), (70, 110, 140))), rng, 8)
        if scene.light == "dusk" or place == "sunset sea":
            c.gradient(
                0.0, horizon, [vary((92, 74, 122), rng, 12), vary((240, 122, 62), rng, 8), vary((255, 198, 96), rng, 8)]
            )
            c.veil((120, 62, 70), (c.cloud(4, stretch=4) - 0.55) * 2.4, (0, 0, 1, horizon))
            colour = vary((176, 108, 90), rng, 8)
            c.glow(rng.uniform(0.2, 0.8), horizon - 0.06, rng.uniform(16, 34), (255, 224, 150))
        if place == "lake":
            skyline(c, horizon) if rng.random() < 0.5 else hills(c, horizon)
        water(c, horizon, colour, reflection=0.6)
        if place == "beach":
            ground(c, rng.uniform(0.72, 0.84), "sand")
            for x in rng.uniform(0, 1, int(rng.integers(0, 3))):
                palm(c, x, 0.92, rng.uniform(42, 60), rng.uniform(-0.25, 0.25))
        elif scene.people or scene.food:
            ground(c, rng.uniform(0.74, 0.84), pick(rng, ("grass", "sand", "earth")))
        elif rng.random() < 0.7:
            (px, py), u = c.at(rng.uniform(0.2, 0.8), horizon + 0.07), c.unit  # a sail
            c.draw.polygon([(px, py - 14 * u), (px, py - 2 * u), (px + 7 * u, py - 2 * u)], fill=(242, 238, 228))
            c.draw.polygon(
                [(px - 5 * u, py - 1.5 * u), (px + 8 * u, py - 1.5 * u), (px + 5 * u, py), (px - 3 * u, py)],
                fill=(84, 58, 48),
            )
    else:
        hills(c, horizon)
        ground(c, horizon, "snow" if place == "snow" else "grass")
        for x in rng.uniform(0, 1, int(rng.integers(1, 5))):
            tree(c, x, horizon + rng.uniform(0.02, 0.16), rng.uniform(20, 40), leaf_colour(rng), bare=place == "snow")
        if place == "meadow":
            bloom = pick(rng, ((240, 220, 80), (226, 80, 96), (250, 246, 240), (170, 110, 200)))
            for x, y in rng.random((120, 2)):
                (px, py), r = c.at(x, horizon + 0.06 + y * (0.94 - horizon)), c.unit * (0.25 + 0.5 * y)
                c.draw.ellipse((px - r, py - r, px + r, py + r), fill=vary(bloom, rng, 8))
    people(c, scene)
    if scene.food:  # a picnic
        x, y = rng.uniform(0.3, 0.7), 0.93
        (px, py), u = c.at(x, y), c.unit
        c.draw.polygon(
            [
                (px - 26 * u, py + 5 * u),
                (px - 19 * u, py - 5 * u),
                (px + 19 * u, py - 5 * u),
                (px + 26 * u, py + 5 * u),
            ],
            fill=vary((204, 52, 52), rng),
        )
        for step in range(5):
            _dish(c, px + (step - 2) * 8 * u, py + rng.uniform(-1, 3) * u, rng.uniform(3.2, 4.4))
    dark(c, scene)


def street(c: Canvas, scene: Scene) -> None:
    """An ordinary street with cars and passers-by, or a speaker before a curtain; severity only clouds the sky."""
    rng, horizon = c.rng, c.rng.uniform(0.5, 0.62)
    if scene.light == "day" and rng.random() < 0.5:
        _speaker(c, scene)
        return
    sky(c, scene, horizon + 0.05, overcast=rng.uniform(0.2, 0.9))
    for x in np.arange(0.02, 1.05, 0.17):
        tower(c, x, horizon + 0.06, rng.uniform(16, 24), rng.uniform(30, 56))
    ground(c, horizon + 0.05, "asphalt")
    vanishing = c.at(0.5, horizon + 0.05)
    for lane in (0.2, 0.5, 0.8):
        for t in (0.25, 0.5, 0.75):
            far, near = (
                tuple(v + (e - v) * k for v, e in zip(vanishing, c.at(lane, 1), strict=True)) for k in (t, t + 0.13)
            )
            c.draw.line((far, near), fill=(214, 210, 196), width=max(1, round(c.unit * 1.4 * t)))
    for _ in range(int(rng.integers(2, 6))):
        y = rng.uniform(0.08, 0.3)
        car(c, rng.uniform(0.1, 0.9), horizon + 0.06 + y, 10 + 60 * y)
    people(c, scene, height=28)
    dark(c, scene)
    if scene.light == "night":
        for x in (0.15, 0.4, 0.65, 0.9):
            c.glow(x, horizon - 0.18, 12, (255, 220, 150), 0.8)


def _speaker(c: Canvas, scene: Scene) -> None:
    """A press room: a curtain, a flag's colours, a lectern with somebody behind it, the backs of heads."""
    rng, wall = c.rng, vary(pick(c.rng, ((60, 76, 118), (122, 116, 110), (92, 62, 62), (176, 172, 164))), c.rng)
    c.gradient(0, 1, [wall, shade(wall, 0.7)])
    for x in np.arange(0, 1, 0.045):
        c.draw.rectangle((*c.at(x, 0), *c.at(x + 0.02, 0.8)), fill=shade(wall, rng.uniform(0.8, 0.95)))
    middle, u = rng.uniform(0.35, 0.65), c.unit
    for k, colour in enumerate(((200, 44, 44), (236, 234, 226), (44, 70, 150))):
        px, py = c.at(middle - 0.26, 0.2)
        c.draw.rectangle((px + 4 * k * u, py, px + 4 * (k + 1) * u, py + 26 * u), fill=vary(colour, rng, 6))
    for place in range(max(1, min(3, scene.people))):
        person(c, middle + 0.13 * place, 0.95, 62 - 6 * place, scene.pose)
    (px, py), wood = c.at(middle, 1), vary((112, 76, 50), rng)
    c.draw.polygon(
        [(px - 13 * u, py), (px - 15 * u, py - 34 * u), (px + 15 * u, py - 34 * u), (px + 13 * u, py)], fill=wood
    )
    c.draw.line((px - 3 * u, py - 34 * u, px - u, py - 42 * u), fill=(20, 20, 22), width=max(1, round(u)))
    for x in np.arange(rng.uniform(0, 0.1), 1.05, 0.19):
        bx, by = c.at(x, 1.02)
        c.draw.ellipse((bx - 6 * u, by - 12 * u, bx + 6 * u, by + 6 * u), fill=vary((46, 38, 34), rng))


def chart(c: Canvas, scene: Scene) -> None:
    """A map of coasts with a storm's track, or shaken ground's circles; severity is how large and red the zone is."""
    rng, s = c.rng, scene.severity
    sea, land = (
        vary(pick(rng, ((168, 204, 226), (206, 220, 226), (60, 84, 120))), rng, 8),
        vary(pick(rng, ((226, 222, 196), (188, 206, 164), (120, 130, 104))), rng, 8),
    )
    c.gradient(0, 1, [sea, sea])
    heights = c.cloud(3)
    level = np.quantile(heights, rng.uniform(0.4, 0.65))
    c.veil(shade(land, 0.7), (heights - level) * 60 + 0.7)
    c.veil(land, (heights - level - 0.008) * 60)
    for step in (0.06, 0.12, 0.18):
        c.veil(shade(land, 0.88), 1 - abs(heights - level - step) * 120)
    thin = max(1, round(c.unit * 0.25))
    for k in range(1, 8):
        c.draw.line((*c.at(k / 8, 0), *c.at(k / 8, 1)), fill=shade(sea, 0.85), width=thin)
        c.draw.line((*c.at(0, k / 8), *c.at(1, k / 8)), fill=shade(sea, 0.85), width=thin)
    x, y = rng.uniform(0.3, 0.7, 2)
    alarm = (222, 40 + round(130 * (1 - s)), 40)
    for radius in (1.0, 0.66, 0.33):
        grown = np.hypot(*((np.mgrid[0:60, 0:60] - 29.5) / 29.5))
        half = radius * (0.07 + 0.25 * s)
        w, h = half * c.h / max(c.w, c.h), half * c.w / max(c.w, c.h)
        c.veil(
            shade(alarm, 0.7 + 0.5 * radius),
            (1 - grown) * 8 * (grown < 1) * (0.3 + 0.35 * s),
            (max(0, x - w), max(0, y - h), min(1, x + w), min(1, y + h)),
        )
    if rng.random() < 0.6:
        heading, track = rng.uniform(0, 6.3), []
        for _ in range(8):
            track.append(c.at(x, y))
            x, y, heading = x + 0.07 * math.cos(heading), y + 0.07 * math.sin(heading), heading + rng.normal(0, 0.3)
        c.draw.line(track, fill=(30, 30, 36), width=2 * thin)
        for px, py in track:
            c.draw.ellipse((px - c.unit, py - c.unit, px + c.unit, py + c.unit), fill=alarm, outline=(30, 30, 36))
    left, top = rng.uniform(0.02, 0.7), pick(rng, (0.04, 0.78))
    c.draw.rectangle(
        (*c.at(left, top), *c.at(left + 0.28, top + 0.18)), fill=(246, 246, 242), outline=(60, 60, 60), width=thin
    )
    for k in range(4):
        c.draw.rectangle(
            (*c.at(left + 0.02, top + 0.03 + 0.035 * k), *c.at(left + 0.05, top + 0.05 + 0.035 * k)),
            fill=shade(alarm, 0.5 + 0.25 * k),
        )
        c.draw.line(
            (*c.at(left + 0.07, top + 0.04 + 0.035 * k), *c.at(left + rng.uniform(0.15, 0.26), top + 0.04 + 0.035 * k)),
            fill=(70, 70, 74),
            width=2 * thin,
        )


PAINTERS = {
    "fire": fire,
    "flood": flood,
    "storm": storm,
    "rubble": ruins,
    "rescue": rescue,
    "aid": aid,
    "calm": calm,
    "street": street,
    "map": chart,
}
