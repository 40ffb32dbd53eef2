"""Scenes: every kind is painted, from its own randomness alone, and its attributes change the picture."""

from dataclasses import replace

import numpy as np
import pytest

from mediaeval.sample.labels import KINDS, LIGHTS, POSES
from mediaeval.sample.scenes import PAINTERS, Scene, draw_scene


def pixels(scene: Scene, seed: int = 3) -> np.ndarray:
    return np.asarray(draw_scene(scene, np.random.default_rng(seed)), dtype=int)


def test_every_kind_of_scene_has_a_painter():
    assert PAINTERS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", PAINTERS)
@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("severity", [0.0, 1.0])
def test_a_scene_is_painted_at_the_ends_of_its_ranges(kind, light, severity):
    pose = POSES[int(severity) + 1]
    scene = Scene(kind, severity, people=6 * int(severity), pose=pose, rescuers=severity == 0, food=True, light=light)
    picture = draw_scene(scene, np.random.default_rng(7))
    assert picture.mode == "RGB"
    assert 200 < min(picture.size) <= max(picture.size) <= 480
    assert np.asarray(picture).std() > 8, "hardly anything can be seen"


def test_the_same_generator_paints_the_same_picture():
    scene = Scene("fire", people=2)
    assert np.array_equal(pixels(scene), pixels(scene))
    assert not np.array_equal(pixels(scene)[:200, :200], pixels(scene, seed=4)[:200, :200])


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("fire", {"severity": 1.0}),
        ("flood", {"severity": 1.0}),
        ("storm", {"severity": 1.0}),
        ("rubble", {"severity": 1.0}),
        ("map", {"severity": 1.0}),
        ("rubble", {"people": 4}),
        ("flood", {"rescuers": True}),
        ("calm", {"food": True}),
        ("aid", {"food": True}),
        ("street", {"light": "night"}),
    ],
)
def test_an_attribute_can_be_seen(kind, change):
    plain = Scene(kind, severity=0.1)
    assert any(_differ(pixels(plain, seed), pixels(replace(plain, **change), seed)) for seed in (1, 2))


def _differ(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether 1 % of the pixels differ by more than noise does; other sizes come of another tilt."""
    if a.shape != b.shape:
        return True
    return (abs(a - b).max(axis=2) > 40).mean() > 0.01


@pytest.mark.parametrize("kind", ["fire", "flood", "storm", "rubble", "calm"])
def test_night_is_darker_than_day(kind):
    day, night = (np.mean([pixels(Scene(kind, light=light), s).mean() for s in range(3)]) for light in ("day", "night"))
    assert night < 0.8 * day
