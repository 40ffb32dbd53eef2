"""Reading a dataset folder: ids, files and labels, found by id."""

import pytest

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import DatasetError, LabelFileError
from submission.visual_sentiment import VISUAL_SENTIMENT_2021


def test_files_are_matched_by_id_whatever_their_suffix(make_devset):
    folder = make_devset(4)
    (folder / "images/d1.jpg").rename(folder / "images/d1.JPG")
    (folder / "images/d2.jpg").rename(folder / "images/d2.webp")
    (folder / "images/d3.jpg").unlink()
    dataset = load_dataset(folder, VISUAL_SENTIMENT_2021)
    assert dataset.ids == ("d0", "d1", "d2", "d3")
    assert [dataset.image_paths[i].name for i in dataset.ids] == ["d0.jpg", "d1.JPG", "d2.webp", "d3.jpg"]
    assert dataset.missing == ("d3",)


def test_labels_are_tables_by_id(make_devset):
    dataset = load_dataset(make_devset(3), VISUAL_SENTIMENT_2021)
    assert dataset.subtasks == ("subtask1", "subtask2", "subtask3")
    assert dataset.labels("subtask1").loc["d0"].to_dict() == {"negative": 1, "neutral": 0, "positive": 0}
    assert dataset.labels("subtask2").loc["d0", "T2.2: Sadness"] == 1
    assert dataset.labels("subtask3").loc["d2", "T3.8: Relief"] == 1
    assert dataset.labels("subtask3").shape == (3, 10)


def test_a_folder_of_images_alone_is_a_test_set(tmp_path, make_devset):
    folder = make_devset(3)
    dataset = load_dataset(folder / "images", VISUAL_SENTIMENT_2021)
    assert (dataset.ids, dataset.subtasks, dataset.table) == (("d0", "d1", "d2"), (), None)


def test_a_dataset_of_some_subtasks_says_what_it_lacks(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "devset.csv").write_text("id,T1\nNA,negative\n1e5,positive\n007,neutral\n")
    dataset = load_dataset(tmp_path, VISUAL_SENTIMENT_2021)
    assert dataset.ids == ("NA", "1e5", "007"), "ids are text, never numbers or missing values"
    with pytest.raises(DatasetError, match=r"no labels for subtask2 \(it has: subtask1\)"):
        dataset.labels("subtask2")


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (lambda f: f / "nowhere", DatasetError, "does not exist"),
        (lambda f: f / "images/d0.jpg", DatasetError, "is a file, not a folder"),
        (lambda f: (f / "images/d0.png").write_bytes(b"x") and f, DatasetError, r"d0: two image files"),
        (lambda f: (f / "devset.csv").write_text("name,T1\na,negative\n") and f, LabelFileError, "id"),
        (lambda f: (f / "devset.csv").write_text("id,T1\na,Negative\n") and f, LabelFileError, "Negative"),
        (lambda f: (f / "devset.csv").write_text("id,T1\na,neutral\na,neutral\n") and f, LabelFileError, "'a'"),
    ],
)
def test_what_cannot_be_read_says_why(make_devset, prepare, error, message):
    with pytest.raises(error, match=message):
        load_dataset(prepare(make_devset(3)), VISUAL_SENTIMENT_2021)
