"""A sound run has no problems; every fault gives its code. The faults are one table."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.check import check_file, find_problems
from submission.problems import CODES, WARNINGS, describe
from submission.task import Header
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

# what a run of 2021 cannot have: its faults are in test_check_tasks.py
OF_OTHER_TASKS = {
    *("line-ends-lf", "header-unexpected", "cell-not-number", "cell-range", "set-item", "set-repeated", "set-too-many"),
    *("constant-wrong", "constant-varies", "rule-sum", "rule-threshold", "rank-gap", "rank-repeated"),
    *("rank-score-increases", "rank-too-many", "rank-document-repeated", "id-pattern"),
}
OFFICIAL = TASK.header
OFFICIAL_HEADER = OFFICIAL.cells

IDS = ["b", "c", "a", "007"]
HEADER = ",".join(OFFICIAL_HEADER)
SOUND = f"""\
{HEADER}
b,negative,0,1,1,0,0,0,0,0,1,0,1,0,0,0,0,1,0
c,neutral,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0
a,positive,1,0,0,0,0,1,0,0,0,0,0,0,0,1,1,0,1
007,negative,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0
"""


def codes(source, ids=IDS, header=OFFICIAL, **options):
    text = source.encode() if isinstance(source, str) else source
    return {problem.code for problem in find_problems(text, ids, header, **options)}


def lines(change):
    """The sound run with its lines changed by `change(lines)`."""

    def spoil():
        changed = SOUND.splitlines()
        changed = change(changed) or changed
        return "\n".join(changed) + "\n"

    return spoil


def line(number, change):
    return lines(lambda all_: all_.__setitem__(number - 1, change(all_[number - 1])))


def every(change):
    return lines(lambda all_: [change(one) for one in all_])


def columns(change):
    """The sound run with the cells of every line changed by `change(cells)`, the header among them."""
    return every(lambda one: ",".join(change(one.split(","))))


def cell(heading, value, number=2):
    place = OFFICIAL_HEADER.index(heading)
    return line(number, lambda one: ",".join([*one.split(",")[:place], value, *one.split(",")[place + 1 :]]))


def heading(old, new):
    return lambda: SOUND.replace(old, new, 1)


def text(change):
    return lambda: change(SOUND)


def swap(cells, first, second):
    cells[first], cells[second] = cells[second], cells[first]
    return cells


FAULTS = [  # what was done to the sound run, how, the codes that tell it
    # the file
    ("emptied", lambda: "", "file-empty"),
    ("blank lines only", lambda: "\n\n", "file-empty"),
    ("saved in Latin-1", lambda: SOUND.replace("b,neg", "é,neg").encode("latin-1"), "not-utf8 ids-missing ids-extra"),
    ("saved in UTF-16", lambda: SOUND.encode("utf-16"), "not-utf8"),
    ("saved in UTF-32", lambda: SOUND.encode("utf-32"), "not-utf8"),
    ("saved in UTF-16 without mark", lambda: SOUND.encode("utf-16-le"), "nul-bytes"),
    ("a NUL within", line(3, lambda one: one.replace("c,", "c\0,")), "nul-bytes"),
    ("a workbook", lambda: b"PK\x03\x04 xl/workbook.xml", "not-csv"),
    ("compressed", lambda: gzip.compress(SOUND.encode()), "not-csv"),
    ("a page", lambda: "<!DOCTYPE html><html><body>Sign in</body></html>\n", "not-csv"),
    ("Excel's line", text(lambda run: "sep=,\n" + run), "sep-line"),
    ("Excel's line with its cells", text(lambda run: '"sep=,"' + "," * 18 + "\n" + run), "sep-line"),
    ("comments only", lambda: '\n# "run" 1\n,,\n', "file-empty"),
    ("a quoted row with semicolons over rows with commas",
     lines(lambda all_: ['"b";"negative";0', *all_[2:]]), "header-absent delimiter quoted cell-count"),
    ("a heading of 5,000 digits", heading("T1", "T" + "1" * 5000), "heading-changed"),
    ("a byte-order mark", lambda: SOUND.encode("utf-8-sig"), "bom"),
    ("Windows line ends", text(lambda run: run.replace("\n", "\r\n")), "line-ends-crlf"),
    ("old Mac line ends", text(lambda run: run.replace("\n", "\r")), "line-ends-cr"),
    ("no last line end", text(str.rstrip), "no-final-newline"),
    ("semicolons", every(lambda one: one.replace(",", ";")), "delimiter"),
    ("tabs", every(lambda one: one.replace(",", "\t")), "delimiter"),
    (
        "semicolons under a header with commas",
        lines(lambda all_: [all_[0], *(one.replace(",", ";") for one in all_[1:])]),
        "delimiter",
    ),
    ("everything quoted", columns(lambda cells: [f'"{one}"' for one in cells]), "quoted"),
    ("the header quoted", line(1, lambda one: '"' + one.replace(",", '","') + '"'), "quoted"),
    ("a quote that never closes", cell("T1", '"negative'), "quotes-unbalanced"),
    # the header
    ("no header", lines(lambda all_: all_[1:]), "header-absent"),
    ("two files put together", lines(lambda all_: [*all_[:3], all_[0], *all_[3:]]), "header-repeated"),
    ("T3.4 tidied", heading("Emphatic", "Empathetic"), "heading-changed"),
    ("T3.10 with a blank", heading("T3.10:surprise", "T3.10: surprise"), "heading-changed"),
    ("T3.10 with a capital", heading("T3.10:surprise", "T3.10: Surprise"), "heading-changed"),
    ("blanks before the headings", line(1, lambda one: one.replace(",", ", ")), "heading-changed"),
    ("emotions without numbers", heading("T2.3: Fear", "Fear"), "heading-changed"),
    ("the ids called image", heading("id,", "image,"), "heading-changed"),
    ("the ids called filename", heading("id,", "filename,"), "heading-changed"),
    ("the ids called nothing", heading("id,", ","), "heading-changed"),
    ("two emotions swapped", heading("T2.1: Joy,T2.2: Sadness", "T2.1: Sadness,T2.2: Joy"), "heading-contradicts"),
    ("two columns swapped", columns(lambda cells: swap(cells, 3, 4)), "columns-reordered"),
    ("T3 before T2", columns(lambda cells: [*cells[:2], *cells[9:], *cells[2:9]]), "columns-reordered"),
    ("the ids last", columns(lambda cells: [*cells[1:], cells[0]]), "columns-reordered"),
    ("headings sorted as text", line(1, lambda one: "id," + ",".join(sorted(one.split(",")[1:]))), "columns-reordered"),
    ("a column left out", columns(lambda cells: cells[:-1]), "column-missing"),
    ("the ids left out", columns(lambda cells: cells[1:]), "column-missing"),
    ("a column too many", columns(lambda cells: [*cells, "x" if cells[0] == "id" else "0"]), "column-extra"),
    ("a column twice", columns(lambda cells: [*cells[:4], *cells[3:]]), "column-duplicated"),
    ("pandas' index", lines(lambda all_: [f"{n or ''},{one}" for n, one in enumerate(all_)]), "index-column"),
    (
        "row numbers without a heading",
        lines(lambda all_: [all_[0], *(f"{n},{one}" for n, one in enumerate(all_[1:], 1))]),
        "index-column",
    ),
    ("subtask 1 alone", columns(lambda cells: cells[:2]), "partial"),
    ("subtask 2 left out", columns(lambda cells: cells[:2] + cells[9:]), "partial"),
    ("the ids alone", columns(lambda cells: cells[:1]), "no-label-columns"),
    # the lines
    ("the header alone", lines(lambda all_: all_[:1]), "no-rows"),
    ("a blank line within", lines(lambda all_: all_.insert(2, "")), "blank-line"),
    ("a blank line at the end", text(lambda run: run + "\n"), "blank-line"),
    ("an empty row of a spreadsheet", text(lambda run: run + "," * 18 + "\n"), "blank-line"),
    ("a comment before the header", text(lambda run: "# made by us\n" + run), "comment-line"),
    ("titles above the header", text(lambda run: "Our run,,\nTeam 7\n" + run), "comment-line"),
    ("a row commented out", line(3, lambda one: "#" + one), "comment-line ids-missing"),
    ("a comma behind every line", every(lambda one: one + ","), "trailing-delimiter"),
    ("a comma behind every row", lines(lambda all_: [all_[0], *(one + "," for one in all_[1:])]), "trailing-delimiter"),
    ("a line cut short", line(4, lambda one: one[:-6]), "cell-count"),
    ("a cell too many", line(4, lambda one: one + ",0"), "cell-count"),
    ("an id and nothing else", line(4, lambda one: one.split(",")[0]), "cell-count"),
    # the cells
    ("floats", text(lambda run: run.replace(",1", ",1.0").replace(",0", ",0.0")), "cell-float"),
    ("booleans", cell("T2.1: Joy", "True"), "cell-boolean"),
    ("a probability", cell("T2.3: Fear", "0.73"), "cell-probability"),
    ("a decimal comma", text(lambda run: run.replace(",", ";").replace(";0;0;0\n", ";0,2;0;0\n")),
     "delimiter cell-probability"),
    ("a very small probability", cell("T2.3: Fear", "1e-07"), "cell-probability"),
    ("an empty cell", cell("T3.1: Anger", ""), "cell-empty"),
    ("an empty T1", cell("T1", ""), "cell-empty"),
    ("nan", cell("T3.1: Anger", "nan"), "cell-nan"),
    ("NA in T1", cell("T1", "NA"), "cell-nan"),
    ("a capital", cell("T1", "Negative"), "cell-case"),
    ("a blank before a label", cell("T1", " negative"), "cell-blanks"),
    ("a blank behind a 1", cell("T3.9: Sadness", "1 "), "cell-blanks"),
    ("two", cell("T3.10:surprise", "2"), "cell-number"),
    ("minus one", cell("T2.7: Neutral", "-1"), "cell-number"),
    ("a label in T2", cell("T2.7: Neutral", "neutral"), "label-in-number-column"),
    ("an emotion in T2", cell("T2.1: Joy", "joy"), "cell-word"),
    ("a foreign word in T1", cell("T1", "happy"), "cell-word"),
    ("a class number in T1", cell("T1", "2"), "number-in-label-column"),
    ("cells slipped by one", lines(lambda all_: [all_[0], *(swap_first(one) for one in all_[1:])]),
     "number-in-label-column label-in-number-column"),
    # the ids
    ("an id left out", lines(lambda all_: all_[:2] + all_[3:]), "ids-missing"),
    ("an id of the dev set", text(lambda run: run + run.splitlines()[1].replace("b,", "d,") + "\n"), "ids-extra"),
    ("an id twice", text(lambda run: run + run.splitlines()[1] + "\n"), "ids-duplicated"),
    ("an id twice, once with extension", text(lambda run: run + run.splitlines()[1].replace("b,", "b.jpg,") + "\n"),
     "ids-duplicated id-extension"),
    ("no id", line(2, lambda one: one[1:]), "id-empty ids-missing"),
    ("extensions", lines(lambda all_: [all_[0], *(one.replace(",", ".jpg,", 1) for one in all_[1:])]), "id-extension"),
    ("capitals", line(3, str.upper), "id-case cell-case"),
    ("capitals and an extension", line(3, lambda one: one.replace("c,", "C.JPG,", 1)), "id-case id-extension"),
    ("a blank behind an id", line(3, lambda one: one.replace("c,", "c ,", 1)), "id-blanks"),
    ("brackets around an id", line(3, lambda one: one.replace("c,", "[c],", 1)), "id-wrapped"),
    ("a folder before an id", line(3, lambda one: "images/" + one), "id-path"),
    ("a folder of Windows", line(3, lambda one: "images\\" + one.replace(",", ".png,", 1)), "id-path id-extension"),
    ("an id read as a number", line(5, lambda one: one.replace("007", "7")), "id-number"),
    ("an id read as a float", line(5, lambda one: one.replace("007", "7.0")), "id-number"),
    ("sorted by id", lines(lambda all_: [all_[0], *sorted(all_[1:])]), "row-order"),
]  # fmt: skip


def swap_first(one):
    cells = one.split(",")
    return ",".join([cells[0], cells[2], cells[1], *cells[3:]])


def test_a_sound_run_has_no_problems():
    assert find_problems(SOUND.encode(), IDS, OFFICIAL) == []


@pytest.mark.parametrize(("spoil", "told"), [pytest.param(*fault[1:], id=fault[0]) for fault in FAULTS])
def test_each_fault_is_told_as_what_it_is(spoil, told):
    assert codes(spoil()) == set(told.split())


def test_every_code_is_produced_by_some_fault(tmp_path):
    produced = {code for _, _, told in FAULTS for code in told.split()}
    produced |= {problem.code for problem in find_problems(tmp_path / "absent.csv", IDS, OFFICIAL)}
    produced |= {problem.code for problem in find_problems(tmp_path, IDS, OFFICIAL)}  # a folder: file-unreadable
    in_two_parts = f"{HEADER}\nu\u0308,negative{',0' * 17}\n".encode()
    produced |= {problem.code for problem in find_problems(in_two_parts, ["\u00fc"], OFFICIAL)}  # id-unicode
    produced |= OF_OTHER_TASKS
    assert produced == set(CODES)


def test_a_problem_is_an_error_unless_its_code_is_a_warning():
    for spoil in [spoil for _, spoil, _ in FAULTS]:
        source = spoil()
        for problem in find_problems(source.encode() if isinstance(source, str) else source, IDS, OFFICIAL):
            assert problem.severity == ("warning" if problem.code in WARNINGS else "error")
            assert problem.actual and problem.expected and problem.remedy


def test_all_problems_are_told_at_once():
    run = SOUND.replace("Emphatic", "Empathetic").replace("c,neutral", "c.jpg,Neutral").replace("\n", "\r\n")
    run = "\ufeff" + run.replace("a,positive,1", "a,positive,0.9").replace("007", "008").removesuffix("\r\n")
    assert codes(run) == {
        "bom", "line-ends-crlf", "no-final-newline", "heading-changed", "cell-case", "cell-probability", "id-extension",
        "ids-missing", "ids-extra",
    }  # fmt: skip


def test_the_same_problem_on_many_lines_and_in_many_columns_is_one():
    rows = "".join(f"i{n},negative{',1.0' * 17}\n" for n in range(1000))
    (problem,) = find_problems(f"{HEADER}\n{rows}".encode(), None, OFFICIAL)
    assert (problem.code, problem.line, problem.column) == ("cell-float", 2, None)
    columns = ", ".join(OFFICIAL_HEADER[2:])
    assert problem.actual == f"'1.0' in 17000 cells of 17 columns ({columns}), first on line 2"
    (problem,) = find_problems(f"{HEADER}\n{rows}".replace(",1.0", ",1", 16_999).encode(), None, OFFICIAL)
    assert (problem.line, problem.column, problem.actual) == (1001, "T3.10:surprise", "'1.0'")


def test_many_distinct_rows_are_settled_in_parts_with_the_same_result(monkeypatch):
    rows = "".join(f"i{n},negative,0.{n}{',1' * 16}\n" for n in range(1, 100))
    run = f"{HEADER}\n{rows}".encode()
    whole = find_problems(run, None, OFFICIAL)
    monkeypatch.setattr("submission.check.body._GATHERED", 7)
    assert find_problems(run, None, OFFICIAL) == whole


def test_ids_show_the_first_five_and_the_count():
    (problem,) = find_problems(f"{HEADER}\n{SOUND.splitlines()[1]}\n".encode(), ["b", *"defghij"], OFFICIAL)
    assert problem.actual == "7 ids: 'd', 'e', 'f', 'g', 'h', …"


@pytest.mark.parametrize("tidied", ["T3.10: surprise", "T3.10: Surprise"])
def test_a_tidied_heading_is_told_the_official_one(tidied):
    (problem,) = find_problems(SOUND.replace("T3.10:surprise", tidied).encode(), IDS, OFFICIAL)
    assert problem.remedy.startswith("The official heading is 'T3.10:surprise'")


def test_blanks_before_all_headings_are_one_problem():
    (problem,) = find_problems(line(1, lambda one: one.replace(",", ", "))().encode(), IDS, OFFICIAL)
    assert problem.actual == (
        "' T1', ' T2.1: Joy', ' T2.2: Sadness', ' T2.3: Fear', ' T2.4: Disgust' and 13 more (18) with blanks"
    )


@pytest.mark.parametrize("write", [str.upper, lambda heading: heading.replace(" ", "\xa0"), "'{}'".format])
def test_headings_of_the_same_letters_are_one_problem(write):
    header, body = SOUND.split("\n", 1)
    problems = find_problems((",".join(map(write, header.split(","))) + "\n" + body).encode(), IDS, OFFICIAL)
    assert [problem.code for problem in problems] == ["heading-changed"]
    assert problems[0].remedy.startswith("Write the headings of the dev set byte for byte")


def test_whole_lines_in_quotes_are_one_problem():
    quoted = "".join(f'"{line}"\n' for line in SOUND.splitlines())
    assert codes(quoted) == {"quoted"}
    assert codes(quoted.replace(",", ";")) == {"delimiter", "quoted"}


def test_an_id_that_looks_the_same_is_reported_as_such():
    assert codes(SOUND.replace("007", "\u200b007\u2060")) == {"id-unicode"}
    assert codes(SOUND, ids=[*IDS[:3], "007\u200b"]) == {"id-unicode"}


def test_ids_of_a_file_of_a_western_encoding_are_compared_as_letters():
    run = SOUND.replace("007", "caf\u00e9").encode("cp1252")
    assert codes(run, ids=[*IDS[:3], "caf\u00e9"]) == {"not-utf8"}


@pytest.mark.parametrize("data", [b"id" + b"," * 2_000_000, b"id" + b"\n" * 6_000_000, b"id" + b"\r" * 6_000_000])
def test_more_columns_or_lines_than_any_run_has_are_one_problem(data):
    assert codes(data) == {"file-unreadable"}


def test_a_wrong_order_of_columns_is_told_with_its_permutation():
    run = columns(lambda cells: swap(cells, 3, 4))()
    (problem,) = find_problems(run.encode(), IDS, OFFICIAL)
    assert "'T2.3: Fear' where 'T2.2: Sadness' belongs" in problem.actual
    assert "in the order 1 2 3 5 4 6 7 8" in problem.remedy


def test_cells_are_checked_under_the_meaning_of_their_heading_wherever_it_stands():
    run = columns(lambda cells: [cells[0], *cells[2:], cells[1]])()  # T1 last
    assert codes(run) == {"columns-reordered"}
    assert codes(run.replace("neutral\n", "0\n")) == {"columns-reordered", "number-in-label-column"}


def test_every_choice_of_subtasks_is_a_sound_partial_run():
    for subtasks in (["subtask1"], ["subtask2"], ["subtask3"], ["subtask1", "subtask3"], ["subtask2", "subtask3"]):
        kept = {0} | {OFFICIAL_HEADER.index(name) for subtask in subtasks for name in TASK[subtask].headings}
        run = columns(lambda cells, kept=kept: [cells[place] for place in sorted(kept)])()
        assert codes(run) == {"partial"}
        assert codes(run, partial=True) == set()
        assert codes(run.split("\n", 1)[1], partial=True) == {"header-absent"}


def test_some_columns_of_a_subtask_are_missing_columns_in_a_partial_run_too():
    run = columns(lambda cells: cells[:5])()
    problems = find_problems(run.encode(), IDS, OFFICIAL, partial=True)
    assert [problem.column for problem in problems] == list(OFFICIAL_HEADER[5:9])
    assert {problem.code for problem in problems} == {"column-missing"}


def test_the_users_own_header_is_the_one_wanted():
    own = Header.complete(TASK, [*OFFICIAL_HEADER[:12], "T3.4: Empathetic pain", *OFFICIAL_HEADER[13:]])
    assert codes(SOUND.replace("Emphatic", "Empathetic"), header=own) == set()
    (problem,) = find_problems(SOUND.encode(), IDS, own)
    assert problem.code == "heading-changed"
    assert "Your dev set's heading is 'T3.4: Empathetic pain'" in problem.remedy


def test_without_a_test_list_ids_are_not_compared_but_repeated_ones_are_told():
    assert codes(SOUND.replace("c,", "d.jpg,", 1), None) == set()
    assert codes(SOUND.replace("c,", "b,", 1), None) == {"ids-duplicated"}
    assert codes(SOUND.replace("c,", ",", 1), None) == {"id-empty"}


def test_ids_are_text_and_case_is_theirs():
    ids = ["NA", "1e5", "nan", "007", "abc", "ABC", "#x"]
    run = f"{HEADER}\n" + "".join(f"{image_id},negative{',0' * 17}\n" for image_id in ids)
    assert codes(run, ids) == set()
    assert codes(run, None) == set()
    assert codes(run.replace("1e5", "100000.0"), ids) == {"id-number"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('="""abc"""', "id-wrapped quoted"),
        ("'abc'", "id-wrapped"),
        ("b'abc'", "id-wrapped"),
        ("['images/abc.jpg']", "id-wrapped id-path id-extension"),
        ("abc.jpg.jpg", "id-extension"),
        ("abc.heic", "id-extension"),
        ("images\\abc.txt", "id-path id-extension"),
        ("abc.jpg.7", "ids-extra ids-missing"),
    ],
)
def test_an_id_with_something_around_it_is_told_as_that(written, told):
    run = f"{HEADER}\n{written},negative{',0' * 17}\nx,negative{',0' * 17}\n"
    assert codes(run, ["abc", "x"]) == set(told.split())


def test_cells_between_blanks_are_one_problem():
    assert codes(SOUND.replace(",", " ")) == {"delimiter"}


def test_ids_in_another_unicode_form_are_matched_and_reported():
    ids = ["\u00dcber_1", "\u00dcber_2"]
    run = f"{HEADER}\n" + "".join(f"U\u0308ber_{n}.jpg,negative{',0' * 17}\n" for n in (1, 2))
    assert codes(run, ids) == {"id-unicode", "id-extension"}
    assert codes(run.replace("U\u0308ber_2.jpg", "u\u0308BER_2"), ids) == {"id-unicode", "id-extension", "id-case"}
    twice = run.replace("U\u0308ber_2", "\u00dcber_1")
    assert codes(twice, ids) == {"id-unicode", "id-extension", "ids-duplicated", "ids-missing"}
    assert codes(twice.replace(".jpg", ""), None) == {"ids-duplicated"}


def test_warnings_do_not_refuse_a_run(tmp_path):
    rows = SOUND.splitlines()
    (tmp_path / "run.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]) + "\n")
    report = check_file(tmp_path / "run.csv", IDS, OFFICIAL)
    assert report.ok
    assert report.text().endswith("4 rows of subtask1, subtask2 and subtask3, no errors, 1 warning")


def test_a_report_tells_people_and_programs_the_same(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text(SOUND)
    assert check_file(path, IDS, OFFICIAL).text() == f"{path}: 4 rows of subtask1, subtask2 and subtask3, no problems"
    path.write_text(SOUND.replace("c,neutral", "c,Neutral"))
    report = check_file(path, IDS, OFFICIAL)
    assert report.text().splitlines() == [
        f"{path}:3: T1: got 'Neutral'; expected negative, neutral or positive. "
        "Write the class name with the same upper and lower case letters. [cell-case]",
        f"{path}: 4 rows of subtask1, subtask2 and subtask3, 1 problem",
    ]
    told = json.loads(json.dumps(report.to_dict()))
    assert (told["file"], told["ok"], told["rows"]) == (str(path), False, 4)
    assert told["subtasks"] == ["subtask1", "subtask2", "subtask3"]
    assert [problem["code"] for problem in told["problems"]] == ["cell-case"]


def test_a_description_is_one_line_whatever_came():
    for spoil in [spoil for _, spoil, _ in FAULTS]:
        source = spoil()
        for problem in find_problems(source.encode() if isinstance(source, str) else source, IDS, OFFICIAL):
            assert len(describe(problem, "run.csv").splitlines()) == 1
            assert list(problem.to_dict()) == ["code", "severity", "line", "column", "came", "wanted", "remedy"]
            assert (problem.to_dict()["came"], problem.to_dict()["wanted"]) == (problem.actual, problem.expected)
    (problem,) = find_problems(SOUND.replace("c,neutral", "c,\x1b[2J" + "x" * 500).encode(), IDS, OFFICIAL)
    assert "\x1b" not in describe(problem)
    assert len(describe(problem)) < 250


SCRAPS = [
    b"",
    b"\n",
    b"\r",
    b",",
    b";",
    b'"',
    b"\0",
    b"#",
    b" ",
    b"\xff",
    b"\xef\xbb\xbf",
    b"T2.1",
    b"id",
    b"1.0",
    b"nan",
    b"b.jpg",
]


@given(
    st.lists(st.tuples(st.integers(0, len(SOUND)), st.integers(0, 9), st.sampled_from(SCRAPS)), max_size=6),
    st.booleans(),
)
def test_whatever_is_done_to_a_file_it_is_told_and_never_raises(cuts, compared):
    run = SOUND.encode()
    for place, length, scrap in cuts:
        run = run[:place] + scrap + run[place + length :]
    problems = find_problems(run, IDS if compared else None, OFFICIAL)
    if compared and run != SOUND.encode():
        assert problems or differs_in_labels_alone(run)


def differs_in_labels_alone(run):
    rows, sound = run.decode().splitlines(), SOUND.splitlines()
    return rows[0] == sound[0] and [row.split(",")[0] for row in rows] == [row.split(",")[0] for row in sound]
