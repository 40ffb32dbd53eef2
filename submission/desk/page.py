"""The page about one run file that a platform shows: one HTML file, without scripts, images or anything from elsewhere.

All that is shown is escaped: names, cells and headings of a run file are other people's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from submission.desk.measures import Measure
from submission.desk.ranking import averaged_of, mean_of
from submission.desk.scoring import ScoredRun
from submission.layout import STRICT
from submission.problems import Problem
from submission.task import Task
from submission.wording import LONGEST_LINE, counted, printable

_STYLE = """\
:root { color-scheme: light dark; --line: #8886; --quiet: #777; --good: #18794e; --bad: #c62a2f; }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --good: #4cc38a; --bad: #ff6369; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.25rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ol { padding-left: 1.5rem; margin: 0; }
li { margin: 0 0 .75rem; overflow-wrap: anywhere; }
code { font: .875em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
"""


def run_page(task: Task, run: ScoredRun, measures: Sequence[Measure], rule: str, *, n_images: int) -> str:
    """Return the page about a run file: its scores, how many answers it has, and every problem of its form."""
    title = _text(task.title or task.name)
    errors = sum(problem.severity == "error" for problem in run.report.problems)
    verdict = (
        f'<span class="bad">Not valid</span>: {counted(errors, "problem{s}")} of form'
        if errors
        else '<span class="good">Valid</span>: the form of the file is as the task wants it'
    )
    body = [
        f"<h1>{title}</h1>",
        f'<p class="quiet">Run file <code>{_text(run.report.file.name)}</code>, {n_images} images</p>',
        f"<p>{verdict}.</p>",
        "<h2>Scores</h2>",
        *_scores(run, measures, rule),
        *_answers(run),
        "<h2>Problems of form</h2>",
        *_problems(run.report.problems),
        "<h2>What the scores depend on</h2>",
        *(f"<p>{_text(measure.key)}: <code>{_text(measure.signature)}</code></p>" for measure in measures),
    ]
    return _document(title, body)


def fault_page(title: str, reason: str) -> str:
    """Return the page that says why nothing could be scored for a reason that is not the participant's."""
    return _document(
        _text(title),
        [
            f"<h1>{_text(title)}</h1>",
            '<p><span class="bad">Not scored</span>: the scoring program or its reference data are at fault, not your '
            "file. The organisers can put it right.</p>",
            "<h2>For the organisers</h2>",
            *(f"<p>{_text(line)}</p>" for line in reason.splitlines() if line.strip()),
        ],
    )


def _scores(run: ScoredRun, measures: Sequence[Measure], rule: str) -> Iterable[str]:
    if not run.scores:
        strict = rule == STRICT and run.report.rows
        why = "the task takes no file with problems" if strict else "no answer can be read"
        yield f"<p>Nothing is scored, since {why}: every score is the worst there is.</p>"
    yield '<div class="wide"><table>'
    yield '<tr><th>Score</th><th class="number">Value</th><th class="number">95 % interval</th></tr>'
    if (mean := mean_of(run, measures)) is not None:
        names = " and ".join(_text(one.key) for one in averaged_of(measures))
        yield f'<tr><td>mean <span class="quiet">of {names}</span></td><td class="number">{mean:.4f}</td><td></td></tr>'
    for measure in measures:
        score = run.scores.get(measure.key)
        name = f"{_text(measure.title)} <span class=quiet>{_text(measure.key)}</span>"
        if score is None:
            value, interval = f"{measure.lowest:.4f}", "no answers"
        else:
            value, interval = f"{score.value:.4f}", f"{score.interval[0]:.4f} to {score.interval[1]:.4f}"
        yield f'<tr><td>{name}</td><td class="number">{value}</td><td class="number">{interval}</td></tr>'
    yield "</table></div>"


def _answers(run: ScoredRun) -> Iterable[str]:
    """Yield how many answers there are, where some are none."""
    rows = []
    for subtask, counts in run.counts.items():
        for number, what in (
            (counts.absent, "without a line, counted as wrong"),
            (counts.double, "on several lines, none of which counts: counted as wrong"),
            (
                counts.unreadable,
                "with an answer, or a part of it, that cannot be understood: that part counts as wrong",
            ),
            (counts.extra, "that the truth lacks: ignored"),
        ):
            if number:
                rows.append(f'<tr><td>{_text(subtask)}</td><td class="number">{number}</td><td>{what}</td></tr>')
    if rows:
        yield "<h2>Answers</h2>"
        yield '<div class="wide"><table><tr><th>Subtask</th><th class="number">Ids</th><th></th></tr>'
        yield from rows
        yield "</table></div>"


def _problems(problems: Sequence[Problem]) -> Iterable[str]:
    if not problems:
        yield "<p>None.</p>"
        return
    yield "<ol>"
    for problem in problems:
        places = [f"line {problem.line}"] if problem.line else []
        places += [_text(problem.column)] if problem.column else []
        place = f"<strong>{', '.join(places)}</strong>: " if places else ""
        warning = "warning: " if problem.severity == "warning" else ""
        yield (
            f"<li>{place}{warning}got {_text(problem.actual)}; expected {_text(problem.expected)}. "
            f"{_text(problem.remedy)} <code>{_text(problem.code)}</code></li>"
        )
    yield "</ol>"


def _document(title: str, body: Iterable[str]) -> str:
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>\n{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _text(text: str) -> str:
    """Return text of other people for HTML: escaped, with what does not show made visible, and cut where it is long."""
    shown = printable(text[:LONGEST_LINE]) + ("…" if len(text) > LONGEST_LINE else "")
    return escape(shown)
