"""A folder for each class is a dev set."""

from pathlib import Path

import pytest
from PIL import Image

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import DatasetError
from submission.task import Subtask, Task
from submission.taskfile import load_task

SENTIMENT = Task("t", (Subtask("mood", "mood", ("mood",), ("negative", "neutral", "positive"), False),))
SYNTHIM = load_task("synthim2025")


def draw(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return folder


def test_numbers_are_flags_and_ids_are_names_of_files(tmp_path):
    draw(tmp_path, "0_real/b.jpg", "1_fake/a.jpg", "1_fake/c.png")
    dataset = load_dataset(tmp_path, SYNTHIM)
    assert dataset.ids == ("a.jpg", "b.jpg", "c.png") and dataset.missing == ()
    assert dataset.labels("detection")["prob"].to_dict() == {"a.jpg": 1, "b.jpg": 0, "c.png": 1}
    assert dataset.image_paths["c.png"] == tmp_path / "1_fake/c.png"
    assert load_dataset(tmp_path, SYNTHIM, labelled=False).subtasks == ()


@pytest.mark.parametrize("names", [("negative", "positive"), ("0_Negative", "2_positive"), ("0", "2")])
def test_names_are_those_of_classes_alone_or_after_a_number(tmp_path, names):
    draw(tmp_path, f"{names[0]}/a.jpg", f"{names[1]}/b.jpg")
    labels = load_dataset(tmp_path, SENTIMENT).labels("mood")
    assert labels.idxmax(axis=1).to_dict() == {"a": "negative", "b": "positive"}


def test_of_two_folders_the_one_with_the_name_of_the_flag_is_1(tmp_path):
    draw(tmp_path, "real/a.jpg", "fake/b.jpg")
    assert load_dataset(tmp_path, SYNTHIM).labels("detection")["prob"].to_dict() == {"a.jpg": 0, "b.jpg": 1}


@pytest.mark.parametrize(
    ("task", "files", "said"),
    [
        (SYNTHIM, ["0_real/a.jpg", "1_fake/a.jpg"], "got '0_real/a.jpg' and '1_fake/a.jpg'; expected each name in"),
        (
            SYNTHIM,
            ["good/a.jpg", "bad/b.jpg"],
            "got 'bad' as the name of a class; expected 0_N(.|\n)*got 'good'",
        ),
        (SYNTHIM, ["0_a/a.jpg", "0_b/b.jpg"], "got 0_a and 0_b for label = 0; expected one folder"),
        (SENTIMENT, ["happy/a.jpg", "neutral/b.jpg"], "got 'happy' as the name of a class; expected the names neg"),
        (load_task("motility2022"), ["0/a.jpg", "1/b.jpg"], "no subtask of one label or flag in motility2022"),
    ],
)
def test_folders_that_answer_nothing_are_named(tmp_path, task, files, said):
    draw(tmp_path, *files)
    with pytest.raises(DatasetError, match=said):
        load_dataset(tmp_path, task)
