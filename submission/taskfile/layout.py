"""How run files of a task file are written and called, and what contradicts itself in it."""

from __future__ import annotations

from submission.image_files import IMAGE_SUFFIXES
from submission.kinds import RankKind
from submission.layout import Layout, RunKind
from submission.patterns import Pattern
from submission.patterns.nodes import Repeated
from submission.taskfile.columns import Columns, separator_of
from submission.taskfile.problems import Problems
from submission.taskfile.sections import Section
from submission.wording import quoted


def read_layout(top: Section, columns: Columns, problems: Problems) -> Layout:
    """Return the layout of a task file; add everything that is wrong with it."""
    (file,), (ids,), (headings,) = (top.tables[name] for name in ("file", "id", "headings"))
    container = file.get("container", "csv")
    header, as_dev_set = file.get("header", True), headings.get("as_dev_set", False)
    if container != "csv" and "separator" in file:
        between = "tabs between cells" if container == "tsv" else "no cells"
        problems.add(
            file.at("separator"),
            f"got a separator, with container = {quoted(container)}, which has {between}. Remove it.",
        )
    if container in ("json", "jsonl") and not header:
        problems.add(
            file.at("header"), f"got false, with container = {quoted(container)}, whose keys are its header. Remove it."
        )
    if as_dev_set and not header:
        problems.add(headings.at("as_dev_set"), "got true, with header = false; expected a header. Remove one of them.")
    if container == "json" and any(isinstance(one.column.kind, RankKind) for one in columns):
        problems.add(
            file.at("container"),
            "got 'json' with a column of ranks; expected csv, tsv or jsonl, which hold several rows an id.",
        )
    pattern = Pattern.parse(ids.get("pattern")) if "pattern" in ids else None
    if pattern and (problem := _fits_no_id(pattern, separator_of(top), ids.get("extension", False))):
        problems.add(ids.at("pattern"), problem)
    return Layout(
        container,
        "\t" if container == "tsv" else file.get("separator", ","),
        header,
        file.get("line_end", "lf"),
        ids.get("extension", False),
        ids.get("order", "any"),
        ids.get("coverage", "all"),
        pattern,
        as_dev_set,
    )


def _fits_no_id(pattern: Pattern, sign: str, extension: bool) -> str:
    """Return why no id can look like a pattern, or nothing."""
    if pattern.slots:
        return f"got {{{pattern.slots[0]}}}; expected a pattern of ids. Placeholders are for file names."
    if not extension and pattern.text.lower().endswith(IMAGE_SUFFIXES):
        got = f"got {quoted(pattern.text)}, which ends in an extension, with extension = false"
        return f"{got}; expected ids without. Write extension = true, or leave it out of the pattern."
    texts = "".join(node.text for node in pattern.nodes if isinstance(node, Repeated) and node.is_text)
    if sign and sign in texts:
        return f"got {quoted(pattern.text)}, which matches no id: {sign!r} separates cells. Choose another separator."
    return ""


def read_runs(top: Section, problems: Problems) -> tuple[RunKind, ...]:
    """Return the kinds of runs of a task file; add everything that is wrong with them."""
    runs: dict[str, RunKind] = {}
    for section in top.tables["runs"]:
        kind = section.get("kind", "")
        if kind in runs:
            problems.add(section.at("kind"), f"got {kind!r} again; expected another name for each kind of run.")
        if "inner" in section and section.lacks("zip"):
            problems.add(
                section.at("inner"), "got inner without zip; expected both, or neither. Write file in its place."
            )
        file, archive, inner = (
            Pattern.parse(section.get(key)) if key in section else None for key in ("file", "zip", "inner")
        )
        runs.setdefault(
            kind,
            RunKind(
                kind,
                file,
                archive,
                inner,
                section.get("required", False),
                section.get("most"),
                section.get("about", ""),
            ),
        )
    return tuple(runs.values())
