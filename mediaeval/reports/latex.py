"""Text and tables as LaTeX: what is other people's is escaped, and tables need the package booktabs alone."""

import re
from collections.abc import Mapping, Sequence

from submission.wording import printable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after the end of a row it would begin an option, as the star would
    "*": "{*}",
}
_SET_AS_ONE = ("--", "''", "``", ",,", "?`", "!`")  # of which TeX makes dashes, quotes, and marks turned over
_MINUS = re.compile(r"(?<!\S)-(?=\d)")


def escaped(text: str) -> str:
    r"""Return text that LaTeX sets as it is, on one line, in the encoding T1.

    >>> escaped("100 % of a_b")
    '100 \\% of a\\_b'
    """
    letters = [_SPECIAL.get(letter, letter) for letter in printable(" ".join(text.split()))]
    return "".join(
        f"{{}}{letter}" if before + letter in _SET_AS_ONE else letter
        for before, letter in zip(["", *letters], letters, strict=False)
    )


def table(
    columns: Sequence[str], blocks: Mapping[str, Sequence[Sequence[str]]], *, caption: str, label: str, numeric: int = 0
) -> str:
    r"""Return a table: blocks of rows, each below its title. All cells are text, and escaped here.

    numeric  how many of the last columns are set to the right
    label    of \\label, after `tab:`: letters and hyphens
    """
    layout = "l" * (len(columns) - numeric) + "r" * numeric
    body = []
    for title, rows in blocks.items():
        if rows:
            body += [r"\midrule", rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{escaped(title)}}}}} \\"]
            body += map(_row, rows)
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        _row(columns),
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def paragraph(title: str, sentences: Sequence[str]) -> str:
    """Return sentences below a title that stands in their line."""
    return "\n".join([rf"\paragraph{{{escaped(title)}}}", *(escaped(sentence) for sentence in sentences)]) + "\n"


def document(parts: Sequence[str]) -> str:
    r"""Return a file that is compiled on its own, or taken into a paper by \input: a class defines \section."""
    head = [
        r"% Compile this file alone, or \input it in a paper with \usepackage[T1]{fontenc} and \usepackage{booktabs}.",
        r"% Letters beyond Latin need xelatex or lualatex, and a font that has them.",
        r"\ifdefined\section\def\mediaevalnotesend{}\else",
        r"\documentclass{article}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{booktabs}",
        r"\begin{document}",
        r"\def\mediaevalnotesend{\end{document}}",
        r"\fi",
    ]
    return "\n".join([*head, "", *parts, r"\mediaevalnotesend", ""])


def _row(cells: Sequence[str]) -> str:
    return " & ".join(_MINUS.sub("$-$", escaped(cell)) for cell in cells) + r" \\"
