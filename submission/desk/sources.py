"""The run files in files, folders and zips: each by a name of its own, and why it cannot be read where it cannot."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from submission.check.run_names import takes_archives
from submission.errors import RunFileError
from submission.reading import read_regular
from submission.task import Task
from submission.wording import counted, quoted

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
_MOST_FILES = 10_000
_MOST_IN_ALL = 2_000_000_000  # bytes, of all members of a zip that are read
_SKIPPED = ("__MACOSX",)  # folders that systems add to zips


@dataclass(frozen=True)
class RunSource:
    """A run file: its path, or for one in a zip `archive.zip/inner.csv`; `data` is its content where it is in a zip."""

    name: Path
    data: bytes | None = None
    problem: str = ""  # why it cannot be read

    @property
    def content(self) -> Path | bytes:
        """What the check reads."""
        return self.name if self.data is None else self.data


def run_sources(paths: Sequence[Path], task: Task) -> list[RunSource]:
    """Return the run files at these paths, those of folders and zips in the order of their names.

    Of a task whose runs are sent in archives, a zip is one of them, unless it holds others.

    Raises RunFileError for a folder that cannot be listed or holds no run file. A file that cannot be read, and a zip
    that is damaged, is one of them.
    """
    found: list[RunSource] = []
    for path in paths:
        found += _in_folder(Path(path), task) if Path(path).is_dir() else _of_file(Path(path), task)
    if len(found) > _MOST_FILES:
        raise RunFileError(f"got {len(found):,} run files; expected at most {_MOST_FILES:,}. Score them in parts.")
    return found


def _in_folder(folder: Path, task: Task) -> list[RunSource]:
    try:
        paths = sorted(path for path in folder.rglob("*") if not _hidden(path.relative_to(folder).parts))
        files = [path for path in paths if path.suffix.lower() in (*SUFFIXES, ".zip") and not path.is_dir()]
    except OSError as error:
        raise RunFileError(f"{folder}: cannot be listed ({error.strerror}). Check the path of the folder.") from None
    if not files:
        others = f" but {counted(len(paths), 'other file{s}')}" if paths else ""
        raise RunFileError(
            f"{folder}: got no run file{others}; expected files that end in {', '.join(SUFFIXES)} or .zip. Give the "
            "folder that holds them."
        )
    return [source for path in files for source in _of_file(path, task)]


def _of_file(path: Path, task: Task) -> list[RunSource]:
    return list(_in_zip(path, task)) if path.suffix.lower() == ".zip" and path.exists() else [RunSource(path)]


def _in_zip(path: Path, task: Task) -> Iterator[RunSource]:
    """Yield the run files in a zip, which is never unpacked."""
    suffixes: tuple[str, ...] = SUFFIXES
    limit = task.layout.largest
    try:
        data = read_regular(path, _MOST_IN_ALL)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if not one.filename.endswith("/") and not _hidden(_parts(one))]
            if takes_archives(task):
                if not any(one.filename.lower().endswith(".zip") for one in members):
                    yield RunSource(path, data)  # with all that may be wrong with it
                    return
                suffixes = (*SUFFIXES, ".zip")
            members = [one for one in members if PurePosixPath(one.filename).suffix.lower() in suffixes]
            if not members:
                yield RunSource(path, problem="a zip archive without a run file")
            left = _MOST_IN_ALL
            for member in members[:_MOST_FILES]:
                name = path / member.filename.replace("\\", "/").lstrip("/")
                if member.flag_bits & 1:
                    yield RunSource(name, problem="a file that is encrypted")
                    continue
                with archive.open(member) as file:
                    content = file.read(min(limit, left) + 1)
                left -= len(content)
                if len(content) > limit or left < 0:
                    yield RunSource(name, problem=f"a file that unpacks to more than {limit / 1e6:.0f} MB")
                else:
                    yield RunSource(name, content)
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield RunSource(path, problem=f"a zip archive that cannot be read ({quoted(reason)[1:-1]})")


def _parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    return PurePosixPath(member.filename.replace("\\", "/")).parts


def _hidden(parts: Sequence[str]) -> bool:
    return any(part in _SKIPPED or (part.startswith(".") and part != "..") for part in parts)
