"""Run files as a team sends them: their names, the archives that they are in, and how many of each kind there are."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from submission.archive import open_archive
from submission.check import check_file
from submission.check.team import check_teams, run_paths
from submission.errors import RunFileError
from submission.layout import RunKind
from submission.patterns import Pattern
from submission.problems import CONTAINER_CODES, describe
from submission.runfile import read_run
from submission.task import Subtask, Task

IDS = ["a", "b"]
SOUND = b"image,sky\na,clear\nb,fog\n"


def kind(name: str, required: bool = False, most: int | None = None, **patterns: str) -> RunKind:
    return RunKind(name, **{key: Pattern.parse(text) for key, text in patterns.items()}, required=required, most=most)


def task(*kinds: RunKind) -> Task:
    return Task("sky", (Subtask("sky", "sky", ("sky",), ("clear", "fog"), False),), id_column="image", runs=kinds)


ZIPPED = task(
    kind("constrained", required=True, file="*.csv", zip="{team}_constrained.zip"),
    kind("open", required=True, most=1, zip="{team}_open.zip", inner="open_[0-9]{1,2}.csv"),
)
PLAIN = task(kind("001", required=True, most=1, file="ME20_{team}_{kind}.txt"), kind("002", file="ME20_{team}_002.txt"))


def archive(*members: tuple, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name or ZipInfo, content) each."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as target:
        for name, content in members:
            target.writestr(name, content)
    return data.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted() -> bytes:
    data = bytearray(archive(("run.csv", SOUND)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def says_it_is_small() -> bytes:
    """An archive whose file unpacks to more than its headers say."""
    data = archive(("run.csv", SOUND * 1000))
    return data.replace(len(SOUND * 1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))


FAULTS = [  # what was done, the archive, the codes that report it
    ("two files", archive(("run.csv", SOUND), ("notes.txt", b"hi")), "zip-files"),
    ("a folder", archive(("runs/", b""), ("runs/run.csv", SOUND)), "zip-folder"),
    ("a folder alone", archive(("runs/", b"")), "zip-folder zip-empty"),
    ("nothing", archive(), "zip-empty"),
    ("macOS", archive(("run.csv", SOUND), ("__MACOSX/._run.csv", b"\0"), (".DS_Store", b"\0")), "zip-system-files"),
    ("traversal", archive(("../run.csv", SOUND)), "zip-path"),
    ("an absolute path", archive(("/etc/run.csv", SOUND)), "zip-path"),
    ("a path of Windows", archive(("C:\\runs\\run.csv", SOUND)), "zip-path"),
    ("a link", archive((link("run.csv"), b"/etc/passwd")), "zip-link"),
    ("a password", encrypted(), "zip-encrypted"),
    ("another method", archive(("run.csv", SOUND), method=zipfile.ZIP_LZMA), "zip-method"),
    ("a bomb", archive(("run.csv", b"0" * 20_000_000)), "zip-too-large"),
    ("more than it says", says_it_is_small(), "zip-invalid"),
    ("cut short", archive(("run.csv", SOUND))[:-10], "zip-invalid"),
    ("two names", archive(("run.csv", SOUND)).replace(b"run.csv", b"RUN.csv", 1), "zip-invalid"),
    ("many files", archive(*((f"{n}.csv", b"") for n in range(1001))), "zip-files"),
    ("another inner name", archive(("run.txt", SOUND)), "zip-inner-name"),
    ("another archive", archive(("run.csv", archive(("run.csv", SOUND)))), "not-csv"),
    ("a run with faults", archive(("run.csv", SOUND.replace(b"fog", b"Fog"))), "cell-case"),
]


@pytest.mark.parametrize(("data", "expected"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_fault_of_an_archive_is_found_by_its_code(data, expected, tmp_path):
    path = tmp_path / "me_constrained.zip"
    path.write_bytes(data)
    report = check_file(path, IDS, ZIPPED.header)
    assert {one.code for one in report.problems} == set(expected.split()), report.text()


def test_a_run_in_an_archive_is_checked_as_any_other_and_named_in_messages(tmp_path):
    path = tmp_path / "me_constrained.zip"
    path.write_bytes(archive(("run.csv", SOUND)))
    report = check_file(path, IDS, ZIPPED.header)
    assert report.ok and report.rows == 2 and report.to_dict()["inner"] == "run.csv"
    path.write_bytes(archive(("run.csv", SOUND.replace(b"fog", b"rain")), ("b/run.txt", b"")))
    assert check_file(path, IDS, ZIPPED.header).text().splitlines()[-2:] == [
        f"{path}/run.csv:3: sky: got 'rain'; expected clear or fog. Write one of the expected values. [cell-word]",
        f"{path}: 2 rows of sky, 3 problems",
    ]


def test_a_run_is_read_from_its_archive(tmp_path):
    path = tmp_path / "me_constrained.zip"
    path.write_bytes(archive(("run.csv", SOUND)))
    assert read_run(path, ZIPPED.header).labels == {"sky": {"a": "clear", "b": "fog"}}
    path.write_bytes(archive(("run.csv", SOUND), ("notes.txt", b"")))
    with pytest.raises(RunFileError, match=r"got 2 files: 'run.csv', 'notes.txt' .*\[zip-files\]"):
        read_run(path, ZIPPED.header)


def test_an_archive_is_opened_for_a_task_that_wants_one_alone(tmp_path):
    path = tmp_path / "ME20_me_001.txt"
    path.write_bytes(archive(("run.csv", SOUND)))
    assert "not-csv" in {one.code for one in check_file(path, IDS, PLAIN.header).problems}
    assert [one.code for one in check_file(path, IDS, task().header).problems] == ["not-csv"]


@pytest.mark.parametrize(
    ("of", "name", "expected"),
    [
        (PLAIN, "ME20_me_001.txt", []),
        (PLAIN, "ME20_me_003.txt", ["error"]),
        (PLAIN, "ME20_my team_001.txt", ["error"]),
        (PLAIN, "run.csv", ["warning"]),
        (ZIPPED, "open_12.csv", []),
        (ZIPPED, "anything.csv", []),
        (ZIPPED, "open.txt", ["error"]),
        (task(), "whatever", []),
    ],
)
def test_a_name_that_fits_no_kind_is_an_error_and_a_warning_before_packing(of, name, expected, tmp_path):
    path = tmp_path / name
    path.write_bytes(SOUND)
    problems = check_file(path, IDS, of.header).problems
    assert [(one.code, one.severity) for one in problems] == [("file-name", severity) for severity in expected]


def test_the_name_of_an_archive_is_checked_too(tmp_path):
    path = tmp_path / "constrained.zip"
    path.write_bytes(archive(("run.csv", SOUND)))
    (problem,) = check_file(path, IDS, ZIPPED.header).problems
    assert describe(problem, path.name) == (
        "constrained.zip: got 'constrained.zip'; expected '{team}_constrained.zip' or '{team}_open.zip'. Rename it, or "
        "let mediaeval pack name it. [file-name]"
    )


def test_the_runs_of_each_team_are_counted_by_kind():
    names = ["me_constrained.zip", "me_open.zip", "we_open.zip", "we_open.zip", "other.zip"]
    first, second = check_teams([Path(name) for name in names], ZIPPED)
    assert first.ok and first.team == "me"
    assert second.text().splitlines() == [
        "runs of we: got no run of the kind constrained; expected at least one. Send one as well: the organisers "
        "require this kind. [runs-kind-missing]",
        "runs of we: got 2 runs of the kind open: 'we_open.zip', 'we_open.zip' (2); expected at most 1. Choose which "
        "of them to send. [runs-too-many]",
        "runs of we: 2 files, 2 problems",
    ]
    assert check_teams([Path("me_open.zip")], ZIPPED) == [], "of one file nothing is known of the others"


def test_a_folder_is_all_that_a_team_sends(tmp_path):
    (tmp_path / "me_open.zip").write_bytes(b"")
    (report,) = check_teams([tmp_path], ZIPPED)
    assert [one.code for one in report.problems] == ["runs-kind-missing"]


def test_a_folder_is_the_run_files_in_it(tmp_path):
    for name in ("b.csv", "a.csv", ".hidden"):
        (tmp_path / name).write_bytes(SOUND)
    assert run_paths([tmp_path], PLAIN) == [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert run_paths([tmp_path], task()) == [tmp_path]
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFileError, match="empty folder"):
        run_paths([tmp_path / "empty"], PLAIN)


def test_every_code_of_archives_and_names_is_produced():
    produced = {code for _, _, expected in FAULTS for code in expected.split()}
    produced |= {"file-name", "runs-kind-missing", "runs-too-many"}  # in the tests above
    assert {code for code in CONTAINER_CODES if not code.startswith("json-")} <= produced


def test_whatever_bytes_follow_the_mark_of_a_zip_there_is_no_traceback():
    """A changed byte is reported, or is in a part that nobody reads: then the run file is what it was."""
    sound = archive(("run.csv", SOUND))
    for place in range(len(sound)):
        for value in (0, 255):
            opened = open_archive(sound[:place] + bytes([value]) + sound[place + 1 :], 1000)
            assert opened.faults or opened.content == SOUND
