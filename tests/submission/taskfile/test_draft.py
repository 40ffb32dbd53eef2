"""A draft of a task file, made from a labelled table: what is guessed, what was seen, and that it passes the check."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from submission.errors import LabelFileError
from submission.taskfile import parse_task
from submission.taskfile.draft import draft_from, template


@pytest.fixture
def drafted(tmp_path):
    """drafted(text) → the draft from a file with this text, and the task that it describes."""

    def draft(text: str, name: str = "weather.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        written = draft_from(path)
        return written, parse_task(written, "draft.toml")

    return draft


def types(task):
    return {column.heading: column.kind.type for column in task.columns}


def test_tabs_without_a_header_and_five_flags(drafted):
    """As the answers of a shared task on misogynous memes: file name and five columns of 0 and 1."""
    written, task = drafted("15236.jpg\t1\t0\t1\t0\t1\n15237.jpg\t0\t0\t0\t0\t0\n15238.jpg\t1\t1\t0\t0\t0\n")
    assert task.layout.container == "tsv"
    assert not task.layout.header
    assert task.layout.extension
    assert set(types(task).values()) == {"flag"}
    assert len(task.columns) == 5
    assert '"column2",  # 1 in 2 of 3 rows' in written


def test_sets_of_codes(drafted):
    """As the concepts of ImageCLEF caption: codes separated by semicolons."""
    codes = ["C0040405;C0000726", "C0040405", "C1306645;C0817096;C0040405", "C1306645;C0817096"]
    written, task = drafted("ID,CUIs\n" + "".join(f"Img_{n},{cell}\n" for n, cell in enumerate(codes)))
    (column,) = task.columns
    assert (column.kind.type, column.kind.separator, column.kind.item.text) == ("set", ";", "C[0-9]{7}")
    assert 'type = "set"  # 4 different items, at most 3 in a cell. Confirm' in written
    assert task.subtasks[0].metrics[0].average == "samples"


def test_a_probability_its_label_and_one_threshold(drafted):
    rows = "".join(f"{n}.jpg,{p},{int(p >= 0.5)},0.5\n" for n, p in enumerate([0.7, 0.2, 0.9, 0.1, 0.5]))
    written, task = drafted(f"image_id,prob,label,threshold\n{rows}")
    assert types(task) == {"prob": "probability", "label": "flag", "threshold": "constant"}
    assert [rule.probability for rule in task.rules] == ["prob"]
    assert "[[rules]]  # holds in all of 5 rows. Confirm" in written


def test_three_numbers_that_sum_up_to_100(drafted):
    _, task = drafted("ID, a, b, c\n1, 25, 50, 25\n2, 10, 70, 20\n3, 30.5, 30.5, 39\n")
    assert task.layout.separator == ", "
    assert types(task) == dict.fromkeys("abc", "score")
    assert task.rules[0].total == 100


def test_a_ranked_list(drafted):
    text = "".join(f"{query} Q0 d{rank * query} {rank} {9.5 - rank} me\n" for query in (301, 302) for rank in (1, 2))
    written, task = drafted(text, "run.txt")
    assert list(types(task).values()) == ["constant", "document", "rank", "score", "text"]
    assert "repeated" not in written


def test_classes_flags_and_scores_become_subtasks(drafted):
    rows = "".join(f"{n},{sky},{n % 2},{n / 3:.2f}\n" for n, sky in enumerate(["clear", "fog", "clear", "storm"] * 3))
    written, task = drafted(f"id,sky,ship,wind\n{rows}")
    assert task.names == ("sky", "ship", "wind")
    assert task["sky"].labels == ("clear", "fog", "storm")
    assert 'type = "label"  # 3 different texts (clear 6, fog 3, storm 3). Confirm' in written
    assert "# low = 0\n# high = 3.67" in written


def test_json_of_single_objects(drafted):
    """As the released truth of flood2020; its run files are no JSON."""
    written, task = drafted('[{"912629686458568704": 0}, {"992823890928984065": 1}]', "truth.json")
    assert types(task) == {"answer": "flag"}
    assert "Is a run file, too?" in written


def test_what_was_changed_is_noticed(drafted):
    written, task = drafted('id,"a, b",c,C\n1,0,1,1\n2,1,0,0\n')
    assert list(types(task)) == ["column2", "c", "column4"]
    assert "# Notice: Column 2 has the heading 'a, b', which it cannot have here: column2." in written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty file"),
        ("id\na\nb\n", "got one column; expected ids and, beside them, labels or scores."),
        ("id,note\n1,abc\n2,def\n3,ghi\n", "got columns of ids and text alone; expected one of labels"),
        ("id,label\n", "got a header and no row|got columns of ids and text alone"),
        ("[{", "got text that begins like JSON and is none"),
        ("PK\x03\x04", "got a zip archive; expected a labelled table."),
    ],
)
def test_what_is_no_labelled_table_is_refused(drafted, text, message):
    with pytest.raises(LabelFileError, match=message):
        drafted(text)


CELLS = st.one_of(
    st.sampled_from(
        ["0", "1", "0.5", "7", "-3.25", "a", "b", "fog", "", "C1;C2", "C1;C3", "x y", "1e5", "é", "a|b", "nan"]
    ),
    st.text("ab01;, \t\"'#[]=\\\n", max_size=4),
)

ROWS = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12)
)


@example([["0", "0", "0", ";"], ["0", "a", "=", "["], ["0", "0", "0", "7"], ["0", "0", "0.5", "0"]], ";")  # no letters
@settings(max_examples=100)
@given(ROWS, st.sampled_from([",", "\t", ";", " ", ", "]))
def test_whatever_the_table_a_draft_passes_the_check(tmp_path_factory, rows, separator):
    path = tmp_path_factory.mktemp("drawn") / "devset.csv"
    path.write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8")
    try:
        written = draft_from(path)
    except LabelFileError:
        return
    parse_task(written, "draft.toml")


def test_a_template_has_every_key_and_passes():
    assert parse_task(template(), "template").names == ("mytask",)
    assert '# container = "csv"  # csv: cells with a separator' in template()
