"""Reading a dataset folder: ids, files and labels, found by id."""

import unicodedata
from pathlib import Path

import pytest

from mediaeval.data.dataset import load_dataset
from mediaeval.data.inspect import inspect
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


@pytest.mark.parametrize(
    "suffix",
    [".jfif", ".jpe", ".JPG_large", ".gif", ".bmp", ".tif", ".TIFF", ".avif", ".webp", ".jpeg", ".tif.jpg"],
)
def test_an_image_is_found_by_its_id_whatever_its_suffix(make_devset, suffix):
    folder = make_devset(3)
    (folder / "images/d1.jpg").rename(folder / f"images/d1{suffix}")
    if suffix == ".tif.jpg":  # a converted image, listed by its old name
        csv = folder / "devset.csv"
        csv.write_text(csv.read_text().replace("d1,", "d1.tif,"))
    dataset = load_dataset(folder, VISUAL_SENTIMENT_2021)
    assert dataset.image_paths["d1"].name == f"d1{suffix}" and dataset.missing == ()
    assert inspect(folder, VISUAL_SENTIMENT_2021).unreadable == {}, "what is in it is told from its bytes"


def test_a_file_that_is_not_read_is_there_and_called_by_its_name(make_devset):
    folder = make_devset(6)
    images = folder / "images"
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    for name, content in {
        "d0.HEIC": heic,
        "d1.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "d2.mp4": b"\0\0\0\x18ftypisom\0\0\0\0",
        "d3.html": b"<html>404</html>",
        "d4": (images / "d4.jpg").read_bytes(),  # downloaded without its extension
        "d5.txt": b"a caption",
    }.items():
        (images / f"{name[:2]}.jpg").unlink()
        (images / name).write_bytes(content)
    dataset = load_dataset(folder, VISUAL_SENTIMENT_2021)
    assert dataset.missing == ("d5",)
    found = inspect(folder, VISUAL_SENTIMENT_2021).unreadable
    assert {i: reason.split(",")[0] for i, reason in found.items()} == {
        "d0": "the file is a HEIC image",
        "d1": "the file is an EPS drawing",
        "d2": "the file is an MP4 or QuickTime video",
        "d3": "the file is a web page or XML",
        "d5": "the file is absent",
    }


def test_a_photograph_beside_its_raw_file_is_the_image(make_devset):
    folder = make_devset(3)
    (folder / "images/d1.CR2").write_bytes(b"II*\0\x10\0\0\0CR\2\0")
    assert load_dataset(folder, VISUAL_SENTIMENT_2021).image_paths["d1"].name == "d1.jpg"


def in_form(form: str, folder: Path) -> Path:
    """A devset whose ids hold an accent in one Unicode form, and whose files hold it in the other."""
    csv = folder / "devset.csv"
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    csv.write_text(csv.read_text().replace("\nd", "\n" + unicodedata.normalize(form, "\xdcber")), encoding="utf-8")
    for path in (folder / "images").iterdir():
        path.rename(path.with_name(unicodedata.normalize(other, "\xdcber") + path.name[1:]))
    return folder


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_match_in_either_unicode_form_and_ids_stay_as_listed(make_devset, form):
    dataset = load_dataset(in_form(form, make_devset(3)), VISUAL_SENTIMENT_2021)
    assert dataset.missing == ()
    assert dataset.ids == tuple(unicodedata.normalize(form, f"\xdcber{k}") for k in range(3))


def test_two_names_that_look_alike_are_both_named(make_devset):
    folder = in_form("NFC", make_devset(3))
    (folder / "images" / "\xdcber1.png").write_bytes(b"x")
    (folder / "images" / "\xdcber2.jpg").write_bytes(b"x")
    with pytest.raises(DatasetError) as caught:
        load_dataset(folder, VISUAL_SENTIMENT_2021)
    first, second = caught.value.problems
    assert "two image files (U\u0308ber1.jpg and \xdcber1.png); keep one" in first
    assert r"two image files ('U\u0308ber2.jpg' and '\xdcber2.jpg'); keep one" in second
    (folder / "devset.csv").unlink()
    with pytest.raises(LabelFileError, match=r"got 2 images for the id .*'U\\u0308ber2.jpg' and '\\xdcber2.jpg'"):
        load_dataset(folder, VISUAL_SENTIMENT_2021)


def test_an_unfinished_download_is_named_and_blanks_of_a_file_name_are_no_part_of_its_id(make_devset):
    folder = make_devset(4)
    (folder / "images/d1.jpg").rename(folder / "images/d1.jpg.crdownload")
    (folder / "images/d2.jpg").rename(folder / "images/d2 .jpg")
    dataset = load_dataset(folder, VISUAL_SENTIMENT_2021)
    assert dataset.missing == ()
    assert dataset.image_paths["d1"].name == "d1.jpg.crdownload"
    assert dataset.image_paths["d2"].name == "d2 .jpg"
