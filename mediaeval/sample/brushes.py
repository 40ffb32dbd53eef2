"""The things that the drawn scenes consist of: people, houses, trees, cars, boats, flames and rubble.

Positions are fractions of the canvas, sizes are in its units (canvas.py).
"""

import math

import numpy as np

from mediaeval.sample.canvas import Canvas, Colour, pick, shade, vary

SKINS = ((236, 198, 168), (206, 158, 120), (150, 102, 70), (96, 64, 46))
CLOTHES = ((60, 72, 104), (128, 52, 52), (70, 96, 74), (150, 148, 144), (52, 50, 54), (190, 180, 150), (96, 70, 110))
ORANGE, STRIPE = (240, 104, 24), (236, 240, 120)


def person(c: Canvas, x: float, y: float, height: float, pose: str, rescuer: bool = False) -> None:
    """Draw a person whose feet are at (x, y), `height` units tall when upright, standing, crouched or arms up."""
    rng, (px, py), s = c.rng, c.at(x, y), height * c.unit / 8  # s: the height of a head
    skin = pick(rng, SKINS)
    top = vary(ORANGE, rng, 8) if rescuer else vary(pick(rng, CLOTHES), rng)
    legs = vary((44, 48, 66), rng) if not rescuer else shade(top, 0.8)
    hair = (244, 240, 226) if rescuer else vary((44, 34, 28), rng, 8)
    limb = max(1, round(s * 0.75))
    if pose == "crouched":  # head bowed over the knees, the hands before the face
        hips, knee, chest = (px, py - 0.9 * s), (px + 1.7 * s, py - 2.2 * s), (px + 0.3 * s, py - 3.3 * s)
        head = (px + 1.3 * s, py - 3.6 * s)
        c.draw.line((hips, knee, (px + 1.6 * s, py)), fill=legs, width=limb, joint="curve")
        c.draw.line((hips, chest), fill=top, width=round(1.7 * s))
        c.draw.line(
            (chest, (px + 1.8 * s, py - 2.4 * s), (px + 1.9 * s, py - 3.4 * s)), fill=shade(top, 0.8), width=limb
        )
    else:
        stride = rng.uniform(0.3, 0.9) * s
        hips, neck = (px, py - 4 * s), (px, py - 6.6 * s)
        head = (px, py - 7.3 * s)
        c.draw.line(((px - stride, py), hips, (px + stride, py)), fill=legs, width=limb)
        c.draw.polygon(
            [
                (px - s, neck[1]),
                (px + s, neck[1]),
                (px + 0.75 * s, hips[1] + 0.3 * s),
                (px - 0.75 * s, hips[1] + 0.3 * s),
            ],
            fill=top,
        )
        for side in (-1, 1):
            shoulder = (px + side * 0.9 * s, neck[1] + 0.3 * s)
            if pose == "arms up":
                elbow = (px + side * 1.9 * s, neck[1] - 0.9 * s)
                hand = (px + side * rng.uniform(1.4, 2.2) * s, neck[1] - 2.7 * s)
            else:
                elbow = (px + side * 1.5 * s, neck[1] + 1.6 * s)
                hand = (px + side * rng.uniform(0.9, 1.6) * s, hips[1] + 0.2 * s)
            c.draw.line((shoulder, elbow, hand), fill=shade(top, 0.85), width=max(1, round(0.6 * s)), joint="curve")
            c.draw.ellipse((hand[0] - 0.35 * s, hand[1] - 0.35 * s, hand[0] + 0.35 * s, hand[1] + 0.35 * s), fill=skin)
        if rescuer:
            c.draw.line(
                ((px - 0.9 * s, py - 5.2 * s), (px + 0.9 * s, py - 5.2 * s)), fill=STRIPE, width=max(1, round(0.5 * s))
            )
    hx, hy, r = *head, 0.72 * s
    c.draw.ellipse((hx - r, hy - 1.15 * r, hx + r, hy + 1.15 * r), fill=skin)
    c.draw.chord((hx - 1.1 * r, hy - 1.3 * r, hx + 1.1 * r, hy + 0.9 * r), 180, 360, fill=hair)


def house(
    c: Canvas, x: float, y: float, width: float, ruin: float = 0.0, wall: Colour | None = None
) -> tuple[float, float]:
    """Draw a house that stands at (x, y); `ruin` 0..1 tears its roof and blackens its windows. Return its ridge."""
    rng, (px, py), s = c.rng, c.at(x, y), width * c.unit
    wall = wall or vary(
        pick(rng, ((214, 200, 178), (186, 122, 96), (170, 176, 180), (226, 220, 208), (196, 178, 128))), rng
    )
    roof = vary(pick(rng, ((128, 62, 48), (84, 78, 78), (104, 84, 66), (146, 96, 72))), rng)
    tall = s * rng.uniform(0.5, 0.75)
    eaves, ridge = py - tall, py - tall - s * rng.uniform(0.28, 0.42)
    c.draw.rectangle((px - s / 2, eaves, px + s / 2, py), fill=wall)
    c.draw.rectangle((px + s * 0.2, eaves, px + s / 2, py), fill=shade(wall, 0.8))
    peak = px + rng.normal(0, 0.03) * s
    c.draw.polygon([(px - s * 0.58, eaves), (peak, ridge), (px + s * 0.58, eaves)], fill=roof)
    pane = (40, 46, 56) if ruin < 0.4 else (16, 14, 14)
    for column in (-0.32, 0.0, 0.32):
        wx, wy, ww = px + column * s, eaves + tall * 0.28, s * 0.1
        c.draw.rectangle(
            (wx - ww, wy, wx + ww, wy + tall * 0.3), fill=pane, outline=shade(wall, 1.15), width=max(1, round(s / 60))
        )
    c.draw.rectangle((px - s * 0.07, py - tall * 0.38, px + s * 0.07, py), fill=shade(roof, 0.7))
    if ruin > 0.3:  # holes through which the sky or the dark shows
        for _ in range(round(2 + 5 * ruin)):
            hx, hy, r = px + rng.uniform(-0.4, 0.4) * s, rng.uniform(ridge, eaves + tall * 0.2), s * 0.16 * ruin
            corners = [
                (hx + r * math.cos(a) * rng.uniform(0.5, 1.2), hy + r * math.sin(a)) for a in np.arange(0, 6.2, 0.9)
            ]
            c.draw.polygon(corners, fill=vary((34, 30, 28), rng, 6))
    return peak / c.w, ridge / c.h


def tower(c: Canvas, x: float, y: float, width: float, height: float, ruin: float = 0.0, lean: float = 0.0) -> None:
    """Draw a block of flats with rows of windows; `ruin` breaks its top and darkens panes, `lean` tips it (radians)."""
    rng, (px, py), w, h = c.rng, c.at(x, y), width * c.unit, height * c.unit
    wall = vary(pick(rng, ((168, 164, 158), (190, 176, 156), (150, 140, 136), (176, 184, 190))), rng)

    def place(u: float, v: float) -> tuple[float, float]:  # u across, v upwards, both 0..1
        dx, dy = (u - 0.5) * w, v * h
        return px + dx * math.cos(lean) + dy * math.sin(lean), py - dy * math.cos(lean) + dx * math.sin(lean)

    jagged = [place(u, 1 - ruin * rng.uniform(0, 0.6)) for u in np.linspace(0, 1, 9 if ruin else 2)]
    c.draw.polygon([place(0, 0), *jagged, place(1, 0)], fill=wall)
    rows, columns = max(2, round(h / (5 * c.unit))), max(2, round(w / (4.5 * c.unit)))
    for row in range(rows):
        for column in range(columns):
            u, v = (column + 0.25) / columns, (row + 0.3) / rows
            if v > 0.85 - 0.6 * ruin and rng.random() < 1.2 * ruin:
                continue
            pane = (26, 24, 24) if rng.random() < ruin else vary((92, 112, 132), rng)
            a, b = 0.5 / columns, 0.45 / rows
            c.draw.polygon([place(u, v), place(u + a, v), place(u + a, v + b), place(u, v + b)], fill=pane)
    for _ in range(round(7 * ruin)):  # cracks
        u, v = rng.random(2)
        steps = [place(u + 0.05 * k * rng.normal(), v - 0.06 * k) for k in range(5)]
        c.draw.line(steps, fill=(58, 52, 48), width=max(1, round(0.3 * c.unit)))


def tree(c: Canvas, x: float, y: float, height: float, leaf: Colour, bare: bool = False) -> None:
    """Draw a broad-leaved tree with its foot at (x, y); a bare one is burnt or wintry."""
    rng, (px, py), s = c.rng, c.at(x, y), height * c.unit
    bark = vary((72, 54, 40), rng, 8) if not bare else vary((44, 38, 34), rng, 6)
    c.draw.line(((px, py), (px, py - 0.55 * s)), fill=bark, width=max(1, round(0.07 * s)))
    if bare:
        for _ in range(9):
            fork, angle = py - s * rng.uniform(0.3, 0.6), rng.uniform(-1.1, 1.1)
            tip = (px + math.sin(angle) * 0.4 * s, fork - math.cos(angle) * 0.42 * s)
            c.draw.line(((px, fork), tip), fill=bark, width=max(1, round(0.025 * s)))
        return
    for _ in range(14):
        bx, by, r = px + 0.2 * s * rng.normal(), py - 0.68 * s + 0.13 * s * rng.normal(), s * rng.uniform(0.1, 0.2)
        c.draw.ellipse((bx - r, by - r, bx + r, by + r), fill=vary(shade(leaf, 1.2 - 0.5 * (by - py + s) / s), rng, 7))


def bent_tree(c: Canvas, x: float, y: float, height: float, wind: float, leaf: Colour) -> None:
    """Draw a broad-leaved tree that the wind, -1..1, bends and combs to one side."""
    rng, (px, py), s = c.rng, c.at(x, y), height * c.unit
    trunk = [(px + wind * 0.35 * s * t**2, py - 0.6 * s * t) for t in np.linspace(0, 1, 6)]
    c.draw.line(trunk, fill=vary((62, 50, 40), rng, 6), width=max(2, round(0.07 * s)), joint="curve")
    for _ in range(26):
        bx = trunk[-1][0] + wind * abs(rng.normal(0, 0.35)) * s + 0.07 * s * rng.normal()
        by, r = trunk[-1][1] + 0.1 * s * rng.normal(), s * rng.uniform(0.04, 0.11)
        c.draw.ellipse((bx - 2 * r, by - r, bx + 2 * r, by + r), fill=vary(shade(leaf, 0.8), rng, 8))


def palm(c: Canvas, x: float, y: float, height: float, wind: float) -> None:
    """Draw a palm; `wind` -1..1 bends its trunk and blows all its fronds to one side."""
    rng, (px, py), s = c.rng, c.at(x, y), height * c.unit
    trunk = [(px + wind * 0.5 * s * t**2, py - s * t * (1 - 0.22 * abs(wind) * t)) for t in np.linspace(0, 1, 9)]
    c.draw.line(trunk, fill=vary((92, 74, 56), rng, 8), width=max(2, round(0.055 * s)), joint="curve")
    tx, ty = trunk[-1]
    for angle in np.linspace(-2.3, 2.3, 11):
        angle = angle * (1 - 0.65 * abs(wind)) + 1.25 * wind + rng.normal(0, 0.12)
        reach, sag = 0.42 * s * rng.uniform(0.8, 1.15), 0.2 * s * (1 - 0.8 * abs(wind))
        spine = [
            (tx + math.sin(angle) * reach * t, ty - math.cos(angle) * reach * t * 0.7 + sag * t * t)
            for t in (0, 0.4, 0.75, 1)
        ]
        c.draw.line(spine, fill=vary((52, 92, 48), rng, 10), width=max(2, round(0.045 * s)), joint="curve")


def car(c: Canvas, x: float, y: float, length: float, colour: Colour | None = None) -> None:
    """Draw a car from its side, the wheels' foot at (x, y)."""
    rng, (px, py), s = c.rng, c.at(x, y), length * c.unit
    paint = colour or vary(
        pick(rng, ((176, 40, 36), (40, 74, 128), (200, 200, 204), (44, 44, 48), (226, 224, 216))), rng, 8
    )
    c.draw.rounded_rectangle((px - s / 2, py - 0.28 * s, px + s / 2, py - 0.08 * s), radius=0.05 * s, fill=paint)
    roof = [
        (px - 0.33 * s, py - 0.27 * s),
        (px - 0.2 * s, py - 0.44 * s),
        (px + 0.14 * s, py - 0.44 * s),
        (px + 0.3 * s, py - 0.27 * s),
    ]
    c.draw.polygon(roof, fill=shade(paint, 0.85))
    for left, right in ((-0.26, -0.05), (-0.01, 0.22)):
        pane = [(px + left * s, py - 0.28 * s), (px + (left + 0.07) * s, py - 0.41 * s)]
        pane += [(px + (right - 0.09) * s, py - 0.41 * s), (px + right * s, py - 0.28 * s)]
        c.draw.polygon(pane, fill=(54, 66, 78))
    for wheel in (-0.28, 0.28):
        wx, r = px + wheel * s, 0.085 * s
        c.draw.ellipse((wx - r, py - 2 * r, wx + r, py), fill=(22, 22, 24))
        c.draw.ellipse((wx - r / 2, py - 1.5 * r, wx + r / 2, py - 0.5 * r), fill=(150, 150, 154))


def boat(c: Canvas, x: float, y: float, length: float, colour: Colour = (226, 70, 34)) -> None:
    """Draw an inflatable boat on the water at (x, y)."""
    (px, py), s = c.at(x, y), length * c.unit
    hull = [
        (px - s / 2, py - 0.14 * s),
        (px + 0.42 * s, py - 0.14 * s),
        (px + s / 2, py - 0.24 * s),
        (px + 0.4 * s, py),
        (px - 0.45 * s, py),
    ]
    c.draw.polygon(hull, fill=colour)
    c.draw.line(hull[:3], fill=shade(colour, 0.6), width=max(1, round(0.04 * s)))
    c.draw.rectangle((px - 0.54 * s, py - 0.22 * s, px - 0.47 * s, py - 0.02 * s), fill=(34, 34, 38))


def helicopter(c: Canvas, x: float, y: float, length: float) -> None:
    """Draw a hovering helicopter with a winch rope and a person hanging on it."""
    (px, py), s = c.at(x, y), length * c.unit
    paint, dark = (
        vary(pick(c.rng, ((226, 84, 30), (214, 206, 60), (60, 90, 130), (200, 40, 40))), c.rng, 8),
        (36, 38, 42),
    )
    c.draw.polygon(
        [(px + 0.2 * s, py - 0.06 * s), (px + 0.72 * s, py - 0.12 * s), (px + 0.2 * s, py + 0.05 * s)], fill=paint
    )
    c.draw.polygon(
        [(px + 0.66 * s, py - 0.1 * s), (px + 0.76 * s, py - 0.26 * s), (px + 0.76 * s, py - 0.06 * s)], fill=paint
    )
    c.draw.ellipse((px - 0.34 * s, py - 0.16 * s, px + 0.3 * s, py + 0.14 * s), fill=paint)
    c.draw.chord((px - 0.33 * s, py - 0.13 * s, px + 0.02 * s, py + 0.1 * s), 150, 300, fill=(64, 82, 98))
    thin = max(1, round(0.025 * s))
    c.draw.line((px - 0.62 * s, py - 0.22 * s, px + 0.58 * s, py - 0.24 * s), fill=dark, width=thin)
    c.draw.line((px, py - 0.22 * s, px, py - 0.14 * s), fill=dark, width=2 * thin)
    c.draw.line((px - 0.26 * s, py + 0.2 * s, px + 0.26 * s, py + 0.2 * s), fill=dark, width=thin)
    c.draw.line((px, py + 0.12 * s, px, py + 0.9 * s), fill=dark, width=max(1, thin // 2))
    person(c, x, (py + 1.25 * s) / c.h, 0.4 * length, "standing", rescuer=True)


def tent(c: Canvas, x: float, y: float, width: float) -> None:
    """Draw a relief tent with a coloured band."""
    (px, py), s = c.at(x, y), width * c.unit
    cloth = vary(pick(c.rng, ((232, 230, 222), (206, 200, 176), (120, 150, 190))), c.rng, 8)
    c.draw.polygon(
        [
            (px - s / 2, py - 0.35 * s),
            (px, py - 0.62 * s),
            (px + s / 2, py - 0.35 * s),
            (px + s / 2, py),
            (px - s / 2, py),
        ],
        fill=cloth,
    )
    c.draw.rectangle((px - s / 2, py - 0.33 * s, px + s / 2, py - 0.26 * s), fill=vary((60, 110, 176), c.rng))
    c.draw.polygon([(px - 0.12 * s, py), (px, py - 0.4 * s), (px + 0.12 * s, py)], fill=shade(cloth, 0.4))


def flames(c: Canvas, x: float, y: float, width: float, height: float) -> None:
    """Draw a fire whose foot is at (x, y), `width` by `height` units, and its light."""
    rng, (px, py) = c.rng, c.at(x, y)
    c.glow(x, y - 0.3 * height * c.unit / c.h, 1.3 * max(width, height), (255, 120, 30), 0.75)
    for colour, size in (((214, 52, 12), 1.0), ((246, 116, 18), 0.76), ((255, 190, 50), 0.5), ((255, 244, 180), 0.26)):
        for _ in range(max(3, round(width / 2.2))):
            fx, h = (
                px + rng.uniform(-0.5, 0.5) * width * c.unit * (0.6 + 0.4 * size),
                height * c.unit * size * rng.uniform(0.5, 1.05),
            )
            w, sway = h * rng.uniform(0.16, 0.3), h * rng.normal(0, 0.14)
            right = [(fx + w, py - 0.18 * h), (fx + 0.55 * w + 0.3 * sway, py - 0.55 * h)]
            left = [(fx - 0.6 * w + 0.3 * sway, py - 0.5 * h), (fx - w, py - 0.18 * h)]
            c.draw.polygon(
                [(fx - 0.5 * w, py), (fx + 0.5 * w, py), *right, (fx + sway, py - h), *left], fill=vary(colour, rng, 8)
            )


def rubble(c: Canvas, left: float, right: float, y: float, height: float, colour: Colour, blocks: int = 160) -> None:
    """Draw a heap of broken blocks, boards and bent bars between two x, up to `height` units above y."""
    rng, peak = c.rng, c.rng.uniform(0.25, 0.75)
    across = rng.random(blocks)
    crest = (1 - abs(across - peak) * 1.7).clip(0.12) * height * c.unit
    x = (left + (right - left) * across) * c.w
    top = y * c.h - crest * (1 - rng.random(blocks) ** 0.7)
    size = c.unit * rng.uniform(1.2, 5.5, (blocks, 1))
    angle = rng.uniform(0, math.pi, (blocks, 1)) + np.array([0, 1.3, 2.9, 4.4])
    # (blocks, 4 corners, x and y); blocks are drawn in any order
    corners = (
        np.stack([np.cos(angle) * rng.uniform(0.5, 1, angle.shape), 0.6 * np.sin(angle)], axis=2) * size[..., None]
    )
    corners += np.stack([x, top], axis=1)[:, None]
    stones = (
        rng.uniform(0.45, 1.25, (blocks, 1)) * colour + rng.normal(0, 10, (blocks, 1)) + rng.normal(0, 5, (blocks, 3))
    )
    stones = stones.clip(0, 255).astype(int)
    edge = max(1, round(c.unit * 0.35))
    for block, stone, dark in zip(
        corners.reshape(blocks, 8).tolist(), stones.tolist(), (stones // 2).tolist(), strict=True
    ):
        c.draw.polygon(block, fill=tuple(stone))
        c.draw.line(block[2:], fill=tuple(dark), width=edge)
    for _ in range(blocks // 10):
        bx, by = (left + (right - left) * rng.random()) * c.w, y * c.h - rng.random() * 0.6 * height * c.unit
        dx, dy = c.unit * rng.normal(0, 8), -c.unit * abs(rng.normal(0, 6))
        bar = pick(rng, ((88, 58, 40), (50, 46, 44), (150, 128, 98)))
        c.draw.line(((bx, by), (bx + dx, by + dy)), fill=bar, width=max(1, round(c.unit * rng.uniform(0.25, 1.0))))
