"""A repaired file is the sound one where a fault loses nothing; what has two readings stays, and is named."""

import json

import numpy as np
import pytest

from submission.__main__ import main
from submission.check import find_problems
from submission.desk.repair import repaired, write_repaired
from submission.errors import RunFileError
from submission.faults import FORM, faults_of, spoil
from submission.task import Subtask, Task
from submission.taskfile import load_task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

IDS = ["b1", "c", "a", "007"]
HEADER = ",".join(TASK.header.cells)
SOUND = f"""\
{HEADER}
b1,negative,0,1,1,0,0,0,0,0,1,0,1,0,0,0,0,1,0
c,neutral,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0
a,positive,1,0,0,0,0,1,0,0,0,0,0,0,0,1,1,0,1
007,negative,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0
"""
LOSES = {  # faults after which the file does not say what it said
    "empty file", "header only", "column missing", "line cut short", "one probability", "one empty cell", "one nan",
    "one 2", "class numbers in T1", "an id left out", "an unknown id", "subtask1 alone",
}  # fmt: skip


@pytest.fixture
def of(tmp_path):
    def repair(data, ids=IDS, header=TASK.header):
        (tmp_path / "run.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
        return repaired(tmp_path / "run.csv", ids, header)

    return repair


@pytest.mark.parametrize("fault", [one for one in faults_of(TASK) if one.kind == FORM], ids=lambda one: one.name)
def test_every_fault_of_form_that_loses_nothing_is_undone(fault, of):
    data = spoil(fault, SOUND.encode(), np.random.default_rng(0))
    if data is None:
        return
    repair = of(data)
    assert (repair.data == SOUND.encode() and repair.ok) == (fault.name not in LOSES)
    assert {problem.code for problem in (*repair.corrected, *repair.left)} >= {
        problem.code for problem in repair.report.problems
    }
    if repair.data is not None:
        assert list(repair.left) == find_problems(repair.data, IDS, TASK.header)


def test_several_faults_at_once(of):
    lines = SOUND.replace("T3.10:surprise", "T3.10: Surprise").replace("negative", "Negative ").splitlines()
    lines[1:] = ['"' + line.replace(",", '";"').replace('"0"', '"0.0"') + '"' for line in lines[:0:-1]]
    repair = of("\ufeff" + "sep=;\r\n" + "\r\n".join([lines[0].replace(",", ";"), "", *lines[1:]]))
    assert repair.data == SOUND.encode()
    assert {problem.code for problem in repair.corrected} == {
        "bom", "sep-line", "delimiter", "line-ends-crlf", "no-final-newline", "quoted", "heading-changed", "blank-line",
        "cell-case", "cell-float", "row-order",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        # the number says T2.2, the name T2.3
        (lambda text: text.replace("T2.2: Sadness", "T2.2: Fear"), ["heading-contradicts"]),
        # one id with two answers
        (lambda text: text + "c,positive,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0\n", ["ids-duplicated"]),
        # an unknown column in place of one that is expected
        (lambda text: text.replace("T2.2: Sadness", "sad"), ["heading-changed"]),
        # B1 may be b1, or not: the list has both
        (lambda text: text.replace("\nc,", "\nB1,"), ["ids-missing", "id-case", "ids-duplicated"]),
    ],
)
def test_what_has_two_readings_is_not_touched(change, codes, of):
    ids = [*IDS]
    repair = of(change(SOUND), ids)
    assert repair.data is not None
    assert [problem.code for problem in repair.left] == codes
    assert not repair.ok
    assert repair.corrected == ()


def test_quotes_that_do_not_pair_up_leave_the_file_as_it_is(of):
    repair = of(SOUND.replace("b1,neg", '"b1,neg'))
    assert repair.data is None
    assert "not written: what the file says as a whole has no single reading" in repair.text("fixed.csv")


def test_bytes_in_an_old_encoding_are_read_where_the_list_proves_the_letters(of):
    data = SOUND.replace("\nc,", "\ncafé,").encode("latin-1")
    assert of(data, ["b1", "café", "a", "007"]).data == SOUND.replace("\nc,", "\ncafé,").encode()
    assert of(data, None).data is None


def test_a_number_that_may_be_two_ids_stays(of):
    """Written as 9.126296864585686e+17, an id of 18 digits may be any of a hundred others."""
    task = Task("tweets", (Subtask("flood", "F", ("flood",), ("flood",), multi_label=True),))
    ids = ["912629686458568704", "912629686458568705", "5"]
    repair = of("id,flood\n9.126296864585687e+17,1\n5.0,0\n", ids, task.header)
    assert repair.data == b"id,flood\n5,0\n9.126296864585687e+17,1\n"


def test_the_file_itself_is_never_written_over(tmp_path, of):
    repair = of(SOUND.replace("\n", "\r\n"))
    with pytest.raises(RunFileError, match="got a file that exists; expected a new name"):
        write_repaired(repair, tmp_path / "run.csv")
    write_repaired(repair, tmp_path / "fixed.csv")
    assert (tmp_path / "fixed.csv").read_text() == SOUND


def test_the_command_lists_corrections_and_what_is_left(tmp_path, capsys):
    (tmp_path / "ids.csv").write_text("id\n" + "\n".join(IDS) + "\n")
    (tmp_path / "run.csv").write_text(SOUND.replace("c,neutral,0", "c.jpg,neutral,0.7").replace("a,pos", "a,Pos"))
    call = ["repair", str(tmp_path / "run.csv"), str(tmp_path / "out.csv"), "--ids", str(tmp_path / "ids.csv")]
    assert main(call) == 1
    *corrected, left, last = capsys.readouterr().out.splitlines()
    assert [line.rpartition("[")[2] for line in corrected] == ["id-extension]", "cell-case]"]
    assert left.startswith(f"not touched: {tmp_path}/out.csv:3: T2.1: Joy: got '0.7'; expected 0 or 1.")
    assert last == f"{tmp_path}/out.csv: 2 corrections, 1 problem left"
    assert main([*call[:2], str(tmp_path / "other.csv"), *call[3:], "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["written"], printed["ok"], len(printed["corrected"]), len(printed["left"])) == (True, False, 2, 1)


def test_a_task_whose_cells_hold_blanks_and_are_separated_by_a_comma_and_a_blank(tmp_path):
    task = load_task("motility2022")
    header = ", ".join(task.header.cells)
    (tmp_path / "run.csv").write_text(f"\ufeff{header}\r\n1, 25, 70, 5\r\n2,30,60 , 10\r\n")
    repair = repaired(tmp_path / "run.csv", ["1", "2"], task.header)
    assert repair.data == f"{header}\n1, 25, 70, 5\n2, 30, 60, 10\n".encode()
