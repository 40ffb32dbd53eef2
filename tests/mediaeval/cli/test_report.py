"""mediaeval report as its users meet it: one run and two, images that are gone, runs that lack parts, wrong names."""

import json
import shutil
from pathlib import Path

import pytest

from mediaeval.reports.shown import chosen, room_for
from tests.mediaeval.analysed import RECIPE  # noqa: F401

pytestmark = pytest.mark.integration


def data(path: str = "runs/first/report.json") -> dict:
    return json.loads(Path(path).read_text("utf-8"))


def left_out(subtask: dict) -> set[str]:
    return {one["part"] for one in subtask["left_out"]}


def test_two_runs_are_shown_side_by_side_and_neither_is_changed(job, run):
    before = {path: path.read_bytes() for path in sorted(Path("runs").rglob("*")) if path.is_file()}
    said = run("report", "first", "second").stdout
    assert "runs/first/report.html: 60 images" in said
    report = data()
    assert [one["name"] for one in report["runs"]] == ["first", "second"]
    proofs = {proof["name"]: proof["passed"] for proof in report["runs"][0]["proofs"]}
    assert list(proofs.values()) == [True, True, None], "unchanged, predicted, not submitted yet"
    for subtask in report["subtasks"]:
        rows, n = subtask["rows"], len(report["images"])
        assert [len(rows[key]) for key in ("image", "truth", "outputs", "loss", "disagreement")] == [60] * 5
        assert all(
            len(near) == 5 and row not in near for row, near in zip(rows["image"], rows["neighbours"], strict=True)
        )
        fold = dict(zip(rows["image"], rows["fold"], strict=True))
        assert all(
            fold[k] != fold[row] for row, near in zip(rows["image"], rows["neighbours"], strict=True) for k in near
        )
        assert max(rows["image"]) < n
        floors = {floor["name"]: floor["value"] for floor in subtask["floors"]}
        assert 0 <= floors["constant: the most common"] < floors["logistic regression on components"] <= 1
        assert subtask["flips"]["p"] > 0.05
        assert "notes" not in left_out(subtask)
    assert all(path.read_bytes() == content for path, content in before.items())
    run("submit", "first", "--no-rehearsal")
    assert "</html>" in Path("runs/first/report.html").read_text("utf-8")


def test_an_anonymous_report_names_no_image(job, run):
    run("report", "first", "--anonymous", "--out", "page.html")
    text = Path("page.html").read_text("utf-8") + Path("page.json").read_text("utf-8")
    assert not [k for k in range(60) if f'"d{k}"' in text or f"d{k}.jpg" in text]
    assert "devset" not in text
    assert "data:image" not in text
    assert data("page.json")["images"][0] == {"id": "image 1", "path": "", "gone": None}


def test_images_that_are_gone_or_damaged_are_named_and_the_report_is_made(job, run):
    Path("devset/images/d4.jpg").unlink()
    Path("devset/images/d5.jpg").write_bytes(b"no image")
    said = run("report", "alone", "--out", "page.html")
    report = data("page.json")
    gone = {image["id"]: image["gone"] for image in report["images"] if image["gone"]}
    for image_id, reason in gone.items():
        assert f"{image_id}: {reason}; a grey tile stands for it." in said.stderr
    shown = {image["id"] for image in report["images"]}
    assert set(gone) == {"d4", "d5"} & shown
    (subtask,) = report["subtasks"]
    assert subtask["where"] == "validation"
    assert {"new_set"} <= left_out(subtask)
    assert report["subtasks"][0]["thresholds"] is None


def test_all_images_gone_leaves_what_needs_none(job, run):
    shutil.rmtree("devset/images")
    Path("devset/images").mkdir()
    run("report", "first", "--out", "page.html")
    report = data("page.json")
    assert len([image for image in report["images"] if image["gone"]]) == 60
    subtask = report["subtasks"][1]
    assert subtask["curves"]["labels"]
    assert {"neighbours", "duplicates"} <= left_out(subtask)
    assert {one["kind"] for one in subtask["slices"]} <= {"labels"}
    assert all(floor["reason"] for floor in subtask["floors"] if not floor["name"].startswith("constant"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("first", "--out", "page.txt"), "--out page.txt: expected a name that ends in .html"),
        (("first", "--out", "devset"), "--out devset: expected a name that ends in .html"),
        (("first", "--out", "runs/first/test/page.html"), "got a folder within a run, which predict and submit read"),
        (("alone", "--out", "runs/first/test/page.html"), "got a folder within a run, which predict and submit read"),
        (("first", "--out", "runs/first/manifest.html"), "take the place of runs/first/manifest.json, which is no rep"),
        (("first", "--out", "runs/alone/manifest.html"), "take the place of runs/alone/manifest.json, which is no rep"),
        (("first", "first"), "a report shows one run, or two different ones"),
        (("first", "alone"), "subtask1: first was judged out of fold on 60 images, alone validation on 12 images"),
        (("nowhere",), "runs/nowhere does not exist. Runs in this folder: alone, first, second."),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(arguments, said, job, run):
    assert said in run("report", *arguments, code=1).stderr


def test_without_the_dev_set_or_with_other_labels_nothing_is_written(job, run):
    file = Path("devset/devset.csv")
    file.write_text(file.read_text().replace(",positive,", ",neutral,", 2))
    assert "the labels have changed. Put them back, or train the run again." in run("report", "first", code=1).stderr
    shutil.move("devset", "elsewhere")
    assert "devset is not there: the dev set of runs/first" in run("report", "first", code=1).stderr
    assert not Path("runs/first/report.html").exists()


def test_where_not_all_images_have_room_the_hardest_are_shown_and_others_drawn():
    ids = [f"i{k}" for k in range(20_000)]
    room = room_for([3, 7, 10])
    shown = chosen(ids, {"i7", "i19999"}, room, seed=1)
    assert len(shown) == room
    kept = set(shown)
    assert {"i7", "i19999"} <= kept
    assert shown == [i for i in ids if i in kept], "in the order of the dev set"
    assert shown != chosen(ids, {"i7", "i19999"}, room, seed=2)
    assert chosen(ids[:2432], set(), room) == ids[:2432]
