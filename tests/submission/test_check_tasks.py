"""Run files of other tasks: a sound one of every kind has no problems, every fault is a problem of its own code."""

from dataclasses import replace

import pytest

from submission.__main__ import main
from submission.check import find_problems
from submission.compare import difference, read_compared
from submission.kinds import ConstantKind, LabelKind, RankKind, ScoreKind, SetKind
from submission.layout import Layout
from submission.patterns import Pattern
from submission.problems import describe
from submission.task import Subtask, Task
from submission.taskfile import load_task, parse_task
from tests.submission.test_check import OF_OTHER_TASKS

SYNTHIM, FLOOD = load_task("synthim2025"), load_task("flood2020")
MOTILITY, MEMORABILITY, RANKED = load_task("motility2022"), load_task("memorability2026"), load_task("ranked")
CODES = SetKind(separator=";", item=Pattern.parse("C[0-9]{4}"), most=3, empty=True)
CAPTIONS = Task(
    "captions",
    (
        Subtask("concepts", "codes", ("codes",), (), multi_label=True, kinds=(CODES,)),
        Subtask("stars", "stars", ("stars",), ("1", "2", "3"), multi_label=False, kinds=(LabelKind(("1", "2", "3")),)),
    ),
    layout=Layout(container="tsv", order="list", line_end="crlf"),
)

SYNTHIM_RUN = """\
image_id,prob,label,threshold
fH5g.jpg,0.73,1,0.5
a.png,0.2,0,0.5
x.jpg,0.5,1,0.5
"""
FLOOD_RUN = "1090969737671131140,0\n1090969737671131141,1\n1090969737671131142,1\n"
MOTILITY_RUN = """\
ID, Progressive motility (%), Non progressive sperm motility (%), Immotile sperm (%)
1, 25, 50, 25
2, 33.3, 33.3, 33.4
3, 1e-1, 99.9, 0
"""
MEMORABILITY_RUN = """\
video_id,id,memorability_score,brand_memorability
_HaSVQSRwVI,1,0.7,-1.5
2_tqQILf2Pk,2,1e-05,3
n-G3k9QSSgY,3,1,0.25
"""
RANKED_RUN = """\
q1 Q0 d1 1 9.5 us
q1 Q0 d2 2 9.5 us
q1 Q0 d3 3 -1 us
q2 Q0 d1 1 0.1 us
"""
CAPTIONS_RUN = "id\tcodes\tstars\r\na\tC0001;C0002\t1\r\nb\t\t3\r\nc\tC0001\t2\r\n"
RUNS = {
    SYNTHIM.name: (SYNTHIM, SYNTHIM_RUN, ["fH5g.jpg", "a.png", "x.jpg"]),
    FLOOD.name: (FLOOD, FLOOD_RUN, ["1090969737671131140", "1090969737671131141", "1090969737671131142"]),
    MOTILITY.name: (MOTILITY, MOTILITY_RUN, ["1", "2", "3"]),
    MEMORABILITY.name: (MEMORABILITY, MEMORABILITY_RUN, ["_HaSVQSRwVI", "2_tqQILf2Pk", "n-G3k9QSSgY"]),
    RANKED.name: (RANKED, RANKED_RUN, ["q1", "q2"]),
    CAPTIONS.name: (CAPTIONS, CAPTIONS_RUN, ["a", "b", "c"]),
}


def codes(task, text, ids):
    return {problem.code for problem in find_problems(text.encode(), ids, task.header)}


@pytest.mark.parametrize("name", RUNS)
def test_a_sound_run_of_every_kind_has_no_problems(name):
    task, run, ids = RUNS[name]
    assert find_problems(run.encode(), ids, task.header) == []
    assert find_problems(run.encode(), None, task.header) == []


FAULTS = [  # task, what is replaced (all of it), by what, the codes that tell it
    (SYNTHIM, "0.73", "1.2", "cell-range"),
    (SYNTHIM, "0.73", "-0.1", "cell-range"),
    (SYNTHIM, "0.73", "73%", "cell-not-number"),
    (SYNTHIM, "0.73", "inf", "cell-not-number"),
    (SYNTHIM, "0.73", "", "cell-empty"),
    (SYNTHIM, "0.73", "nan", "cell-nan"),
    (SYNTHIM, "0.73", " 0.73", "cell-blanks"),
    (SYNTHIM, "0.73", "true", "cell-boolean"),
    (SYNTHIM, ",1,", ",1.0,", "cell-float"),
    (SYNTHIM, "0.73,1", "0.73,0.73", "cell-probability"),
    (SYNTHIM, "0.73,1", "0.73,0", "rule-threshold"),
    (SYNTHIM, "0.5,1,0.5", "0.5,1,0.4", "constant-varies"),
    (SYNTHIM, "0.5\na", "0.50\na", ""),  # the same number
    (SYNTHIM, "fH5g.jpg", "fH5g", "id-extension"),
    (SYNTHIM, "fH5g.jpg", "fH5g.png", "id-extension"),
    (SYNTHIM, "fH5g.jpg", "fh5g.jpg", "id-case"),
    (SYNTHIM, "fH5g.jpg", "test/fH5g.jpg", "id-path"),
    (SYNTHIM, ",threshold", "", "column-missing cell-count"),
    (SYNTHIM, "image_id,prob,label,threshold\n", "", "header-absent"),
    (SYNTHIM, ",", ", ", "heading-changed cell-blanks"),
    (SYNTHIM, ",", ";", "delimiter"),
    (SYNTHIM, ",", " ", "delimiter"),
    (SYNTHIM, ".jpg,0.73,1,0.5", ".jpg,0.73,1", "cell-count"),
    (FLOOD, "1090969737671131140,0", "tweet_id,relevant\n1090969737671131140,0", "header-unexpected"),
    (FLOOD, "1090969737671131140,0", "image,prediction\n1090969737671131140,0", "header-unexpected"),
    (FLOOD, "1090969737671131140,", "1.0909697376711311e+18,", "id-number"),
    (FLOOD, ",", ", ", "cell-blanks"),
    (FLOOD, ",", " ", "delimiter"),
    (FLOOD, ",", "\t", "delimiter"),
    (FLOOD, ",1", ",0.9", "cell-probability"),
    (FLOOD, ",1", ",yes", "cell-boolean"),
    (FLOOD, ",1", "", "cell-count"),
    (FLOOD, FLOOD_RUN, "", "file-empty"),
    (MOTILITY, ", ", ",", "delimiter"),
    (MOTILITY, "1, 25, 50", "1, 25,50", "delimiter"),
    (MOTILITY, "1, 25, 50, 25", "1, 25, 75, 25", "rule-sum"),
    (MOTILITY, "99.9", "199.9", "cell-range"),
    (MOTILITY, "25, 50", "25,  50", "cell-blanks"),
    (MOTILITY, ", ", ";", "delimiter"),
    (MOTILITY, "Immotile", "Immobile", "heading-changed"),
    (MEMORABILITY, "-1.5", "high", "cell-not-number"),
    (MEMORABILITY, "-1.5", "-1,5", "cell-count"),
    (MEMORABILITY, "_HaSVQSRwVI,1", "_HaSVQSRwVI,", "cell-empty"),
    (MEMORABILITY, "video_id,id", "id,video_id", "columns-reordered ids-extra ids-missing"),
    (RANKED, "q1 Q0 d1 1", "q1 0 d1 1", "constant-wrong"),
    (RANKED, "Q0", "q0", "cell-case"),
    (RANKED, " 1 9.5", " 0 9.5", "cell-range"),
    (RANKED, " 1 9.5", " 1.0 9.5", "cell-float"),
    (RANKED, " 1 9.5", " first 9.5", "cell-not-number"),
    (RANKED, "d3 3", "d3 4", "rank-gap"),
    (RANKED, "d3 3", "d3 2", "rank-repeated"),
    (RANKED, "d3 3", "d1 3", "rank-document-repeated"),
    (RANKED, "-1 us", "99 us", "rank-score-increases"),
    (RANKED, " ", "  ", "delimiter"),
    (RANKED, " ", "\t", "delimiter"),
    (RANKED, "q2", "q3", "ids-missing ids-extra"),
    (RANKED, "q1 Q0 d1", "topic Q0 doc rank score tag\nq1 Q0 d1", "header-unexpected"),
    (CAPTIONS, "C0001;C0002", "C0001;X", "set-item"),
    (CAPTIONS, "C0001;C0002", "C0001;", "set-item"),
    (CAPTIONS, "C0001;C0002", "C0001;C0001", "set-repeated"),
    (CAPTIONS, "C0001;C0002", "C0001; C0002", "cell-blanks"),
    (CAPTIONS, "C0001;C0002", "C0001;C0002;C0003;C0004", "set-too-many"),
    (CAPTIONS, "C0001;C0002", "C0001;C0001;C0003;X", "set-too-many set-item set-repeated"),
    (CAPTIONS, "C0001;C0002", "nan", "cell-nan"),
    (CAPTIONS, "\t1\r", "\t1.0\r", "cell-float"),
    (CAPTIONS, "\t1\r", "\t7\r", "cell-number"),
    (CAPTIONS, "\t1\r", "\tone\r", "cell-word"),
    (CAPTIONS, "\r\n", "\n", "line-ends-lf"),
    (CAPTIONS, "\r\n", "\r", "line-ends-cr"),
    (CAPTIONS, "\t", ",", "delimiter"),
    (CAPTIONS, "a\tC0001;C0002\t1\r\nb\t\t3", "b\t\t3\r\na\tC0001;C0002\t1", "row-order"),
]


@pytest.mark.parametrize(("task", "old", "new", "told"), FAULTS, ids=lambda value: getattr(value, "name", None))
def test_each_fault_is_reported_as_what_it_is(task, old, new, told):
    _, run, ids = RUNS[task.name]
    assert old in run
    assert codes(task, run.replace(old, new), ids) == set(told.split())


def test_every_code_that_2021_lacks_is_produced_by_some_fault():
    produced = {code for *_, told in FAULTS for code in told.split()}
    assert produced | {"rank-too-many", "id-pattern"} >= OF_OTHER_TASKS  # these two: below


def test_the_organisers_own_sample_row_is_one_problem():
    header = MOTILITY_RUN.splitlines()[0]
    (problem,) = find_problems(f"{header}\n1, 25, 75, 25\n".encode(), ["1"], MOTILITY.header)
    assert describe(problem, "run.csv").startswith(
        "run.csv:2: got '125'; expected 'Progressive motility (%)', 'Non progressive sperm motility (%)' and 'Immotile "
        "sperm (%)' to sum up to 100, within 0.01."
    )


def test_what_is_wrong_in_many_rows_is_one_problem_with_its_count():
    rows = "".join(f"i{n}.jpg,0.7,0,{n % 3}\n" for n in range(1, 1000))
    text = (SYNTHIM_RUN.splitlines()[0] + "\n" + rows).encode()
    told = {problem.code: problem for problem in find_problems(text, None, SYNTHIM.header)}
    assert set(told) == {"constant-varies", "cell-range", "rule-threshold"}
    assert told["cell-range"].actual == "'2' in 333 cells, first on line 3"
    assert told["constant-varies"].actual == "2 values: '1' in 333 cells, '0' in 333 cells"
    assert told["constant-varies"].line == 4
    assert told["rule-threshold"].actual == "'0 at 0.7 with the threshold 0' in 333 rows, first on line 4"


def test_rows_are_settled_in_parts_with_the_same_result(monkeypatch):
    texts = [run.replace(old, new) for task, old, new, _ in FAULTS for _, run, _ in [RUNS[task.name]]]
    tasks = [task for task, *_ in FAULTS]
    whole = [find_problems(text.encode(), None, task.header) for task, text in zip(tasks, texts, strict=True)]
    monkeypatch.setattr("submission.check.body._AT_ONCE", 2)
    parts = [find_problems(text.encode(), None, task.header) for task, text in zip(tasks, texts, strict=True)]
    assert parts == whole


def test_two_rules_are_two_problems():
    task = parse_task(
        """
        name = "shares"
        [id]
        column = "id"
        [[columns]]
        headings = ["a", "b", "c", "d"]
        type = "score"
        [[rules]]
        rule = "sum"
        columns = ["a", "b"]
        total = 1
        [[rules]]
        rule = "sum"
        columns = ["c", "d"]
        total = 1
        [[metrics]]
        metric = "mae"
        """,
        "shares.toml",
    )
    found = find_problems(b"id,a,b,c,d\nx,0.1,0.9,0.3,0.7\ny,0.2,0.9,0.3,0.8\nz,0.2,0.9,0.3,0.7\n", None, task.header)
    assert [(problem.code, problem.line, problem.actual) for problem in found] == [
        ("rule-sum", 3, "'1.1' in 2 rows, first on line 3"),
        ("rule-sum", 3, "'1.1'"),
    ]


def test_lists_are_judged_by_query_wherever_their_rows_stand():
    rows = ["q2 Q0 d1 1 5 us", "q1 Q0 d2 2 1 us", "q2 Q0 d2 2 4 us", "q1 Q0 d1 1 2 us"]
    assert codes(RANKED, "\n".join(rows) + "\n", ["q2", "q1"]) == set()
    assert codes(RANKED, "\n".join(rows).replace("1 2 us", "1 0.5 us") + "\n", None) == {"rank-score-increases"}
    many = "".join(f"q1 Q0 d{n} {n} 0 us\n" for n in range(1, 102))
    (problem,) = find_problems(many.encode(), None, RANKED.header)
    assert (problem.code, problem.line, problem.expected) == (
        "rank-too-many",
        101,
        "at most 100 documents of each query",
    )
    assert problem.actual == "1 ranked list: 'q1'"
    kinds = (RankKind(first=0), ScoreKind())
    zero = Task("zero", (Subtask("zero", "rank", ("rank", "score"), (), multi_label=False, kinds=kinds),))
    assert codes(zero, "id,rank,score\nq,0,3\nq,1,2\n", ["q"]) == set()
    assert codes(zero, "id,rank,score\nq,1,3\nq,2,2\n", ["q"]) == {"rank-gap"}


@pytest.mark.parametrize(
    ("layout", "rows", "told"),
    [
        (Layout(order="list"), "bac", ""),
        (Layout(order="list"), "abc", "row-order"),
        (Layout(order="sorted"), "abc", ""),
        (Layout(order="sorted"), "bac", "row-order"),
        (Layout(coverage="subset"), "ba", ""),
        (Layout(coverage="subset"), "bax", "ids-extra"),
        (Layout(coverage="extra"), "bacx", ""),
        (Layout(coverage="extra"), "bax", "ids-missing"),
        (Layout(coverage="extra", order="list"), "xabc", "row-order"),
    ],
)
def test_order_and_coverage_are_the_tasks(layout, rows, told):
    task = replace(CAPTIONS, subtasks=CAPTIONS.subtasks[1:], columns=(), layout=layout)
    text = "id,stars\n" + "".join(f"{image_id},1\n" for image_id in rows)
    problems = find_problems(text.encode(), ["b", "a", "c"], task.header)
    assert {problem.code for problem in problems if problem.severity == "error"} == set(told.split())


def test_without_a_list_ids_are_compared_with_what_the_task_says_of_them():
    assert codes(FLOOD, FLOOD_RUN.replace("1090969737671131140", "x"), None) == {"id-pattern"}
    assert codes(SYNTHIM, SYNTHIM_RUN.replace("x.jpg", "x"), None) == {"id-extension"}
    task = replace(CAPTIONS, subtasks=CAPTIONS.subtasks[1:], columns=(), layout=Layout(order="sorted"))
    (problem,) = find_problems(b"id,stars\nb,1\na,1\n", None, task.header)
    assert (problem.code, problem.severity, problem.line) == ("row-order", "error", 2)


def test_a_constant_may_be_a_label_and_a_label_a_number():
    kinds = (LabelKind(("1", "2")), ConstantKind(kind=LabelKind(("us", "them"))))
    task = Task("t", (Subtask("t", "t", ("n", "team"), ("1", "2"), multi_label=False, kinds=kinds),))
    assert codes(task, "id,n,team\na,1,us\nb,2,us\n", None) == set()
    assert codes(task, "id,n,team\na,1,us\nb,2,them\n", None) == {"constant-varies"}
    assert codes(task, "id,n,team\na,1,us\nb,2,you\n", None) == {"cell-word"}


def test_the_command_takes_a_task_and_its_ids_from_a_list_or_the_truth(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ME20FMT_us_001.txt").write_text(FLOOD_RUN)
    (tmp_path / "ids.json").write_text('["1090969737671131140", "1090969737671131141", "1090969737671131142"]')
    (tmp_path / "gt.json").write_text('[{"1090969737671131140": 0}, {"1090969737671131141": 1}]')
    run = ["check", "ME20FMT_us_001.txt", "--task", "flood2020"]
    assert main([*run, "--ids", "ids.json"]) == 0
    assert main([*run, "--data", "ids.json"]) == 0
    assert capsys.readouterr().out.count("3 rows of flood2020, no problems") == 2
    assert main([*run, "--truth", "gt.json"]) == 1
    assert "ME20FMT_us_001.txt:3: got 1 id: '1090969737671131142'; expected only the ids of" in capsys.readouterr().out
    (tmp_path / "lists.txt").write_text(RANKED_RUN)
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\nq1 0 d2 0\nq2 0 d9 1\n")
    assert main(["check", "lists.txt", "--task", "ranked", "--truth", "qrels.txt"]) == 0


def test_two_runs_of_any_kind_differ_where_their_cells_do(tmp_path):
    def between(task, run, other):
        for name, text in (("a", run), ("b", other)):
            (tmp_path / name).write_bytes(text.encode())
        found = difference(*(read_compared(tmp_path / name, task) for name in "ab"), task)
        return [(flip.image_id, flip.label, flip.first, flip.second) for flip in found.flips], found.compared

    assert between(SYNTHIM, SYNTHIM_RUN, SYNTHIM_RUN.replace("0.73", "0.74")) == (
        [("fH5g.jpg", "prob", "0.73", "0.74")],
        {"detection": 9},
    )
    assert between(CAPTIONS, CAPTIONS_RUN, CAPTIONS_RUN.replace("C0001;", ""))[0] == [
        ("a", "codes", "C0001;C0002", "C0002")
    ]
    other = RANKED_RUN.replace("d3 3 -1", "d4 3 -1").replace(
        "q2 Q0 d1 1 0.1 us\n", "q2 Q0 d1 1 1 us\nq2 Q0 d2 2 0 us\n"
    )
    assert between(RANKED, RANKED_RUN, other) == (
        [
            ("q1", "rank 3", "d3 (-1)", "d4 (-1)"),
            ("q2", "rank 1", "d1 (0.1)", "d1 (1)"),
            ("q2", "rank 2", "", "d2 (0)"),
        ],
        {"ranked": 5},
    )
    assert between(FLOOD, FLOOD_RUN, FLOOD_RUN.replace(",0", ",1"))[0] == [
        ("1090969737671131140", "relevant", "0", "1")
    ]


@pytest.mark.parametrize(
    ("written", "code"),
    [("1070243497331040000", "id-number"), ("1.07024E+18", "id-number"), ("1070243497331999999", "ids-extra")],
)
def test_ids_that_lost_their_digits_are_not_those_of_other_images(written, code):
    """A spreadsheet keeps 15 digits, and shows 6; another id of as many digits is another id."""
    ids = ["1070243497331040256", "1058083897672646656"]
    data = f"{written},1\n{ids[1]},0\n".encode()
    found = {problem.code for problem in find_problems(data, ids, load_task("flood2020").header)}
    assert code in found and not {"id-number", "ids-extra"} - {code} & found
