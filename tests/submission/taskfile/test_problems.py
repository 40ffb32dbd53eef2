"""What is wrong with a task file is told at once, each with its line and what to do."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.taskfile import TaskFileError, load_task, parse_task, read_task, task_path

GOOD = """\
name = "weather"
[id]
column = "image"
[[columns]]
heading = "sky"
type = "label"
labels = ["clear", "cloudy"]
[[columns]]
heading = "prob"
type = "probability"
[[columns]]
heading = "threshold"
type = "constant"
of = "probability"
[[rules]]
rule = "threshold"
label = "sky"
positive = "cloudy"
probability = "prob"
threshold = "threshold"
"""


def problems(text: str) -> list[str]:
    with pytest.raises(TaskFileError) as error:
        parse_task(text, "task.toml")
    return list(error.value.problems)


def test_the_good_one_is_good():
    assert parse_task(GOOD, "task.toml").names == ("weather",)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"probability"\n[[', '"propability"\n[[', "task.toml:10: columns.type: got 'propability'; expected one of 'label', 'flag', 'probability', 'score', 'set', 'rank', 'document', 'constant', 'text'. Did you mean 'probability'?"),
        ('name = "weather"', "", "task.toml: got no key 'name'; expected a name for files: what the task is called in commands and files."),
        ('"weather"', '"my task"', "task.toml:1: name: got 'my task'; expected a name of at most 64 letters, digits, '-' and '_'. It names files, too."),
        ('"weather"', '"features"', "task.toml:1: name: got 'features'; expected another name, since mediaeval.toml has a section or key of this one."),
        ("[id]", 'container = "csv"\n[id]', "above"),
        ('column = "image"', 'colum = "image"', "task.toml:3: id.colum: got an unknown key; expected one of column, aliases, extension, pattern, order, coverage. Did you mean 'column'?"),
        ('column = "image"', 'header = false', "task.toml:3: id.header: got an unknown key; expected one of column, aliases, extension, pattern, order, coverage. It belongs below [file]."),
        ('column = "image"', "column = 3", "task.toml:3: id.column: got 3; expected text in quotes, on one line."),
        ('column = "image"', 'pattern = "[9-0]"', "task.toml:3: id.pattern: pattern '[9-0]', character 2: got '9-0', which matches nothing; expected '0-9'."),
        ('column = "image"', 'pattern = "[0-9],[0-9]"', "task.toml:3: id.pattern: got '[0-9],[0-9]', which matches no id: ',' separates cells. Choose another separator."),
        ('column = "image"', 'pattern = "*.jpg"', "task.toml:3: id.pattern: got '*.jpg', which ends in an extension, with extension = false; expected ids without. Write extension = true, or leave it out of the pattern."),
        ('column = "image"', 'pattern = "{team}"', "task.toml:3: id.pattern: got {team}; expected a pattern of ids. Placeholders are for file names."),
        ("[id]", "[[id]]", "task.toml:2: id: got [{'column': 'image'}]; expected a table. Write [id] above its keys, once."),
        ('["clear", "cloudy"]', '["clear", "clear"]', "task.toml:7: columns.labels: got 'clear' twice in the list; expected each once."),
        ('["clear", "cloudy"]', '["clear,", "cloudy"]', "task.toml:7: columns.labels: got 'clear,', which holds ','; expected text without it, since it separates cells."),
        ('["clear", "cloudy"]', '["clear"]', "task.toml:7: columns.labels: got ['clear']; expected a list of at least two texts, such as [\"a\", \"b\"]."),
        ('["clear", "cloudy"]', '["clear", "cloudy"]\nlow = 0', "task.toml:8: columns.low: got a key of columns with type = 'score'; expected none, with type = 'label'. Remove it, or correct the type."),
        ('["clear", "cloudy"]', '["clear", "cloudy"]\nshort = ["c"]', "task.toml:8: columns.short: got 1 short names of 2 labels; expected one for each, in the same order."),
        ('"prob"\ntype', '"SKY"\ntype', "task.toml:9: columns.heading: got 'SKY'; expected another heading than 'sky'. Case and blanks do not count."),
        ('"prob"\ntype', '"image"\ntype', "task.toml:9: columns.heading: got 'image'; expected another heading than 'image', the column of ids. Case and blanks do not count."),
        ('heading = "prob"', "", "task.toml:8: columns: got neither heading nor headings; expected one. Write heading = \"…\"."),
        ('type = "probability"', 'type = "score"\nlow = 5\nhigh = 3', "task.toml:11: columns.low: got 5, with high = 3; expected the lowest value to be below the highest. Swap them."),
        ('type = "probability"', 'type = "set"\nseparator = ","', "task.toml:11: columns.separator: got ',', with ',' between the cells; expected another sign between the items."),
        ('type = "probability"', 'type = "set"\npattern = "C[0-9]"\nitems = ["C1", "D2"]', "task.toml:12: columns.items: got 'D2' (1); expected items that fit pattern = 'C[0-9]'."),
        ('type = "probability"', 'type = "rank"', "task.toml:8: columns: got columns of type 'label' (1) and type 'rank' (1); expected one document, one rank and one score, as a ranked list has. Correct their types."),
        ('type = "probability"', 'type = "flag"', "task.toml:19: rules.probability: got 'prob', a column of type 'flag'; expected one of type score or probability."),
        ('of = "probability"', 'of = "text"', "task.toml:20: rules.threshold: got 'threshold', a column of type 'constant'; expected one of type score or probability. Write of = 'probability' in its table."),
        ('of = "probability"', 'of = "probability"\nvalue = "high"', "task.toml:15: columns.value: got 'high', with of = 'probability'; expected a number of 0 to 1."),
        ('probability = "prob"', "", "task.toml:15: rules: got no key 'probability' in [[rules]]; expected text in quotes, on one line: heading of the probability or score."),
        ('probability = "prob"', 'probability = "prop"', "task.toml:19: rules.probability: got 'prop'; expected the heading of a column. Did you mean 'prob'?"),
        ('positive = "cloudy"', "", "task.toml:15: rules.positive: got no key 'positive'; expected the label that says yes: 'clear' or 'cloudy'."),
        ('rule = "threshold"', 'rule = "treshold"', "task.toml:16: rules.rule: got 'treshold'; expected 'threshold' or 'sum'. Did you mean 'threshold'?"),
        ('[[rules]]', '[rules]', "task.toml:15: rules: got a table; expected a list of tables. Write [[rules]] above the keys of each."),
    ],
)  # fmt: skip
def test_one_fault_is_told_with_its_line(old, new, problem):
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    found = problems(text)
    assert any(one.startswith(problem) or (problem == "above" and "[file]" in one) for one in found), "\n".join(found)


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ('[[metrics]]\nmetric = "f2"', "21: metrics.metric: … 22"),
        ('[file]\ncontainer = "jsonl"\nheader = false', "task.toml:23: file.header: got false, with container = 'jsonl', whose keys are its header. Remove it."),
        ('[file]\ncontainer = "tsv"\nseparator = ","', "task.toml:23: file.separator: got a separator, with container = 'tsv', which has tabs between cells. Remove it."),
        ('[file]\nheader = false\n[headings]\nas_dev_set = true', "task.toml:24: headings.as_dev_set: got true, with header = false; expected a header. Remove one of them."),
        ('[headings]\nidentified_by = "T*"', "task.toml:22: headings.identified_by: got '*' or a placeholder; expected text, lists and braces that identify a heading."),
        ('[[rules]]\nrule = "sum"\ncolumns = ["prob", "sky"]\ntotal = 1', "task.toml:23: rules.columns: got 'sky', a column of type 'label'; expected one of type score, probability or flag."),
        ('[[columns]]\nheadings = ["a", "b"]\ntype = "score"\nhigh = 10\n[[rules]]\nrule = "sum"\ncolumns = ["a", "b"]\ntotal = 100', "task.toml:28: rules.total: got 100, but by their bounds the columns sum up to at most 20; expected a total in reach."),
        ('[[subtasks]]\nname = "all"\ncolumns = ["sky"]', "task.toml:22: subtasks.name: got 'all'; expected another name, since mediaeval.toml has a section or key of this one."),
        ('[[subtasks]]\nname = "a"\ncolumns = ["sky"]', "task.toml:8: columns: got 'prob', a column of no subtask; expected it in the columns of one. Add it there, or give it type = 'text'."),
        ('[[subtasks]]\nname = "a"\ncolumns = ["sky", "prob", "treshold"]', "task.toml:23: subtasks.columns: got 'treshold'; expected the heading of a column. Did you mean 'threshold'?"),
        ('[[subtasks]]\nname = "a"\ncolumns = ["sky", "prob"]\n[[subtasks]]\nname = "a"\ncolumns = ["sky"]', "task.toml:25: subtasks.name: got 'a' again; expected another name for each subtask."),
        ('[[subtasks]]\nname = "a"\ncolumns = ["sky", "prob"]\n[[metrics]]\nmetric = "f1"', "task.toml:24: metrics: got [[metrics]] beside [[subtasks]]; expected them in a subtask."),
        ('[[subtasks]]\nname = "a"\ncolumns = ["sky", "prob"]\n[[subtasks.metrics]]\nmetric = "mrr"', "task.toml:25: subtasks.metrics.metric: got mrr, and no column that it can read"),
        ('[[columns]]\nheading = "sea"\ntype = "score"', "task.toml:21: columns: got columns of type 'label' (1), type 'probability' (1) and type 'score' (1) in one subtask; expected columns of one type, or one label with its probability. Make subtasks of them: [[subtasks]] with name and columns."),
        ('[[runs]]\nkind = "a"\nfile = "x/*.csv"', "task.toml:23: runs.file: got 'x/*.csv', which matches the name of no file; expected a name without folders."),
        ('[[runs]]\nkind = "a"\ninner = "x.csv"', "task.toml:23: runs.inner: got inner without zip; expected both, or neither. Write file in its place."),
        ('[[runs]]\nkind = "a"\n[[runs]]\nkind = "a"', "task.toml:24: runs.kind: got 'a' again; expected another name for each kind of run."),
        ('[[runs]]\nkind = "a"\nfile = "{teem}.csv"', "Did you mean 'team'?"),
        ('[selftest]\nheading_variants = [["proba", "p"]]', "task.toml:22: selftest.heading_variants: got 'proba'; expected the heading of a column first. Did you mean 'prob'?"),
        ('[selftest]\nconfusable_labels = [["clear", "rain"]]', "task.toml:22: selftest.confusable_labels: got ['clear', 'rain']; expected two labels of one subtask."),
        ('[[metrics]]\nmetric = "f1"\n' * 51, "task.toml:21: metrics: got 51 tables; expected at most 50."),
        ('[scoring]\nrule = "harsh"', "task.toml:22: scoring.rule: got 'harsh'; expected 'lenient' or 'strict'."),
    ],
)  # fmt: skip
def test_what_contradicts_the_rest_is_told_with_its_line(added, problem):
    found = problems(GOOD + added + "\n")
    if "…" in problem:
        problem = "task.toml:22: metrics.metric: got 'f2'; expected one of 'f1'"
    assert any(problem in one for one in found), "\n".join(found)


def test_everything_is_told_at_once_and_by_line():
    text = (
        GOOD.replace('"probability"', '"propability"', 1)
        .replace('heading = "sky"', "heading = 1")
        .replace("[id]", "[ids]")
    )
    found = problems(text)
    assert [one.split(": ")[0] for one in found] == [f"task.toml:{line}" for line in (2, 5, 10)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = weather", "task.toml:1: is not TOML: Invalid value. Put text in quotes"),
        ('name = "a"\nname = "b"', "task.toml:2: is not TOML: Cannot overwrite a value. The key is there already"),
        ('name = "a"\n\n[columns]\nheading = "a"\n[columns]\n', "task.toml:5: is not TOML: Cannot declare ('columns',) twice. Write [[…]]"),
        ('labels = [\n"a"\n"b"]', "task.toml:3: is not TOML: Unclosed array. Close the list with ]"),
        ('name = "a', "task.toml:1: is not TOML: Unterminated string. Close the quotes."),
        ("", "task.toml: got no key 'name'"),
        ("a = " + "[" * 1000, "task.toml: got tables or lists nested too deeply; expected at most 16."),
        ("a = " + "1" * 5000, "task.toml is not TOML: got a number or date that is out of range."),
        ("day = 2020-01-01", "task.toml: day: got 2020-01-01, a date or time; expected a number, or text in quotes."),
    ],
)  # fmt: skip
def test_text_that_is_no_toml_is_told_with_its_line(text, problem):
    assert any(one.startswith(problem) for one in problems(text)), problems(text)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    (tmp_path / "large.toml").write_bytes(b"#" * 2_000_000)
    for path, message in {
        tmp_path / "absent.toml": "does not exist.",
        tmp_path: "is a folder; expected a TOML file.",
        tmp_path / "latin.toml": "line 1 is not UTF-8. Save it as UTF-8.",
        tmp_path / "large.toml": "is larger than 1024 KiB; expected a task file.",
    }.items():
        with pytest.raises(TaskFileError) as error:
            read_task(path)
        assert str(error.value).endswith(message)


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(
        TaskFileError, match=r"unknown task 'flod2020'. Did you mean 'flood2020'\? Known: flood2020, .*"
    ):
        load_task("flod2020")
    assert str(task_path("mine/task.toml")).endswith("task.toml")


def test_the_windows_line_ends_of_an_editor_do_not_change_lines():
    found = problems(GOOD.replace('"probability"', '"propability"', 1).replace("\n", "\r\n"))
    assert found[0].startswith("task.toml:10: columns.type")


SNIPPETS = st.sampled_from(
    [
        "name",
        "=",
        '"',
        "'",
        "[[columns]]",
        "[id]",
        "type",
        "flag",
        "[",
        "]",
        "{",
        "}",
        "\n",
        ",",
        "1",
        "true",
        '"""',
        "#",
        "a.b",
    ]
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 30), SNIPPETS), min_size=1, max_size=4))
def test_whatever_is_changed_gives_a_task_or_sentences(changes):
    text = GOOD
    for at, length, snippet in changes:
        text = text[:at] + snippet + text[at + length :]
    try:
        parse_task(text, "task.toml")
    except TaskFileError as error:
        assert all("\n" not in one and len(one) < 1000 for one in error.problems), error.problems


def test_time_grows_with_the_size_of_a_file():
    items = ", ".join(f'"C{number:07d}"' for number in range(8_000))
    text = f'name = "a"\n[[columns]]\nheading = "c"\ntype = "set"\npattern = "C[0-9]{{7}}"\nitems = [{items}]\n'
    columns = "".join(
        f'[[columns]]\nheading = "h{number}"\ntype = "flag"\nlabels = ["a", "b"]\n' for number in range(3_000)
    )
    start = time.process_time()
    assert len(parse_task(text, "task.toml").subtasks[0].labels) == 8_000
    assert len(problems('name = "a"\n' + columns)) == 51, "50 are told, the others counted"
    assert time.process_time() - start < 4
