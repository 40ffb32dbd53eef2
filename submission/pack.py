"""Packing a run: proved, called as the task wants it, in an archive where it is sent in one, and read back.

packed = pack_run(data, task.header, ids, RunSlot(kind="open", team="my-team"), out=Path("sent"))
packed.path      # sent/my-team_open.zip
packed.lacking   # kinds of runs that the team must send as well
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.check import find_problems
from submission.check.run_names import inner_pattern, name_of
from submission.check.sent import check_bytes
from submission.errors import RunFileError
from submission.layout import RunKind
from submission.patterns import Pattern, PatternError
from submission.problems import describe
from submission.reading import read_regular
from submission.runfile import replace_file
from submission.task import Header, Task
from submission.wording import both, counted, either, nearest, quoted, quoted_list

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold: the same run gives the same bytes at any time
_MODE = 0o644
_MOST_RUNS = 10_000


@dataclass(frozen=True)
class RunSlot:
    """Which run it is: its kind, the team, its number where names have one, or its whole name where it is free."""

    kind: str
    team: str
    number: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Packed:
    """A run that was packed: `inner` is its name in the archive, `lacking` are kinds that the folder still lacks."""

    path: Path
    inner: str | None
    sha256: str
    rows: int
    kind: str
    team: str
    lacking: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it for `json.dumps`."""
        return {
            "file": str(self.path),
            "inner": self.inner,
            "sha256": self.sha256,
            "rows": self.rows,
            "kind": self.kind,
            "team": self.team,
            "lacking": list(self.lacking),
        }

    def text(self) -> str:
        """Return it for people."""
        inside = f", {self.inner} inside" if self.inner else ""
        lines = [f"{self.path}: {counted(self.rows, 'row{s}')}{inside}", f"sha256 {self.sha256}"]
        if self.lacking:
            lines.append(f"still to be packed: {both(self.lacking)}, which the task requires as well")
        return "\n".join(lines)


def pack_run(
    run: Path,
    header: Header,
    ids: Sequence[str],
    slot: RunSlot,
    out: Path,
    *,
    partial: bool = False,
    replace: bool = False,
) -> Packed:
    """Check a run file, and write it into the folder `out` as its task wants it sent; arguments as for `check_file`.

    Raises RunFileError where the run has a problem, for an unknown kind, a team or a number that no name can have, more
    runs of a kind in the folder than the task takes, and another file of the name, unless `replace`.
    """
    task = header.task
    kind = find_kind(task, slot.kind)
    data = read_run_bytes(run, task)
    errors = [one for one in find_problems(data, ids, header, partial=partial) if one.severity == "error"]
    _require_none(describe(one, run) for one in errors)
    name, inner = _names(kind, slot, run.name, out, task)
    path = out / name
    packed = data if inner is None else zip_one(inner, data)
    report = check_bytes(packed, path, ids, header, partial=partial)
    _require_none(report.errors())
    _require_place(task, kind, slot.team, path, packed, replace)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFileError(f"{out}: cannot be made ({error.strerror}). Choose another folder with --out.") from None
    replace_file(path, packed)
    if read_run_bytes(path, task) != packed:
        raise RunFileError(
            f"{path}: the bytes on disk are not those that were written. Check the disk, and pack again."
        )
    digest = hashlib.sha256(packed).hexdigest()
    return Packed(path, inner, digest, report.rows, kind.kind, slot.team, _lacking(task, out, slot.team))


def find_kind(task: Task, name: str) -> RunKind:
    """Return a kind of run of a task. Raises RunFileError for a name that it does not have."""
    for kind in task.runs:
        if kind.kind == name:
            return kind
    if not task.runs:
        raise RunFileError(
            f"kind: got {quoted(name)}; the task {quoted(task.name)} has no kinds of runs and no rules for names. Send "
            "the run file as it is."
        )
    names = [kind.kind for kind in task.runs]
    raise RunFileError(f"kind: got {quoted(name)}; expected {either(names)}.{nearest(name, names)}")


def zip_one(name: str, data: bytes) -> bytes:
    """Return a zip archive of one file, the same bytes at any time."""
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system, member.external_attr = 3, _MODE << 16  # as on Unix, whatever this system is
    member.compress_type = zipfile.ZIP_DEFLATED
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(member, data, compresslevel=9)
    return target.getvalue()


def read_run_bytes(path: Path, task: Task) -> bytes:
    """Return the bytes of a file. Raises RunFileError where it cannot be read."""
    try:
        return read_regular(path, task.layout.largest)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunFileError(f"{path}: cannot be read ({reason}). Check the path of the run file.") from None


def _require_none(problems: Iterable[str]) -> None:
    if problems := tuple(problems):
        raise RunFileError(*problems, "Nothing was packed.")


def _names(kind: RunKind, slot: RunSlot, own: str, out: Path, task: Task) -> tuple[str, str | None]:
    """Return the name of the file to send and, where it is an archive, that of the run file in it."""
    sent = _name(kind.zip or kind.file, kind, slot, slot.name or own, out, "--name")
    fitting = name_of(task, sent, zipped=kind.zip is not None)
    if Path(sent).name != sent or sent in (".", "..") or not fitting or kind.kind not in fitting.kinds:
        raise RunFileError(
            f"{quoted(sent)} is no name of a run of the kind {kind.kind}. Give another --team or --name."
        )
    return sent, None if kind.zip is None else _name(inner_pattern(kind), kind, slot, own, out, "")


def _name(pattern: Pattern | None, kind: RunKind, slot: RunSlot, own: str, out: Path, option: str) -> str:
    """Return the name that a pattern gives; where it leaves it open, `own`, which must fit."""
    if pattern is None:
        return own
    if slot.name is None or not option:
        try:
            return _filled(pattern, kind, slot, out)
        except PatternError as error:
            if _is_closed(pattern):
                raise RunFileError(*error.problems) from None
    if pattern.matches(own) is None:
        remedy = f"Give one with {option}." if option else "Rename the run file: its name stays in the archive."
        raise RunFileError(f"name: got {quoted(own)}; expected one such as {quoted(pattern.text)}. {remedy}")
    return own


def _filled(pattern: Pattern, kind: RunKind, slot: RunSlot, out: Path) -> str:
    if slot.number is not None or "run" not in pattern.slots:
        return pattern.fill(team=slot.team, kind=kind.kind, run=str(slot.number or 1))
    names = (pattern.fill(team=slot.team, kind=kind.kind, run=str(number)) for number in range(1, _MOST_RUNS))
    return next(name for name in names if not (out / name).exists())


def _is_closed(pattern: Pattern) -> bool:
    """Return whether nothing but placeholders is open in a pattern."""
    try:
        pattern.fill(team="team", kind="kind", run="1")
    except PatternError:
        return False
    return True


def _require_place(task: Task, kind: RunKind, team: str, path: Path, packed: bytes, replace: bool) -> None:
    """Refuse a run that would be one too many of its kind, or that would replace another file."""
    others = [one.name for one in _packed(task, path.parent, team, kind) if one.name != path.name]
    if kind.most is not None and len(others) >= kind.most:
        raise RunFileError(
            f"{path.parent}: got {len(others)} of the kind {kind.kind} already, {quoted_list(others)}; expected at "
            f"most {kind.most}. Remove those that are not to be sent, or pack into another folder with --out."
        )
    if path.exists() and not replace and read_run_bytes(path, task) != packed:
        raise RunFileError(f"{path}: is there already, with another run. Pass --replace to put this one in its place.")


def _lacking(task: Task, out: Path, team: str) -> tuple[str, ...]:
    return tuple(kind.kind for kind in task.runs if kind.required and not list(_packed(task, out, team, kind)))


def _packed(task: Task, folder: Path, team: str, kind: RunKind) -> Iterator[Path]:
    """Yield the files of a team in a folder that are of a kind."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = name_of(task, path.name, zipped=kind.zip is not None, packed=True)
        if name and kind.kind in name.kinds and name.team in (None, team) and not path.is_dir():
            yield path
