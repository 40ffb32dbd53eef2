"""Six tasks from their task file to the organiser's desk, by commands alone, each as its participants meet it.

A draft of a task file from the dev set, its check, training where there are images, the run file, its check with faults
that people make, the score, what is sent, and the bundle that scores it for organisers. Visual Sentiment 2021, the
first case, goes this way in tests/mediaeval/test_job.py and with the demo.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediaeval import ranked_list
from submission.runfile import write_run
from submission.taskfile import load_task

pytestmark = pytest.mark.integration

SETTINGS = '[task]\nname = "{task}"\n[data]\ndev = "dev"\ntest = "test"\n[features]\nuse = ["handcrafted"]\n'


def draw(path: Path, red: float, seed: int) -> None:
    """A noisy picture, the redder the higher `red`, 0..1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 20, (32, 32, 3))
    pixels = np.clip(np.array([40 + 180 * red, 90, 160 - 100 * red]) + noise, 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=90)


def write(path: Path, *rows: list[object], separator: str = ",") -> Path:
    path.write_text("".join(separator.join(map(str, row)) + "\n" for row in rows))
    return path


def shares(n: int, seed: int) -> list[float]:
    return np.random.default_rng(seed).random(n).round(3).tolist()


def codes(run, *words: object) -> set[str]:
    """The codes of the problems that check finds in a file; it must end with exit status 1."""
    (report, *_) = json.loads(run("check", *words, "--json", code=1).stdout)
    return {problem["code"] for problem in report["problems"]}


def draft(run, table: Path) -> str:
    """The text of a task file that is made of a labelled table, and passes its own check."""
    run("task", "new", "--from", table, "--out", "draft.toml")
    run("task", "check", "draft.toml")
    return Path("draft.toml").read_text()


def organised(run, task: str, truth: Path) -> set[str]:
    """The files of a bundle."""
    run("organise", "--task", task, "--truth", truth, "--out", "bundle")
    return {path.relative_to("bundle").as_posix() for path in Path("bundle").rglob("*") if path.is_file()}


def test_synthetic_images_from_a_folder_for_each_class_to_a_zip(run, workdir):
    truth = [["image_id", "label"]]
    for k, red in enumerate(shares(60, 0)):
        draw(Path(f"dev/{'1_fake' if red > 0.5 else '0_real'}/d{k}.jpg"), red, k)
    for k, red in enumerate(shares(30, 1)):
        draw(Path(f"test/images/t{k}.png"), red, 100 + k)
        truth.append([f"t{k}.png", int(red > 0.5)])
    write(Path("truth.csv"), *truth)
    section = '[detection]\nclassifier = "logistic"\naugment = 0\n'
    Path("mediaeval.toml").write_text(SETTINGS.format(task="synthim2025") + section)
    run("train", "detection", "--run", "a", "--folds", 0)
    run("predict", "a")
    run("submit", "a")
    lines = Path("runs/a/run.csv").read_text().splitlines()
    assert lines[0] == "image_id,prob,label,threshold" and len(lines) == 31
    assert all(int(float(p) >= float(t)) == int(y) for _, p, y, t in (line.split(",") for line in lines[1:]))
    scores = json.loads(run("score", "runs/a/run.csv", "--truth", "truth.csv", "--json").stdout)
    assert scores["detection"]["metrics"]["f1"]["value"] > 0.7
    run("check", "runs/a/run.csv", "--data", "test", "--dev", "dev", "--accept-cannot-tell")
    others = [[*line.split(",")[:3], "0.999"] for line in lines[1:]]
    stale = write(Path("stale.csv"), lines[0].split(","), *others)
    assert codes(run, stale, "--task", "synthim2025", "--truth", "truth.csv") >= {"rule-threshold"}
    without = write(Path("without.csv"), *(line.replace(".png", "").split(",") for line in lines))
    assert codes(run, without, "--task", "synthim2025", "--truth", "truth.csv") >= {"id-extension"}
    assert "still to be packed: constrained" in run("pack", "a", "--team", "acme", "--kind", "open").stdout
    run("check", "sent/acme_open.zip", "--task", "synthim2025", "--truth", "truth.csv")
    assert organised(run, "synthim2025", Path("truth.csv")) >= {"codabench.zip", "kaggle_metric.py", "trial/run.csv"}


def test_flood_tweets_without_a_header(run, workdir):
    ids = [str(1090969737671131140 + k) for k in range(40)]  # floats hold no such number exactly
    truth = Path("truth.json")
    truth.write_text(json.dumps([{image_id: k % 3 // 2} for k, image_id in enumerate(ids)]))
    dev = write(Path("dev.csv"), *([image_id, k % 3 // 2] for k, image_id in enumerate(ids)))
    assert 'type = "flag"' in draft(run, dev)
    answers = {image_id: (k % 2,) for k, image_id in enumerate(ids)}
    flood = load_task("flood2020")
    write_run(Path("ours.txt"), flood.header, ids, {"flood2020": answers})
    assert Path("ours.txt").read_text().startswith("1090969737671131140,0\n1090969737671131141,1\n")
    run("pack", "ours.txt", "--task", "flood2020", "--team", "acme", "--kind", "001", "--ids", truth)
    sent = Path("sent/ME20FMT_acme_001.txt")
    assert sent.read_bytes() == Path("ours.txt").read_bytes()
    run("check", sent, "--task", "flood2020", "--ids", truth)
    floats = write(Path("ME20FMT_acme_002.txt"), *([float(i), y[0]] for i, y in answers.items()))
    assert codes(run, floats, "--task", "flood2020", "--ids", truth) & {"id-number", "ids-missing"}
    blank = write(Path("ME20FMT_acme_003.txt"), *([i, y[0]] for i, y in answers.items()), separator=", ")
    assert codes(run, blank, "--task", "flood2020", "--ids", truth)
    # of 40 answers: 13 relevant, 20 given, 6 of them right: F1 = 2 · 6 / (13 + 20)
    scores = json.loads(run("score", sent, "--task", "flood2020", "--truth", truth, "--json").stdout)
    assert scores["flood2020"]["metrics"]["f1"]["value"] == pytest.approx(12 / 33, abs=1e-12)
    assert organised(run, "flood2020", truth) >= {"codabench.zip", "kaggle_metric.py"}


def test_motility_whose_rows_must_sum_up(run, workdir):
    headings = ["Progressive motility (%)", "Non progressive sperm motility (%)", "Immotile sperm (%)"]

    def parts(red: float) -> list[float]:
        return [round(60 * red + 10, 2), round(20 - 10 * red, 2), round(70 - 50 * red, 2)]

    dev = [["ID", *headings]]
    for k, red in enumerate(shares(50, 2)):
        draw(Path(f"dev/images/{k}.png"), red, k)
        dev.append([k, *parts(red)])
    truth = [["ID", *headings]]
    for k, red in enumerate(shares(20, 3)):
        draw(Path(f"test/images/{1000 + k}.png"), red, 100 + k)
        truth.append([1000 + k, *parts(red)])
    write(Path("dev/devset.csv"), *dev)
    write(Path("truth.csv"), *truth)
    assert draft(run, Path("dev/devset.csv")).count('type = "score"') >= 1
    section = '[motility2022]\nclassifier = "ridge"\naugment = 0\n'
    Path("mediaeval.toml").write_text(SETTINGS.format(task="motility2022") + section)
    run("train", "motility2022", "--run", "a", "--folds", 0)
    run("predict", "a")
    run("submit", "a")
    first, *rows = Path("runs/a/run.csv").read_text().splitlines()
    assert first == "ID, Progressive motility (%), Non progressive sperm motility (%), Immotile sperm (%)"
    assert all(abs(sum(map(float, row.split(", ")[1:])) - 100) < 1e-9 for row in rows)
    scores = json.loads(run("score", "runs/a/run.csv", "--truth", "truth.csv", "--json").stdout)
    assert scores["motility2022"]["metrics"]["mae"]["value"] < 10  # the middle of the ranges is wrong by about 12
    sample = write(Path("motility_predictions.csv"), ["ID", *headings], [1000, 25, 75, 25], separator=", ")
    write(Path("one.csv"), ["ID"], [1000])
    assert codes(run, sample, "--task", "motility2022", "--ids", "one.csv") == {"rule-sum"}
    run("pack", "a", "--team", "acme", "--kind", "motility")
    assert Path("sent/motility_predictions.csv").is_file() and organised(run, "motility2022", Path("truth.csv"))


def test_memorability_with_two_scores_and_a_second_key(run, workdir):
    keys = ["_HaSVQSRwVI", "2_tqQILf2Pk", "n-G3k9QSSgY", *(f"AAAAAAAAA{k:02}" for k in range(37))]
    header = ["video_id", "id", "memorability_score", "brand_memorability"]
    dev, truth, test = [header], [header], [["video_id", "id"]]
    for k, (key, red) in enumerate(zip(keys, shares(40, 4), strict=True)):
        draw(Path(f"dev/images/{key}.jpg"), red, k)
        dev.append([key, k, round(0.4 + red / 2, 3), round(1 - red, 3)])
    for k, (key, red) in enumerate(zip(keys, shares(40, 5), strict=True)):
        draw(Path(f"test/images/{key}.jpg"), red, 100 + k)
        truth.append([key, f"v{k}", round(0.4 + red / 2, 3), round(1 - red, 3)])
        test.append([key, f"v{k}"])
    for path, rows in (("dev/devset.csv", dev), ("test/testset.csv", test), ("truth.csv", truth)):
        write(Path(path), *rows)
    assert "memorability_score" in draft(run, Path("dev/devset.csv"))
    sections = '[memorability]\nclassifier = "ridge"\naugment = 0\n[brand]\nclassifier = "ridge"\naugment = 0\n'
    Path("mediaeval.toml").write_text(SETTINGS.format(task="memorability2026") + sections)
    run("train", "all", "--run", "a", "--folds", 0)
    run("predict", "a")
    run("submit", "a")
    rows = list(csv.DictReader(Path("runs/a/run.csv").read_text().splitlines()))
    assert [(row["video_id"], row["id"]) for row in rows[:2]] == [("_HaSVQSRwVI", "v0"), ("2_tqQILf2Pk", "v1")]
    scores = json.loads(run("score", "runs/a/run.csv", "--truth", "truth.csv", "--json").stdout)
    assert {name: one["metrics"]["spearman"]["value"] > 0.9 for name, one in scores.items()} == {
        "memorability": True,
        "brand": True,
    }
    swapped = [[r["video_id"], r["id"], r["brand_memorability"], r["memorability_score"]] for r in rows]
    write(Path("swapped.csv"), header, *swapped)
    found = run("check", "swapped.csv", "--task", "memorability2026", "--truth", "truth.csv", code=1).stdout
    assert "columns-swapped" in found or "columns-exchanged" in found
    assert organised(run, "memorability2026", Path("truth.csv"))


def test_ranked_lists_as_trec_has_them(run, workdir):
    ranked = load_task("ranked")
    rng = np.random.default_rng(6)
    topics = [f"t{k}" for k in range(8)]
    qrels = [[topic, 0, f"d{d}", int(d < 3)] for topic in topics for d in range(12)]
    write(Path("qrels.txt"), *qrels, separator=" ")
    scores = {topic: {f"d{d}": float(rng.normal(d < 3)) for d in range(12)} for topic in topics}
    (name,) = ranked.names
    write_run(Path("run.txt"), ranked.header, topics, {name: ranked_list(scores, task=ranked)}, shared={"tag": "ours"})
    assert len(Path("run.txt").read_text().splitlines()[0].split(" ")) == 6
    run("check", "run.txt", "--task", "ranked", "--truth", "qrels.txt")
    by_place = [line.split(" ") for line in Path("run.txt").read_text().splitlines()]
    gap = write(Path("gap.txt"), *(row for row in by_place if row[3] != "2"), separator=" ")
    assert any(code.startswith("rank-") for code in codes(run, gap, "--task", "ranked", "--truth", "qrels.txt"))
    # the reciprocal rank of the first relevant document of each topic, by the scores that were drawn
    best = [min(sorted(of, key=lambda d: -of[d]).index(f"d{d}") + 1 for d in range(3)) for of in scores.values()]
    found = json.loads(run("score", "run.txt", "--task", "ranked", "--truth", "qrels.txt", "--json").stdout)
    values = [one["value"] for one in found[name]["metrics"].values()]
    assert values[0] == pytest.approx(float(np.mean(1 / np.array(best))), abs=1e-12)
    assert organised(run, "ranked", Path("qrels.txt"))
