"""What is written is what is read; what cannot be written leaves everything as it was."""

import errno
import hashlib
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.check import find_problems
from submission.errors import RunFileError
from submission.labels import read_labels
from submission.runfile import format_run, read_run, write_run
from submission.task import Header
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

OFFICIAL = TASK.header
OFFICIAL_HEADER = OFFICIAL.cells

IDS = ["b", "a"]
LABELS = {
    "subtask1": {"a": "positive", "b": "negative"},
    "subtask2": {"a": (1, 0, 0, 0, 0, 1, 0), "b": (0, 1, 1, 0, 0, 0, 0)},
    "subtask3": {"a": (0,) * 10, "b": (0, 1, 0, 1, 0, 0, 0, 0, 1, 0)},
}
RUN = f"""\
{",".join(OFFICIAL_HEADER)}
b,negative,0,1,1,0,0,0,0,0,1,0,1,0,0,0,0,1,0
a,positive,1,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(function, *arguments, **options):
    with pytest.raises(RunFileError) as caught:
        function(*arguments, **options)
    return "\n".join(caught.value.problems)


def test_the_bytes_of_a_run():
    assert format_run(OFFICIAL, IDS, LABELS) == RUN.encode()
    assert find_problems(format_run(OFFICIAL, IDS, LABELS), IDS, OFFICIAL) == []


def test_labels_are_joined_by_id_never_by_position():
    shuffled = {subtask: dict(reversed(of_task.items())) for subtask, of_task in LABELS.items()}
    assert format_run(OFFICIAL, IDS, shuffled) == RUN.encode()


def test_columns_follow_the_header_wherever_it_has_them():
    header = Header(TASK, ("id", *OFFICIAL_HEADER[9:], *OFFICIAL_HEADER[2:9], "T1"))
    rows = format_run(header, IDS, LABELS).decode().splitlines()
    assert rows[1] == "b,0,1,0,1,0,0,0,0,1,0,0,1,1,0,0,0,0,negative"


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_, bool, int])
@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_every_kind_of_zero_and_one_is_written_as_a_digit(kind, container):
    labels = {"subtask2": {key: container([kind(one) for one in row]) for key, row in LABELS["subtask2"].items()}}
    data = format_run(OFFICIAL.only(["subtask2"]), IDS, labels)
    assert data.decode().splitlines()[1:] == ["b,0,1,1,0,0,0,0", "a,1,0,0,0,0,1,0"]


INTEGERS = "expected integers of 0 or 1 (apply the threshold first)"
FAULTS = [  # subtask, what stands for image a, what is told
    ("subtask2", (1.0, 0, 0, 0, 0, 0, 0), f"subtask2: got (1.0, 0, 0, 0, 0, 0, 0) for 'a'; {INTEGERS}"),
    ("subtask2", np.full(7, 0.73), INTEGERS),
    ("subtask2", (2, 0, 0, 0, 0, 0, 0), INTEGERS),
    ("subtask2", ("1", 0, 0, 0, 0, 0, 0), INTEGERS),
    ("subtask2", (None, 0, 0, 0, 0, 0, 0), INTEGERS),
    ("subtask2", (0, 0), "subtask2: got (0, 0) for 'a'; expected 7 values of 0 or 1"),
    ("subtask2", "0000000", "subtask2: got '0000000' for 'a'; expected 7 values of 0 or 1"),
    ("subtask2", 1, "subtask2: got 1 for 'a'; expected 7 values of 0 or 1"),
    ("subtask1", "Negative", "subtask1: got 'Negative' for 'a'; expected one of negative, neutral, positive"),
    ("subtask1", 0, "subtask1: got 0 for 'a'; expected one of negative, neutral, positive"),
    ("subtask1", None, "subtask1: got None for 'a'; expected one of negative, neutral, positive"),
]  # fmt: skip


@pytest.mark.parametrize(("subtask", "label", "told"), FAULTS)
def test_a_label_outside_its_domain_is_refused(subtask, label, told):
    spoilt = {**LABELS, subtask: {**LABELS[subtask], "a": label}}
    assert told in refused(format_run, OFFICIAL, IDS, spoilt)


def test_all_problems_of_ids_are_told_at_once_first_few_and_count():
    ids = ["a", "b", "x,y", 'q"q', "b", " z", "", *map(str, range(8))]
    told = refused(format_run, OFFICIAL, ids, {**LABELS, "subtask1": {**LABELS["subtask1"], "c": "neutral"}})
    assert "ids: got 'x,y', 'q\"q' (2); expected ids without comma, quote and line end" in told
    assert "ids: got ' z', '' (2); expected ids that are not empty and have no blanks around" in told
    assert "ids: got 'b' (1) more than once" in told
    told_forms = refused(format_run, OFFICIAL, ["\u00fc", "u\u0308"], LABELS)
    assert "ids: got 'u\u0308' (1) in two Unicode forms; expected each image once" in told_forms
    assert "subtask1: got ids without a label: 'x,y', 'q\"q', ' z', '', '0' and 7 more (12)" in told
    assert "subtask1: got labels for ids that are not in the test list: 'c' (1)" in told
    assert "ids: got 7 (1); expected text" in refused(format_run, OFFICIAL, [7], LABELS)
    assert "ids: got none" in refused(format_run, OFFICIAL, [], {})
    assert "expected valid UTF-8" in refused(format_run, OFFICIAL, ["\udce9"], {})


def test_a_header_that_cannot_be_written_is_refused():
    for header, told in [
        (["T1"], "got 'T1' as its first column; expected the column of ids"),
        (["id"], "no column of any subtask"),
        (["id", "T1", "mood"], "got 'mood'; expected only columns of the task"),
        (["id", "T1", "T1"], "'T1' twice"),
        (["id", "T1: a, b"], "headings with a comma"),
        (["id", "T2.1: Joy"], "only some columns of subtask2; expected all. Add 'T2.2: Sadness'"),
        (OFFICIAL_HEADER, "subtask3: got no labels"),
    ]:
        assert told in refused(
            format_run, Header(TASK, tuple(header)), IDS, {name: LABELS[name] for name in ("subtask1", "subtask2")}
        )


def test_the_header_is_the_dev_sets_own(tmp_path):
    own = Header.complete(TASK, [cell.replace("Emphatic", "Empathetic") for cell in OFFICIAL_HEADER])
    write_run(tmp_path / "run.csv", own, IDS, LABELS)
    assert read_run(tmp_path / "run.csv", own).header == own.cells
    assert "heading-changed" in refused(read_run, tmp_path / "run.csv", OFFICIAL)


def test_a_run_is_written_and_its_hash_returned(tmp_path):
    path = tmp_path / "run.csv"
    assert write_run(path, OFFICIAL, IDS, LABELS) == hashlib.sha256(RUN.encode()).hexdigest()
    assert path.read_text() == RUN
    assert names(tmp_path) == ["run.csv"]


def test_a_run_of_some_subtasks_is_written_where_it_is_meant(tmp_path):
    header = OFFICIAL.only(["subtask1", "subtask2"])
    assert "[partial]" in refused(write_run, tmp_path / "run.csv", header, IDS, LABELS)
    write_run(tmp_path / "run.csv", header, IDS, LABELS, partial=True)
    assert list(read_run(tmp_path / "run.csv", OFFICIAL).labels) == ["subtask1", "subtask2"]


@given(st.data())
def test_what_is_written_is_what_is_read(tmp_path_factory, data):
    letters = st.characters(codec="utf-8", exclude_characters=',"\r\n\0/\\')
    image_ids = st.text(letters, min_size=1, max_size=8).filter(lambda name: name == name.strip())
    ids = data.draw(st.lists(image_ids, min_size=1, max_size=5, unique=True))
    subtasks = data.draw(st.lists(st.sampled_from(TASK.names), min_size=1, unique=True))
    labels = {}
    for subtask in map(TASK.__getitem__, subtasks):
        bits = st.tuples(*[st.integers(0, 1)] * len(subtask.labels))
        labels[subtask.name] = {
            name: data.draw(bits if subtask.multi_label else st.sampled_from(subtask.labels))
            for name in data.draw(st.permutations(ids))
        }
    path = tmp_path_factory.mktemp("any") / "run.csv"
    write_run(path, OFFICIAL.only(subtasks), ids, labels, partial=True)
    table = read_run(path, OFFICIAL)
    assert table.ids == tuple(ids)
    assert table.labels == labels
    # the lenient reader reads the same, but for ids that look like file names
    if not any(name.lower().endswith((".jpg", ".jpeg", ".png", ".webp")) or name in (".", "..") for name in ids):
        assert read_labels(path, TASK) == table


def test_reading_tells_all_problems_of_the_form(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text(RUN.replace("negative", "Negative").replace("\n", "\r\n"), newline="")
    told = refused(read_run, path, OFFICIAL)
    assert "[cell-case]" in told
    assert "[line-ends-crlf]" in told
    assert "[file-absent]" in refused(read_run, tmp_path / "absent.csv", OFFICIAL)
    assert "[file-unreadable]" in refused(read_run, tmp_path, OFFICIAL)


@pytest.fixture
def existing(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("as it was")
    yield path
    assert path.read_text() == "as it was"
    assert names(tmp_path) == ["run.csv"]  # and no temporary file beside it


def test_a_refused_run_leaves_the_existing_file_alone(existing):
    labels = {**LABELS, "subtask1": {"a": "happy", "b": "neutral"}}
    assert "happy" in refused(write_run, existing, OFFICIAL, IDS, labels)


def test_a_full_disk_leaves_the_existing_file_alone(existing, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    told = refused(write_run, existing, OFFICIAL, IDS, LABELS)
    assert "cannot be written (No space left on device). Nothing was changed" in told


def test_an_interrupt_leaves_the_existing_file_alone(existing, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_run(existing, OFFICIAL, IDS, LABELS)


def test_a_folder_that_is_not_there_and_a_target_that_is_a_folder(tmp_path):
    assert "cannot be written" in refused(write_run, tmp_path / "absent" / "run.csv", OFFICIAL, IDS, LABELS)
    (tmp_path / "run.csv").mkdir()
    assert "cannot be written" in refused(write_run, tmp_path / "run.csv", OFFICIAL, IDS, LABELS)
    assert names(tmp_path) == ["run.csv"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "run.csv").symlink_to(tmp_path / "real.csv")
    write_run(tmp_path / "run.csv", OFFICIAL, IDS, LABELS)
    assert (tmp_path / "run.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == RUN
