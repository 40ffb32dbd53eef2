"""The lenient reader takes every dress a labelled CSV has been seen in, and refuses what it does not understand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.errors import LabelFileError
from submission.labels import find_csv, image_id, read_ids, read_labels
from submission.names import same_name_key
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

T2 = ",".join(TASK["subtask2"].headings)
T3 = ",".join(TASK["subtask3"].headings)


@pytest.fixture
def csv(tmp_path):
    """Write a CSV and return its path."""

    def write(content, name="devset.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def find(folder, task):
    """`find_csv`, called as the readers are."""
    return find_csv(folder)


def problems(path, read=read_labels):
    with pytest.raises(LabelFileError) as caught:
        read(path, TASK)
    return [problem.replace(f"{path.parent}/", "") for problem in caught.value.problems]


def test_the_official_dev_set(csv):
    header = ",".join(TASK.header.cells)
    table = read_labels(csv(f"{header}\nb,negative,0,1,1,0,0,0,0,0,1,0,1,0,0,0,0,1,0\na,neutral{',0' * 17}\n"), TASK)
    assert table.header == TASK.header.cells
    assert table.ids == ("b", "a")
    assert table.labels == {
        "subtask1": {"b": "negative", "a": "neutral"},
        "subtask2": {"b": (0, 1, 1, 0, 0, 0, 0), "a": (0,) * 7},
        "subtask3": {"b": (0, 1, 0, 1, 0, 0, 0, 0, 1, 0), "a": (0,) * 10},
    }


@pytest.mark.parametrize(
    "content",
    [
        "id,T1\na,negative\nb,positive\n",
        "id,T1\r\na,negative\r\nb,positive\r\n",
        "id,T1\na,negative\nb,positive",
        "id,T1\n\na,negative\n,\nb,positive\n\n",
        "\ufeffid,T1\na,negative\nb,positive\n",
        '"id","T1"\n"a","negative"\n"b","positive"\n',
        "filename,T1\na.jpg,negative\nb.JPEG,positive\n",
        " Filename ,T1\na.png,negative\nb.WebP,positive\n",
        "ID, T1\n a , negative\nb,positive \n",
        ",id,T1\n0,a,negative\n1,b,positive\n",
        "Unnamed: 0,filename,T1\n7,a.jpg,negative\n8,b.jpg,positive\n",
        "concept,T1,id\nlake,negative,a\nfire,positive,b\n",
    ],
)
def test_a_table_says_the_same_in_every_dress(csv, content):
    table = read_labels(csv(content), TASK)
    assert table.ids == ("a", "b")
    assert table.labels == {"subtask1": {"a": "negative", "b": "positive"}}


def test_columns_are_matched_by_number_and_kept_to_the_letter(csv):
    headings = [*TASK["subtask2"].headings[1:], "t2.1 JOY"]
    table = read_labels(csv(f"n,filename,{','.join(headings)}\n0,a.jpg,0,0,0,0,0,0,1\n"), TASK)
    assert table.header == ("filename", *headings)
    assert table.labels == {"subtask2": {"a": (1, 0, 0, 0, 0, 0, 0)}}  # in the order of the labels, Joy first


def test_the_floats_that_pandas_writes_into_a_truth_file(csv):
    assert read_labels(csv(f"id,{T2}\na,1.0,0.0,0,1,0,0,0\n"), TASK).labels == {
        "subtask2": {"a": (1, 0, 0, 1, 0, 0, 0)}
    }


def test_a_test_list_has_no_labels(csv):
    table = read_labels(csv("id\nb\na\n"), TASK)
    assert (table.header, table.ids, table.labels) == (("id",), ("b", "a"), {})


@pytest.mark.parametrize("name", ["NA", "1e5", "007", "nan", "None", "True", "-1", "é", "a b", "a.b", "T1"])
def test_ids_are_text(csv, name):
    path = csv(f"id,T1\n{name},negative\n")
    assert read_labels(path, TASK).labels["subtask1"] == {name: "negative"}
    assert read_ids(path, TASK) == [name]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\\\0\r\n")), max_size=9), st.data())
def test_rows_join_by_id_in_whatever_order_they_stand(tmp_path_factory, names, data):
    unlike = {same_name_key(image_id(name)): image_id(name) for name in names}
    ids = [name for name in unlike.values() if name not in ("", ".", "..")] or ["a"]
    labels = {name: data.draw(st.sampled_from(TASK["subtask1"].labels)) for name in ids}
    path = tmp_path_factory.mktemp("any") / "devset.csv"
    rows = ['"' + name.replace('"', '""') + f'.jpg",{labels[name]}' for name in data.draw(st.permutations(ids))]
    path.write_text("id,T1\n" + "\n".join(rows), encoding="utf-8", newline="")
    assert read_labels(path, TASK).labels["subtask1"] == labels
    assert set(read_ids(path, TASK)) == set(ids)


NO_IDS = "devset.csv:1: got no column 'id' or 'filename'"
FAULTS = [  # the file, what is told of it
    ("", ["devset.csv: got an empty file"]),
    ("\n\n", ["devset.csv: got an empty file"]),
    ("id,T1\n", ["devset.csv: got a header and no rows"]),
    (b"id,T1\na,negative\n\xe9,negative\n", ["devset.csv:3: got byte 0xe9; expected UTF-8"]),
    ("name,T1\na,negative\n", [f"{NO_IDS} (found name, T1); expected one of image ids. Rename"]),
    ("id;T1\na;negative\n", [f"{NO_IDS} (found id;T1); expected one of image ids. The cells seem to be"]),
    ("id,filename,T1\n0,a,negative\n", ["devset.csv:1: got 2 columns of ids ('id' and 'filename'); expected one"]),
    ("id,T1,T1: sentiment\na,negative,neutral\n", ["devset.csv:1: got two columns for 'T1'"]),
    ("id,T2.1: Joy\na,0\n", ["devset.csv:1: subtask2: got 1 columns; expected 7. Add 'T2.2: Sadness'"]),
    ("id,T1\na,negative,0\nb\n", ["devset.csv:2: got 3 cells; expected 2", "devset.csv:3: got 1 cell; expected 2"]),
    ("id,T1\na,Negative\nb,\n", ["devset.csv:2: T1: got 'Negative'; expected neg", "devset.csv:3: T1: got ''; exp"]),
    (f"id,{T2}\na,0,2,0,0,0,0,x\n", ["devset.csv:2: T2.2: Sadness: got '2'; expected 0 or 1",
                                     "devset.csv:2: T2.7: Neutral: got 'x'; expected 0 or 1"]),
    ("id,T1\na,neutral\na.jpg,neutral\n", ["devset.csv:3: got the id 'a' again (first on line 2)"]),
    ("id,T1\n ,neutral\n.jpg,neutral\n", ["devset.csv:2: got an empty id", "devset.csv:3: got an empty id"]),
    ("id,T1\n../a,neutral\n", ["devset.csv:2: got the id '../a'; expected one that can be a file name"]),
    ("id,T1\na\\b,neutral\n..,neutral\n", [f"devset.csv:{line}: got the id" for line in (2, 3)]),
    ("id,T1\nx/a,neutral\nx/b,neutral\n",
     ["devset.csv:2: got the id 'x/a', and so in 1 other row: 'x/b' on line 3; expected one that can be a file name"]),
    ("id,T1\na,neutral\n\0\0\0", ["devset.csv:3: got 3 bytes with the value 0; expected none. The file is damaged"]),
    ("id,T1\na,neutral\nid,T1\nb,neutral\n", ["devset.csv:3: got the header again; expected it once."]),
    ("id,T1\n# note\na,neutral\n", ["devset.csv:2: got a line that begins with '#'; expected a row."]),
    ("id,T1\na;neutral\nb;neutral\n",
     ["devset.csv:2: got 1 cell, as in 1 other line; expected 2, as in the header. The cells seem to be separated by"]),
    ('"id,T1"\n"a,neutral"\n', [f"{NO_IDS} (found id,T1); expected one of image ids. Each line is one cell in quotes"]),
    ("id,T1\nx,neutral\nx\u200b,neutral\n", ["devset.csv:3: got the id 'x\\u200b' in two Unicode forms, 'x' on line"]),
    (f"id,{'c,' * 60_000}T1\na,neutral\n", ["devset.csv: got 60,002 columns; expected no more than 50,000."]),
    ('id,T1\n"a\nb",neutral\n', ["devset.csv:3: got the id 'a\\nb'"]),
    ("sep=,\nid,T1\na,neutral\n", ["devset.csv:1: got 'sep=,', a line for Excel; expected the header. Remove"]),
    ("sep=;\rid;T1\ra;neutral\r", ["devset.csv:1: got 'sep=;'", f"{NO_IDS.replace(':1:', ':2:')} (found id;T1)"]),
    ("Our dev set\n\n# 2021\nid,T1\na,neutral\n",
     ["devset.csv:1: got 'Our dev set'; expected the header, which is on line 4. Remove what is above it."]),
    ('"id";"T1"\n"a";"neutral"\n', [f"{NO_IDS} (found \"id\";\"T1\"); expected one of image ids. The cells seem"]),
    ("id,T1\n0,a,neutral\n1,b,neutral\n", ["devset.csv:2: got 3 cells, as in 1 other line; expected 2"]),
    ("id,T1\na,neutral,\nb,neutral,\n", ["devset.csv:2: got a comma behind the last cell, as in 1 other line;"]),
    ("id,T1,\na,neutral\nb,neutral\n", ["devset.csv:1: got a comma behind the last heading, which 2 rows lack"]),
    ('id,T1\na,neutral\n"b,neutral\n', ["devset.csv:3: the quotes cannot be read (one is opened and not closed)"]),
    (b"PK\3\4" + b"xl/workbook.xml", ["devset.csv: got an Excel workbook (.xlsx); expected a CSV. Open it in"]),
    ("<html>\n", ["devset.csv: got a web page or XML; expected a CSV."]),
    ("version https://git-lfs.github.com/spec/v1\n", ["devset.csv: got a Git LFS pointer, without the file's content"]),
    ("id,T1\na,neutral\n".encode("utf-16"), ["devset.csv: got UTF-16; expected UTF-8. Save the file as"]),
    ("id,T1\na,neutral\n".encode("utf-16-le"), ["devset.csv: got UTF-16; expected UTF-8. Save the file as"]),
    ("id,T1\nu\u0308,neutral\n\u00fc,neutral\n",
     ["devset.csv:3: got the id '\u00fc' in two Unicode forms, 'u\\u0308' on line 2 and '\\xfc' here"]),
    ('id,T1\n"a"b,neutral\n', ["devset.csv:2: the quotes cannot be read"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "told"), FAULTS)
def test_every_problem_is_told_with_its_line_and_column(csv, content, told):
    found = problems(csv(content))
    assert len(found) == len(told)
    for problem, beginning in zip(found, told, strict=True):
        assert problem.startswith(beginning)


def test_problems_of_header_and_rows_are_told_together_and_at_most_twenty(csv):
    rows = "".join(f"i{n},wrong{n},0\n" for n in range(30))
    found = problems(csv(f"id,T1,T2.1: Joy\n{rows}"))
    assert found[0].startswith("devset.csv:1: subtask2: got 1 columns; expected 7")
    assert len(found) == 21
    assert found[-1] == "… and 11 more"


def test_one_wrong_value_of_many_cells_is_one_problem(csv):
    rows = "".join(f"i{n}{',False' * 7}\n" for n in range(30))
    (found,) = problems(csv(f"id,{T2}\n{rows}"))
    assert found.startswith("devset.csv:2: got 'False' in 210 cells of 7 columns (T2.1: Joy, T2.2: Sadness, ")
    assert found.endswith("), first on this line; expected 0 or 1. Correct the cells.")


@pytest.mark.parametrize("heading", ["\u200bid", "id\xa0", "\ufeff\ufeffid", "\u2060ID "])
def test_blanks_that_do_not_show_are_no_part_of_the_heading_of_ids(csv, heading):
    assert read_labels(csv(f"{heading},T1\na,neutral\n"), TASK).ids == ("a",)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    assert problems(tmp_path / "absent.csv") == [
        "absent.csv: no such file; expected a CSV of image ids. Check the path."
    ]
    assert problems(tmp_path)[0].endswith("got a folder; expected a CSV. Give the path of the CSV itself.")


def test_a_test_list_is_read_by_its_ids_alone(csv):
    assert read_ids(csv(f"id,T1,{T3}\nb.jpg{',' * 11}\na{',' * 11}\n", "testset.csv"), TASK) == ["b", "a"]
    assert problems(csv("id\na\nb\na\n"), read_ids) == [
        "devset.csv:4: got the id 'a' again (first on line 2); expected each image once. Remove one of the lines."
    ]


def test_the_ids_of_a_folder(tmp_path, csv):
    (tmp_path / "images").mkdir()
    for name in ("b.JPG", "a.jpeg", "._a.jpg", "notes.txt", "c.x.png"):
        (tmp_path / "images" / name).touch()
    assert read_ids(tmp_path, TASK) == read_ids(tmp_path / "images", TASK) == ["a", "b", "c.x"]
    csv("id\nz\ny\n", "testset.csv")
    assert read_ids(tmp_path, TASK) == ["z", "y"]  # the list has the last word, and its order


def test_two_images_of_one_name_and_none_at_all_are_told(tmp_path):
    assert "got no CSV and no images" in problems(tmp_path, read_ids)[0]
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    assert "got 2 images for the id 'a' (a.jpg and a.png); expected one" in problems(tmp_path, read_ids)[0]
    assert "cannot be listed" in problems(tmp_path / "absent", find)[0]


def test_the_csv_of_a_folder(tmp_path):
    assert find_csv(tmp_path) is None
    (tmp_path / "norms.csv").touch()
    assert find_csv(tmp_path).name == "norms.csv"
    (tmp_path / "other.CSV").touch()
    assert "got 2 CSVs (norms.csv, other.CSV); expected one" in problems(tmp_path, find)[0]
    (tmp_path / "testset.csv").touch()
    assert find_csv(tmp_path).name == "testset.csv"
    (tmp_path / "devset.csv").touch()
    assert "got 2 CSVs (devset.csv, testset.csv)" in problems(tmp_path, find)[0]
    (tmp_path / "testset.csv").unlink()
    assert find_csv(tmp_path).name == "devset.csv"


@given(st.binary(max_size=60).map(lambda end: b"id,T1\na,neutral\n" + end))
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "devset.csv"
    path.write_bytes(content)
    for read in (read_labels, read_ids):
        try:
            read(path, TASK)
        except LabelFileError as error:
            assert error.problems


def test_videos_where_images_are_wanted_are_told(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.mp4", "b.AVI"):
        (tmp_path / "images" / name).touch()
    assert problems(tmp_path, read_ids) == [
        f"{tmp_path.name}/images: got no CSV and no images, but 2 videos (a.mp4 …); expected a CSV, or files that "
        "end in .jpg, .png, .webp, .gif, .bmp, .tif or .avif. Save one frame of each video as an image first."
    ]
