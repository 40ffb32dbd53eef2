"""The working notes: names are escaped, tables are whole, numbers are those of the runs and have a hash."""

import json
import re

import pytest

from mediaeval.files import file_digest
from mediaeval.reports.latex import document, escaped, table
from tests.mediaeval import analysed

RECIPE = analysed.RECIPE
NASTY = r"\input{x} 100% & $a_b^c$ #1 ~{<|>} \\ [2] * “é”"


def require_balanced(text: str) -> None:
    """Braces close, environments nest, and the rows of a table have as many cells as its layout."""
    lines = [re.sub(r"(?<!\\)%.*", "", line) for line in text.splitlines()]
    depth = 0
    for letter in re.sub(r"\\[{}\\]", "", "\n".join(lines)):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    open_, layout = [], ""
    for line in lines:
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            if kind == "begin":
                open_.append(name)
            elif name != "document":
                assert open_.pop() == name
        if found := re.search(r"\\begin\{tabular\}\{(\w+)\}", line):
            layout = found[1]
        elif open_[-1:] == ["tabular"] and line.endswith(r"\\") and "multicolumn" not in line:
            assert len(re.findall(r"(?<!\\)&", line)) == len(layout) - 1, line
    assert open_ in ([], ["document"])


def test_what_is_special_to_latex_is_escaped():
    text = escaped(NASTY + "\n\x1b[2J ``x'' a--b")
    assert text == (
        r"\textbackslash{}input\{x\} 100\% \& \$a\_b\textasciicircum{}c\$ \#1 \textasciitilde{}\{\textless{}"
        r"\textbar{}\textgreater{}\} \textbackslash{}\textbackslash{} {[}2] {*} “é” \textbackslash{}x1b{[}2J "
        r"`{}`x'{}' a-{}-b"
    )
    plain = re.sub(r"\\(text\w+\{\}|.)|\{[\[*]\}|\{\}", "", text)
    assert not set(plain) & set(r"\{}$&#%_~^"), "what is left is none of LaTeX's own"


def test_tables_of_nasty_names_are_whole():
    rows = [[NASTY, "-0.031", "a-1"], ["*", "", "[x]"]]
    text = table([NASTY, "b", "c"], {NASTY: rows, "empty": []}, caption=NASTY, label="x", numeric=2)
    require_balanced(document([text]))
    assert "$-$0.031 & a-1" in text and "\n{*} &  & {[}x] \\\\" in text and "empty" not in text


@pytest.mark.integration
def test_numbers_are_those_of_the_runs_and_each_has_its_hash(job, run):
    result = json.loads(run("notes", "first", "second", "--out", "kit", "--json").stdout)
    hashes = {name: file_digest(job / f"runs/{name}/manifest.json")[:12] for name in ("first", "second")}
    assert result["hashes"] == hashes
    of_first = json.loads((job / "runs/first/subtask2/subtask.json").read_text())
    compared = json.loads(run("compare", "first", "second", "--json").stdout)
    for one in compared:
        (pair,) = one["pairs"]
        (gap,) = (gap for gap in result["differences"] if gap["subtask"] == one["subtask"])
        assert gap["difference"] == -pair["gap"] and gap["p"] == pair["p_permutation"]
        assert gap["interval"] == [-pair["interval"][1], -pair["interval"][0]]
        for name in hashes:
            (score,) = (s for s in result["scores"] if (s["subtask"], s["run"]) == (one["subtask"], name))
            assert [score["value"], *score["interval"]] == list(one["scores"][name].values())
    notes = (job / "kit/notes.tex").read_text()
    require_balanced(notes)
    for name in ("scores", "differences", "labels", "runs"):
        assert (job / f"kit/{name}.tex").read_text() in notes
    for line in notes.splitlines():
        if re.search(r"\d\.\d{3}", line) and line.endswith(r"\\") and " to " in line:
            assert any(digest in line for digest in hashes.values()), line
    said = [line for line in (job / "kit/runs.tex").read_text().splitlines() if line and "paragraph" not in line]
    assert all(line.endswith(f"{{[}}{hashes['first']}]") for line in said[: len(said) // 2])
    value, (low, high) = of_first["out_of_fold"]["f1"], of_first["out_of_fold"]["interval"]
    assert any(f"weighted F1 {value:.3f} (95 \\% interval {low:.3f} to {high:.3f}" in line for line in said)
    assert any("the classifier is kernel" in line for line in said)


@pytest.mark.integration
def test_runs_that_cannot_be_compared_have_notes_without_differences(job, run):
    (job / "devset").rename(job / "gone")
    result = run("notes", "first", "alone", "--json")
    assert "The table of differences is left out: " in result.stderr
    found = json.loads(result.stdout)
    assert not found["differences"] and list(found["left_out"]) == ["differences"]
    assert [one["where"] for one in found["scores"]][:2] == ["60 dev, out of fold", "12 validation"]
    assert not (job / "notes/differences.tex").exists()
    assert "takes one or more runs, each once" in run("notes", "first", "first", code=1).stderr
