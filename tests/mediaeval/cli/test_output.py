"""Tables: tab-separated into a pipe, ruled at a terminal, one row below the other where the terminal is narrow."""

import re
import sys
from pathlib import Path

import pytest

import mediaeval.cli
from mediaeval.cli.output import counted, print_json, print_line, print_table

ID = "58043f73-f9fb-417c-b270-a7595ff95b3b"
COLUMNS = ["image", "duplicate", "F1"]
ROWS = [[ID, ID, 0.5], ["a", "[bold]b:smile:", 1.0]]


@pytest.fixture
def at_terminal(monkeypatch, capsys):
    """at_terminal(width) prints the table at a terminal of this width and returns its lines."""

    def printed(width: int, columns=COLUMNS, rows=ROWS) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        print_table("2 pairs", columns, rows)
        plain = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
        return [line.rstrip() for line in plain.splitlines() if line.strip()]

    return printed


def test_into_a_pipe_cells_are_separated_by_tabs(capsys):
    print_table("2 pairs\nof images", COLUMNS, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "# 2 pairs",
        "# of images",
        "image\tduplicate\tF1",
        f"{ID}\t{ID}\t0.500",
        "a\t[bold]b:smile:\t1.000",
    ]
    print_table("0 pairs", COLUMNS, [])
    assert capsys.readouterr().out == "# 0 pairs\n"


def test_at_a_terminal_rows_stand_below_headings(at_terminal):
    title, headings, rule, first, second = at_terminal(120)
    assert title == "2 pairs" and headings.split() == COLUMNS and set(rule.strip()) == {"─"}
    assert first.split() == [ID, ID, "0.500"] and second.split() == ["a", "[bold]b:smile:", "1.000"]
    assert len(first) == len(second), "numbers end in one column"


def test_at_a_narrow_terminal_ids_stay_whole(at_terminal):
    lines = [line.split() for line in at_terminal(60)[1:]]
    assert lines[:3] == [["image", ID], ["duplicate", ID], ["F1", "0.500"]]
    assert lines[3:] == [["image", "a"], ["duplicate", "[bold]b:smile:"], ["F1", "1.000"]]


@pytest.mark.parametrize("width", [30, 45, 52, 60, 80, 200])
def test_no_word_is_broken(at_terminal, width):
    rows = [
        ["classifier.C", "number or choice", "the best of 1e-5 to 1 in a cross-validation within the training images"],
        ["lr", "number", "learning rate"],
    ]
    lines = at_terminal(width, ["setting", "type", "meaning"], rows)
    assert all(len(line) <= width for line in lines)
    words = {word for line in lines for word in line.split()}
    assert words >= {word for row in rows for cell in row for word in cell.split()}


def test_things_are_counted_in_words():
    assert [counted(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_text_of_others_cannot_move_the_cursor_or_make_columns(capsys, at_terminal):
    print_table("\x1b[2Jtitle", ["a\tb"], [["x\ny\x1b[31m"]])
    print_line("id \u202e\x07")
    print_json({"é": "\x9b\u202e\x7f😀"})
    assert capsys.readouterr().out == (
        '# \\x1b[2Jtitle\na\\tb\nx\\ny\\x1b[31m\nid \\u202e\\x07\n{\n  "é": "\\u009b\\u202e\\u007f😀"\n}\n'
    )
    assert "\x1b[2J" not in "".join(at_terminal(80, ["a\x1b[2J"], [["\x1b[2J"]]))


def test_all_text_of_commands_is_printed_here():
    """So that no command can forget what a terminal must not be given."""
    for path in Path(mediaeval.cli.__file__).parent.rglob("*.py"):
        calls = re.findall(r"(?<![\w.])print\(.*", path.read_text(encoding="utf-8"))
        assert path.name == "output.py" or calls in ([], ["print(f\"mediaeval {version('mediaeval')}\")"]), path
