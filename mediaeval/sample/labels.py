"""The labels of the drawn benchmark: what a scene contains, and how five simulated annotators feel about it.

A scene is a row of attributes that can all be seen in its image (scenes.py paints them). Each attribute changes each
emotion by the number in EMOTIONS; the image and every annotator add random numbers of their own. An image has a label
where at least three of the five marked it, so the labels are as noisy, and as related, as those of a real dataset.
"""

import numpy as np
import pandas as pd

from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

ANNOTATORS = 5
MAJORITY = 3
POSES = ("standing", "crouched", "arms up")
LIGHTS = ("day", "dusk", "night")

# kind → share of the images, mean severity (0..1), share with people, share with rescuers in orange, shares of POSES
KINDS: dict[str, tuple[float, float, float, float, tuple[float, float, float]]] = {
    "fire": (0.16, 0.62, 0.45, 0.25, (0.65, 0.28, 0.07)),
    "flood": (0.16, 0.50, 0.50, 0.18, (0.62, 0.28, 0.10)),
    "storm": (0.13, 0.55, 0.30, 0.06, (0.70, 0.25, 0.05)),
    "rubble": (0.15, 0.62, 0.55, 0.25, (0.55, 0.40, 0.05)),
    "rescue": (0.11, 0.35, 0.80, 1.00, (0.45, 0.15, 0.40)),
    "aid": (0.08, 0.20, 1.00, 0.30, (0.60, 0.10, 0.30)),
    "calm": (0.11, 0.05, 0.45, 0.00, (0.50, 0.03, 0.47)),
    "street": (0.06, 0.10, 0.60, 0.03, (0.97, 0.02, 0.01)),
    "map": (0.04, 0.45, 0.00, 0.00, (1.00, 0.00, 0.00)),
}

# What one attribute adds to the log-odds that an annotator marks the emotion; `base` applies to every image, severity
# is 0..1, people 0..1 (four or more count as 1), every other attribute is 1 if present, else 0; bowed people are
# crouched. The last row is the same sum for the sentiment: an annotator says negative below -0.5, positive above 0.5.
_WEIGHTS = """
              base fire flood storm rubble rescue aid calm street  map severe people bowed arms_up rescuers food night
joy           -2.6    .     .     .      .      2 3.9    4      .    .   -2.4      .  -1.5     2.4        .    .     .
sadness       -1.9  1.2   2.1   0.2    2.1      .   .   -2     -1 -1.4    2.4    0.4   1.7    -1.8     -0.5    .     .
fear            -2  1.8   0.8   2.1    0.3      .   . -2.5     -1 -1.2    2.3      .     .      -1        .    .   0.6
disgust       -4.4  0.3   0.9     .    0.9      .   .    .      .    .    3.2      .     .       .        .    .     .
anger         -4.3  1.7     .     .    1.1      .   .    .      .    .    2.7      .   1.3       .     -0.5    .     .
surprise      -2.3  0.7     .     1    0.4    2.5   .    .      .    .    1.1      .     .     0.8      0.5    .     .
anxiety       -1.7  1.1     1   1.6      .      .   . -2.5    0.6  1.9    2.2      .     .    -0.9        .    .   0.5
craving       -6.5    .     .     .      .      .   .    .      .    .      .      .     .       .        .  6.9     .
emphatic_pain -2.9    .   0.8     .    1.5    0.9   . -2.5      .    .    1.5    1.2     2      -1        .    .     .
horror        -4.2  1.4     .   0.6    1.3      .   .    .      .    .    3.9      .     .       .        .    .   0.3
relief        -2.7    .     .     .      .    2.6 2.6  1.9    1.9    .   -1.4      .     .     1.5      0.8    .     .
valence       -0.1 -0.4 -0.25  -0.1   -0.5   1.05 1.1  1.6   0.25  0.9   -1.9      .  -0.6       1     0.45  0.4 -0.15
"""
ATTRIBUTES, *_rows = (line.split() for line in _WEIGHTS.strip().splitlines())
WEIGHTS = {name: np.array([float(w) if w != "." else 0 for w in weights], np.float32) for name, *weights in _rows}
EMOTIONS = [name for name in WEIGHTS if name != "valence"]

IMAGE_NOISE = 0.6  # log-odds; what the attributes do not tell about an image
VALENCE_NOISE = 0.3  # the same for the sentiment, in its own units
OWN_NOISE = 0.3  # standard deviation of the annotators' own sentiments about the image's


def draw_labels(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `(scenes, labels)` of `n` images, indexed by image id, without drawing any: a million take seconds.

    `scenes` has the columns kind, severity (0..1), people (0..6), pose, rescuers, food and light; `labels` the 18
    official headings after the id: T1 as words, the others 0/1.
    """
    ids, attributes, opinions = rng.spawn(3)
    scenes = draw_scenes(n, attributes)
    scenes.index = pd.Index(draw_ids(n, ids), name=TASK.id_column, dtype=object)
    return scenes, annotate(scenes, opinions)


def draw_ids(n: int, rng: np.random.Generator) -> list[str]:
    """Return `n` image ids, UUIDs of version 4 as the organisers use them."""
    raw = np.frombuffer(rng.bytes(16 * n), dtype=np.uint8).reshape(n, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = raw.tobytes().hex()
    whole = (digits[start : start + 32] for start in range(0, 32 * n, 32))
    return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in whole]


def draw_scenes(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the attributes of `n` scenes, one row each; the columns are those of `draw_labels`."""
    share, mean_severity, peopled, rescued, poses = (np.array(column) for column in zip(*KINDS.values(), strict=True))
    kind = rng.choice(len(KINDS), size=n, p=share)
    severity = rng.beta(4 * mean_severity[kind], 4 * (1 - mean_severity[kind]))
    is_peopled = rng.random(n) < peopled[kind]
    people = np.where(is_peopled, rng.integers(1, 7, n), 0)
    pose = (rng.random((n, 1)) > poses[kind].cumsum(axis=1)[:, :-1]).sum(axis=1)
    named = np.array(list(KINDS))[kind]
    light = rng.choice(len(LIGHTS), size=n, p=[0.62, 0.2, 0.18])
    return pd.DataFrame(
        {
            "kind": pd.Categorical.from_codes(kind, list(KINDS)),
            "severity": severity,
            "people": people,
            "pose": pd.Categorical.from_codes(np.where(is_peopled, pose, 0), POSES),
            "rescuers": rng.random(n) < rescued[kind],
            "food": (rng.random(n) < 0.16) & np.isin(named, ["aid", "calm"]),
            "light": pd.Categorical.from_codes(np.where(named == "map", 0, light), LIGHTS),  # a map has no evening
        }
    )


def annotate(scenes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the labels that five annotators give to `scenes`, in the same order and with the same index.

    Subtask 1 is the plurality of five; a tie goes to the class that is first among negative, neutral, positive.
    """
    n = len(scenes)
    attributes = _as_numbers(scenes)
    log_odds = attributes @ np.stack([WEIGHTS[emotion] for emotion in EMOTIONS], axis=1)  # (n_images, n_emotions)
    log_odds += IMAGE_NOISE * rng.standard_normal(log_odds.shape, dtype=np.float32)
    valence = attributes @ WEIGHTS["valence"] + VALENCE_NOISE * rng.standard_normal(n, dtype=np.float32)

    second, third = ([_emotion(label) for label in TASK[task].labels] for task in ("subtask2", "subtask3"))
    assert second[-1] == "neutral", "subtask 2's last label is Neutral, the only one that is not an emotion"
    probability = 1 / (1 + np.exp(-log_odds))
    sentiments = np.zeros((n, 3), dtype=np.int8)  # votes for negative, neutral, positive
    votes = np.zeros((n, len(second) + len(third)), dtype=np.int8)
    for _ in range(ANNOTATORS):
        own = valence + OWN_NOISE * rng.standard_normal(n, dtype=np.float32)
        unmoved = abs(own) < 0.5
        sentiments += np.stack([own <= -0.5, unmoved, own >= 0.5], axis=1)
        # An unmoved annotator marks fewer emotions in subtask 2, where no mark at all means Neutral.
        marks = _marks(probability[:, _columns(second[:-1])] * np.where(unmoved, 0.35, 1)[:, None], ~unmoved, rng)
        votes[:, : len(second)] += np.column_stack([marks, ~marks.any(axis=1)])
        votes[:, len(second) :] += _marks(probability[:, _columns(third)], np.ones(n, dtype=bool), rng)

    headings = [*TASK["subtask2"].labels, *TASK["subtask3"].labels]
    labels = pd.DataFrame((votes >= MAJORITY).astype(np.int8), index=scenes.index, columns=headings)
    labels.insert(0, "T1", np.array(TASK["subtask1"].labels, dtype=object)[sentiments.argmax(axis=1)])
    return labels


def _marks(probability: np.ndarray, must_choose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one annotator's marks, bool (n_images, n_emotions); where one is required, at least the likeliest."""
    margin = probability - rng.random(probability.shape, dtype=np.float32)
    marks = margin > 0
    undecided = np.flatnonzero(must_choose & ~marks.any(axis=1))
    marks[undecided, margin[undecided].argmax(axis=1)] = True
    return marks


def _emotion(label: str) -> str:
    return label.partition(":")[2].strip().lower().replace(" ", "_")


def _columns(emotions: list[str]) -> list[int]:
    """Return the position of each emotion in EMOTIONS: subtasks 2 and 3 share five, so their labels often agree."""
    return [EMOTIONS.index(emotion) for emotion in emotions]


def _as_numbers(scenes: pd.DataFrame) -> np.ndarray:
    """Return the scenes as float32 (n_images, n_attributes), in the order of ATTRIBUTES."""
    numbers = {kind: scenes["kind"] == kind for kind in KINDS}
    numbers |= {name: scenes[name] for name in ("rescuers", "food")}
    numbers["people"] = scenes["people"].clip(upper=4) / 4
    numbers["severe"] = scenes["severity"]
    numbers["bowed"] = scenes["pose"] == "crouched"
    numbers["arms_up"] = scenes["pose"] == "arms up"
    numbers["night"] = scenes["light"] == "night"
    numbers["base"] = np.ones(len(scenes))
    return np.column_stack([np.asarray(numbers[name], dtype=np.float32) for name in ATTRIBUTES])
