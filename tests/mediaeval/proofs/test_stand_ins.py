"""The check against images on answers of other kinds: scores, a probability beside its label, sets."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediaeval.config import load_config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import DatasetError
from mediaeval.proofs.align import AlignmentChecker
from mediaeval.proofs.stand_ins import StandIns
from submission.labels import LabelTable
from submission.taskfile import load_task

pytestmark = pytest.mark.integration

SCORES = """
name = "colours"
[id]
column = "image"
[[columns]]
headings = ["red", "blue"]
type = "score"
"""
FAKES = """
name = "fakes"
[file]
header = false
[id]
column = "image"
extension = true
[[columns]]
heading = "prob"
type = "probability"
[[columns]]
heading = "label"
type = "flag"
[[columns]]
heading = "threshold"
type = "constant"
of = "probability"
[[rules]]
rule = "threshold"
label = "label"
probability = "prob"
threshold = "threshold"
[[metrics]]
metric = "f1"
average = "positive"
columns = ["label"]
"""
SETS = """
name = "codes"
[file]
container = "jsonl"
[id]
column = "image"
[[columns]]
heading = "codes"
type = "set"
empty = true
"""
N = 240  # images, half of them in the dev set


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Folders `dev` and `test` of plain pictures, and file name → (red, blue), 0..1; other pixels are noise."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    colours = {}
    for k in range(N):
        red, blue = rng.random(2)
        pixels = rng.integers(0, 60, (24, 24, 3)) + np.array([red * 190, 20, blue * 190])
        side = folder / ("dev" if k % 2 else "test") / "images"
        side.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(side / f"p{k:03}.png")
        colours[f"p{k:03}.png"] = (red, blue)
    return folder, colours


def checker(folder: Path, task_text: str, dev_lines: list[str]) -> AlignmentChecker:
    (folder / "task.toml").write_text(task_text)
    (folder / "dev/devset.csv").write_text("\n".join(dev_lines) + "\n")
    config = load_config(task=load_task(folder / "task.toml"))
    return AlignmentChecker(folder / "test", folder / "dev", config, device="cpu", minutes=0)


def of_side(folder: Path, side: str) -> list[str]:
    return sorted(path.name for path in (folder / side / "images").iterdir())


def shifted(lines: list[str], separator: str = ",") -> list[str]:
    """The answers of each line under the id of the next one, from the tenth line to the end."""
    order = [*range(10), *range(11, len(lines)), 10]
    return reassigned(lines, order, separator)


def reassigned(lines: list[str], order: Sequence[int], separator: str = ",") -> list[str]:
    """The id of each line with the answers of line order[k]."""
    ids, rest = zip(*(line.split(separator, 1) for line in lines), strict=True)
    return [f"{image_id}{separator}{rest[k]}" for image_id, k in zip(ids, order, strict=True)]


def test_scores_are_checked_by_rows_and_columns(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, colours = pictures
    scores = {name: 1 + 6 * np.array(of) for name, of in colours.items()}  # ratings of 1 to 7
    dev = [f"{n.removesuffix('.png')},{scores[n][0]:.3f},{scores[n][1]:.3f}" for n in of_side(folder, "dev")]
    check = checker(folder, SCORES, ["image,red,blue", *dev])
    rng = np.random.default_rng(1)

    def run(name: str, order=(0, 1), change=lambda lines: lines):
        noisy = {n.removesuffix(".png"): scores[n] + rng.normal(0, 0.6, 2) for n in of_side(folder, "test")}
        lines = change([f"{i},{values[order[0]]:.3f},{values[order[1]]:.3f}" for i, values in noisy.items()])
        (tmp_path / name).write_text("\n".join(["image,red,blue", *lines]) + "\n")
        return check(tmp_path / name)

    sound = run("sound.csv")
    assert (sound.verdict, sound.ok) == ("aligned", True)
    slipped = run("slipped.csv", change=shifted)
    assert slipped.verdict == "misaligned"
    assert 10 <= slipped.alignment.problems[0].line <= 14  # the eleventh row is line 12, below the header
    assert run("swapped.csv", order=(1, 0)).codes == ["columns-swapped"]
    shuffled = run("shuffled.csv", change=lambda lines: reassigned(lines, rng.permutation(len(lines))))
    assert shuffled.codes == ["rows-unrelated"]
    (tmp_path / "same.csv").write_text(
        "\n".join(["image,red,blue", *(f"{n.removesuffix('.png')},0.5,0.5" for n in of_side(folder, "test"))]) + "\n"
    )
    assert "label-constant" in run_codes(check(tmp_path / "same.csv"))


def run_codes(report) -> list[str]:
    return [oddity.code for oddity in report.oddities if oddity.severity == "error"]


def test_a_probability_beside_its_label_is_checked_by_the_label(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, colours = pictures
    dev = [f"{n},{int(colours[n][0] > 0.5)}" for n in of_side(folder, "dev")]
    check = checker(folder, FAKES, ["image,label", *dev])
    lines = []
    for name in of_side(folder, "test"):
        p = min(max(colours[name][0] + 0.1 * np.sin(len(lines)), 0), 1)
        lines.append(f"{name},{p:.3f},{int(round(p, 3) >= 0.5)},0.5")
    (tmp_path / "sound.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "slipped.csv").write_text("\n".join(shifted(lines)) + "\n")
    assert check(tmp_path / "sound.csv").verdict == "aligned"
    slipped = check(tmp_path / "slipped.csv")
    assert slipped.verdict == "misaligned"
    assert 8 <= slipped.alignment.problems[0].line <= 14  # the eleventh row is line 11: there is no header


def test_sets_are_checked_by_their_items(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, colours = pictures

    def items(name: str) -> list[str]:
        red, blue = colours[name]
        return [code for code, there in (("C1", red > 0.5), ("C2", blue > 0.5), ("C3", red + blue > 1)) if there]

    dev = [f"{n.removesuffix('.png')},{';'.join(items(n))}" for n in of_side(folder, "dev")]
    check = checker(folder, SETS, ["image,codes", *dev])
    names = of_side(folder, "test")
    for file, answers in (("sound", names), ("slipped", [*names[:10], *names[11:], names[10]])):
        lines = [
            json.dumps({"image": name.removesuffix(".png"), "codes": items(of)})
            for name, of in zip(names, answers, strict=True)
        ]
        (tmp_path / f"{file}.jsonl").write_text("\n".join(lines) + "\n")
    assert check(tmp_path / "sound.jsonl").verdict == "aligned"
    assert check(tmp_path / "slipped.jsonl").verdict == "misaligned"


def test_ranked_lists_are_not_about_single_images(tmp_path):
    ranked = load_task("ranked")
    table = LabelTable(tmp_path / "dev.csv", ("topic",), ("t1",), {ranked.names[0]: {"t1": ()}})
    dev_set = Dataset(tmp_path, ("t1",), {}, (), table, ranked)
    with pytest.raises(DatasetError, match="got ranked lists alone; expected answers about one image each"):
        StandIns(dev_set)
