"""Run files in JSON: written, read back, and every fault of JSON found with its line. The faults are one table."""

import json

import pytest

from submission.check import check_file, find_problems
from submission.layout import Layout
from submission.problems import CONTAINER_CODES, describe
from submission.runfile import format_run, read_run
from submission.task import Subtask, Task

IDS = ["1090969737671131140", "b", "ü"]
LABELS = {
    "mood": dict(zip(IDS, ["calm", "angry", "calm"], strict=True)),
    "ships": dict(zip(IDS, [(0, 1), (1, 0), (0, 0)], strict=True)),
}


def task(container: str, *names: str) -> Task:
    subtasks = (
        Subtask("mood", "mood", ("mood",), ("calm", "angry"), multi_label=False),
        Subtask("ships", "ships", ("tug", "ferry"), ("tug", "ferry"), multi_label=True),
    )
    chosen = tuple(one for one in subtasks if one.name in (names or ("mood", "ships")))
    return Task("harbour", chosen, id_column="image", layout=Layout(container=container))


LINES = """\
{"image": "1090969737671131140", "mood": "calm", "tug": 0, "ferry": 1}
{"image": "b", "mood": "angry", "tug": 1, "ferry": 0}
{"image": "ü", "mood": "calm", "tug": 0, "ferry": 0}
"""
OBJECT = """\
{
"1090969737671131140": {"mood": "calm", "tug": 0, "ferry": 1},
"b": {"mood": "angry", "tug": 1, "ferry": 0},
"ü": {"mood": "calm", "tug": 0, "ferry": 0}
}
"""
SCALARS = """\
{
"1090969737671131140": "calm",
"b": "angry",
"ü": "calm"
}
"""
SOUND = [
    (LINES, task("jsonl")),
    (OBJECT, task("json")),
    (SCALARS, task("json", "mood")),
    (LINES.replace(": ", ":").replace(", ", ","), task("jsonl")),
    (LINES.replace('"mood": "angry", "tug": 1', '"tug": 1 , "mood": "\\u0061ngry"'), task("jsonl")),
    (json.dumps(json.loads(OBJECT)), task("json")),
    (json.dumps(json.loads(OBJECT), indent=4), task("json")),
]


@pytest.mark.parametrize(("text", "of"), SOUND)
def test_a_sound_run_has_no_problems_and_reads_as_it_was_written(text, of, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    report = check_file(path, IDS, of.header)
    assert (report.rows, report.problems, report.subtasks) == (3, (), of.names)
    table = read_run(path, of.header)
    assert table.ids == tuple(IDS)
    assert table.labels == {name: LABELS[name] for name in of.names}


@pytest.mark.parametrize(("text", "of"), SOUND[:3])
def test_a_run_is_written_with_an_answer_a_line(text, of):
    assert format_run(of.header, IDS, {name: LABELS[name] for name in of.names}).decode() == text


def test_a_part_of_the_subtasks_is_read_and_reported_without_partial():
    part = LINES.replace('"mood": "calm", ', "").replace('"mood": "angry", ', "").encode()
    assert [one.code for one in find_problems(part, IDS, task("jsonl").header)] == ["partial"]
    assert find_problems(part, IDS, task("jsonl").header, partial=True) == []


FAULTS = [  # container, what is replaced once, by what, the codes that report it
    ("jsonl", '"b"', "7", "json-type ids-missing ids-extra"),
    ("jsonl", '"1090969737671131140"', "1090969737671131140", "json-type"),
    ("jsonl", '"tug": 1', '"tug": "1"', "json-type"),
    ("jsonl", '"tug": 1', '"tug": true', "cell-boolean"),
    ("jsonl", '"tug": 1', '"tug": 1.0', "cell-float"),
    ("jsonl", '"tug": 1', '"tug": null', "cell-empty"),
    ("jsonl", '"tug": 1', '"tug": NaN', "cell-nan"),
    ("jsonl", '"tug": 1', '"tug": [1]', "json-type"),
    ("jsonl", '"tug": 1', '"tug": {"a": 1}', "json-type"),
    ("jsonl", '"tug": 1', f'"tug": 1{"0" * 5000}', "cell-word"),
    ("jsonl", '"tug": 1', '"tug": 1, "tug": 1', "json-duplicate-key"),
    ("jsonl", '"tug": 1, ', "", "column-missing"),
    ("jsonl", '"tug": 1', '"Tug": 1', "heading-changed"),
    ("jsonl", '"tug": 1', '"tug": 1, "score": 0.5', "column-extra"),
    ("jsonl", '"angry"', '"Angry"', "cell-case"),
    ("jsonl", '"angry"', "1", "number-in-label-column"),
    ("jsonl", '{"image": "b"', '{"id": "b"', "heading-changed"),
    ("jsonl", '{"image": "b"', "{'image': 'b'", "json-invalid ids-missing"),
    ("jsonl", '{"image": "b"', '["b"]\n{"image": "b"', "json-type id-empty"),
    ("jsonl", '"b"', '"\\ud800"', "not-utf8 ids-missing ids-extra"),
    ("jsonl", "\n", "\n\n", "blank-line"),
    ("jsonl", "\n", "", "json-invalid ids-missing"),
    ("jsonl", '"tug": 1', '"tug": ' + "[" * 100_000, "json-invalid ids-missing"),
    ("jsonl", LINES, '{"mood": "calm", "tug": 0, "ferry": 1}\n' * 3, "column-missing"),
    ("jsonl", "{", "[{", "json-layout"),
    ("jsonl", LINES, OBJECT, "json-layout"),
    ("jsonl", LINES, "image,mood,tug,ferry\n", "json-invalid"),
    ("jsonl", LINES, " \n", "file-empty"),
    ("json", OBJECT, LINES, "json-layout"),
    ("json", OBJECT, "[]", "json-layout"),
    ("json", OBJECT, "{}", "no-rows"),
    ("json", '"b"', '"1090969737671131140"', "ids-duplicated ids-missing"),
    ("json", '"b": {"mood": "angry", "tug": 1, "ferry": 0}', '"b": "angry"', "json-type"),
    ("json", "1},", "1}", "json-invalid"),
    ("json", "0}\n}", "0}\n", "json-invalid"),
    ("json", "0}\n}", "0},\n}", "json-invalid"),
    ("json", '"mood": "angry"', '"mood": "angry", "mood": "calm"', "json-duplicate-key"),
    ("json", "{", "\ufeff{", "bom"),
]


@pytest.mark.parametrize(("container", "old", "new", "expected"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_is_found_by_its_code_alone(container, old, new, expected):
    text = LINES if container == "jsonl" else OBJECT
    assert old in text
    problems = find_problems(text.replace(old, new, 1).encode(), IDS, task(container).header)
    assert {one.code for one in problems if one.severity == "error"} == set(expected.split()), problems
    assert all(len(describe(one)) < 500 for one in problems)


def test_every_code_of_json_is_produced_by_some_fault():
    produced = {code for _, _, _, expected in FAULTS for code in expected.split()}
    assert {code for code in CONTAINER_CODES if code.startswith("json-")} <= produced


def test_a_message_has_the_line_the_key_and_what_to_do():
    lines = find_problems(LINES.replace('"tug": 1', '"tug": "1"').encode(), IDS, task("jsonl").header)
    assert [describe(one) for one in lines] == [
        "run:2: tug: got '\"1\"'; expected a number. Write it without quotes. [json-type]"
    ]
    torn = find_problems(OBJECT.replace("1},", "1}").encode(), IDS, task("json").header)
    assert [describe(one) for one in torn] == [
        "run:3: got text that is not JSON (expecting ',', at character 1); expected one object, id → answer. Write the "
        "file with a library for JSON (Python: json.dumps). [json-invalid]"
    ]
