"""With the truth at hand, a rearrangement is named with the scores as sent and put right, and no other is."""

import json

import numpy as np
import pytest

from submission.__main__ import main
from submission.desk.arrangement import ArrangementChecker
from submission.faults import MEANING, faults_of, spoil
from submission.task import Subtask, Task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

SKY = Task(
    "sky",
    (
        Subtask("mood", "M", ("mood",), ("bad", "so-so", "good"), multi_label=False),
        Subtask("signs", "S", ("rain", "sun", "wind"), ("rain", "sun", "wind"), multi_label=True),
    ),
)
N = 240


def write(path, moods, signs):
    labels = SKY["mood"].labels
    cells = [",".join([labels[mood], *map(str, bits)]) for mood, bits in zip(moods, signs, strict=True)]
    rows = [f"i{k:03d},{one}" for k, one in enumerate(cells)]
    path.write_text("id,mood,rain,sun,wind\n" + "\n".join(rows) + "\n")


@pytest.fixture
def folder(tmp_path):
    """A truth, and a run of which three answers in four are right."""
    rng = np.random.default_rng(0)
    moods, signs = rng.integers(0, 3, N), rng.integers(0, 2, (N, 3))
    write(tmp_path / "truth.csv", moods, signs)
    right = rng.random((N, 4)) < 0.75
    guessed = np.where(right[:, 1:], signs, 1 - signs)
    write(tmp_path / "run.csv", np.where(right[:, 0], moods, rng.integers(0, 3, N)), guessed)
    return tmp_path


def found_in(folder, change=None):
    """Codes of what is found after `change` of the lines of the run."""
    header, *lines = (folder / "run.csv").read_text().splitlines()
    if change:
        header, lines = change(header, lines)
    (folder / "changed.csv").write_text("\n".join([header, *lines]) + "\n")
    return ArrangementChecker(folder / "truth.csv", SKY)(folder / "changed.csv")


def slip(header, lines):
    ids, labels = zip(*(line.split(",", 1) for line in lines), strict=True)
    labels = [*labels[:20], labels[-1], *labels[20:-1]]
    return header, [f"{one},{cells}" for one, cells in zip(ids, labels, strict=True)]


def of_cells(change):
    return lambda header, lines: (header, [",".join(change(line.split(","))) for line in lines])


MOODS = {"bad": "good", "good": "so-so", "so-so": "bad"}


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (None, []),
        (lambda header, lines: (header, lines[::-1]), []),  # rows are joined by id
        (slip, ["rows-shifted"]),
        (of_cells(lambda c: [c[0], c[1], c[3], c[2], c[4]]), ["columns-swapped"]),
        (of_cells(lambda c: [c[0], c[1], c[3], c[4], c[2]]), ["columns-shifted"]),
        (of_cells(lambda c: [*c[:2], *(str(1 - int(bit)) for bit in c[2:])]), ["columns-inverted"]),
        (of_cells(lambda c: [c[0], MOODS[c[1]], *c[2:]]), ["classes-permuted"]),
        (of_cells(lambda c: [*c[:2], "0", "0", "0"]), []),
    ],
)
def test_what_is_out_of_place_is_named(folder, change, codes):
    assert [one.problem.code for one in found_in(folder, change).found] == codes


def test_the_scores_are_those_of_the_file_as_sent_and_put_right(folder):
    whole, slipped = found_in(folder), found_in(folder, slip)
    (found,) = slipped.found
    first = found.problem.line
    assert first in (22, 23, 24)  # an answer that fits both images may belong to either
    for key, (sent, right) in found.scores.items():
        assert sent == slipped.scores[key]
        assert right == pytest.approx(whole.scores[key], abs=0.03)
    assert found.problem.actual.startswith(f"lines {first} to 241 with the labels of the images 1 row above: ")
    (sent, right), *_ = found.scores.values()
    assert f"mood_f1_weighted .{sent * 1000:.0f} as sent, .{right * 1000:.0f} put right" in found.problem.actual


def test_two_faults_are_named_one_after_the_other(folder):
    swap = of_cells(lambda c: [c[0], c[1], c[3], c[2], c[4]])
    assert {one.problem.code for one in found_in(folder, lambda *file: swap(*slip(*file))).found} == {
        "rows-shifted",
        "columns-swapped",
    }


@pytest.mark.parametrize("files", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_answers_that_are_no_better_than_chance_are_not_rearranged(folder, files):
    for seed in range(files):
        order = np.random.default_rng(seed).permutation(N)

        def shuffle(header, lines, order=order):
            ids, labels = zip(*(line.split(",", 1) for line in lines), strict=True)
            return header, [f"{one},{labels[k]}" for one, k in zip(ids, order, strict=True)]

        assert not found_in(folder, shuffle).found


def test_the_command_adds_it_to_the_problems_of_form(folder, capsys):
    task = VISUAL_SENTIMENT_2021
    labels = task["subtask1"].labels
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 60)
    for name, shift in (("truth", 0), ("run", 1)):
        rows = [f"i{k},{labels[(one + shift) % 3]}" for k, one in enumerate(classes)]
        (folder / f"{name}.csv").write_text("id,T1\n" + "\n".join(rows) + "\n")
    call = ["check", str(folder / "run.csv"), "--truth", str(folder / "truth.csv"), "--partial"]
    assert main(call) == 1
    form, arranged = capsys.readouterr().out.splitlines()
    assert form.endswith("run.csv: 60 rows of subtask1, no problems")
    assert "subtask1_f1_weighted .000 as sent, 1.000 put right" in arranged
    assert main([*call, "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert report["arrangement"]["found"][0]["code"] == "classes-permuted"
    assert main(["check", str(folder / "truth.csv"), "--truth", str(folder / "truth.csv"), "--partial"]) == 0


@pytest.mark.slow
def test_every_fault_of_meaning_of_a_sound_file_is_put_right(tmp_path):
    """Of 400 images, and answers of which nine in ten are right; shuffles have no arrangement to go back to."""
    task = VISUAL_SENTIMENT_2021
    rng = np.random.default_rng(3)
    classes, bits = rng.integers(0, 3, 400), (rng.random((400, 17)) < 0.3).astype(int)
    names = [f"i{k}" for k in rng.permutation(400)]

    def text(classes, bits):
        rows = zip(names, classes, bits, strict=True)
        lines = [",".join([one, task["subtask1"].labels[a], *map(str, b)]) for one, a, b in rows]
        return ",".join(task.header.cells) + "\n" + "\n".join(lines) + "\n"

    (tmp_path / "truth.csv").write_text(text(classes, bits))
    wrong = rng.random((400, 18)) < 0.1
    answered = np.where(wrong[:, 0], rng.integers(0, 3, 400), classes)
    data = text(answered, np.where(wrong[:, 1:], 1 - bits, bits)).encode()
    check = ArrangementChecker(tmp_path / "truth.csv", task)
    hopeless = ("labels shuffled", "labels shuffled inside batches", "one answer for all images")
    for fault in faults_of(task):
        if fault.kind == MEANING:
            (tmp_path / "run.csv").write_bytes(spoil(fault, data, rng) or b"")
            assert bool(check(tmp_path / "run.csv").found) == (fault.name not in hopeless), fault.name
