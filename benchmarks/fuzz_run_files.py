"""Run files as nobody writes them, through the check and the readers: no traceback, no quadratic work, bounded memory.

    python -m benchmarks.fuzz_run_files --files 1000000 --processes 2    # small mutated and generated files
    python -m benchmarks.fuzz_run_files --large 10                       # files of 10 MB, each bad in its own way

Deterministic: file k of a seed is the same everywhere, so that `--first k --files 1` repeats it.
"""

import argparse
import collections
import gzip
import multiprocessing
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from submission.check import check_file, find_problems
from submission.errors import UserError
from submission.labels import read_ids, read_labels
from submission.problems import describe
from submission.runfile import read_run
from submission.table import read_table
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

IDS = ["b", "c", "a", "007", "\u00dcber_1", "U\u0308ber_2", "1e5", "x.y", "#x", "NA"]
HEADER = ",".join(TASK.header.cells)
TOO_SLOW = 2.0  # seconds for one file
LONGEST_MESSAGE = 1500  # characters of one problem
BATCH = 500
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

SCRAPS = [
    *(b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"|", b'"', b'""', b"'", b"\0", b"#", b" ", b"\xa0", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04", b"\x1f\x8b", b"<html>", b"{", b"\x1b[2J"),
    *(b"sep=,", b"sep=;\n", b'"sep=\t"\n', b"id,T1\n", b"# comment\n", HEADER.encode() + b"\n", b"x" * 300),
    *(b"T1", b"T2.1", b"T2.99", b"T3.", b"T2." + b"9" * 5000, b"id", b"filename", b"ID", b"Unnamed: 0", b"index"),
    *(b"1.0", b"0,5", b"nan", b"NaN", b"True", b"1e400", b"-1", b"1_0", b"negative", b"Negative", b"0x1"),
    *(b"b.jpg", b"../b", b"B", b" b", b"u\xcc\x88", b"\xc3\x9cBER_1", b"\xe2\x80\xae", b"\xc2\x9b", b"7", b"7.0"),
    *(b"\xd9\xa1", b",," * 20, b"\n\n\n", b'"a\nb"', b"\xf0\x9f\x98\x80"),
]  # fmt: skip


def sound(rng: random.Random) -> bytes:
    """Return a run file without faults, of some of the subtasks."""
    kept = [subtask for subtask in TASK.subtasks if rng.random() < 0.8] or [TASK.subtasks[0]]
    rows = [",".join([TASK.id_column, *(heading for subtask in kept for heading in subtask.headings)])]
    for name in IDS[: rng.randint(1, len(IDS))]:
        cells = [rng.choice(subtask.values) for subtask in kept for _ in subtask.headings]
        rows.append(",".join([name, *cells]))
    return ("\n".join(rows) + "\n").encode()


def mutated(rng: random.Random) -> bytes:
    """Return a run file, sound at first, with one to six changes to bytes, cells, lines, delimiters or its encoding."""
    data = sound(rng)
    for _ in range(rng.randint(1, 6)):
        data = rng.choice(MUTATIONS)(data, rng)
    return data


def generated(rng: random.Random) -> bytes:
    """Return bytes made of pieces that mean something to a reader, in any order."""
    return b"".join(rng.choice(SCRAPS) for _ in range(rng.randint(0, 30)))


def _splice(data: bytes, rng: random.Random) -> bytes:
    place = rng.randint(0, len(data))
    return data[:place] + rng.choice(SCRAPS) + data[place + rng.choice((0, 0, 1, 2, 9)) :]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cell(data: bytes, rng: random.Random) -> bytes:
    lines = [line.split(b",") for line in data.split(b"\n")]
    cells = rng.choice(lines)
    cells[rng.randrange(len(cells))] = rng.choice(SCRAPS)
    return b"\n".join(map(b",".join, lines))


def _quote(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    for place in range(len(lines)):
        if rng.random() < 0.5:
            lines[place] = b'"' + lines[place].replace(b",", rng.choice((b'","', b'";"', b'",'))) + b'"'
    return b"\n".join(lines)


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(5)
    if how == 0:
        lines[place], lines[other] = lines[other], lines[place]
    elif how == 1:
        lines.insert(place, lines[other])
    elif how == 2:
        del lines[place]
    elif how == 3:
        lines[place] = lines[place][: rng.randint(0, len(lines[place]))]
    else:
        lines.insert(place, rng.choice(SCRAPS))
    return b"\n".join(lines)


def _delimiter(data: bytes, rng: random.Random) -> bytes:
    head, _, body = data.partition(b"\n")
    new = rng.choice((b";", b"\t", b"|", b", ", b",,"))
    which = rng.randrange(3)
    head = head.replace(b",", new) if which != 1 else head
    return head + b"\n" + (body.replace(b",", new) if which != 0 else body)


def _columns(data: bytes, rng: random.Random) -> bytes:
    rows = [line.split(b",") for line in data.split(b"\n")]
    place = rng.randrange(len(rows[0]))
    how = rng.randrange(4)
    for cells in rows:
        if how == 0 and place < len(cells):
            del cells[place]
        elif how == 1:
            cells.insert(place, cells[place] if place < len(cells) else b"")
        elif how == 2:
            cells.append(b"")
        else:
            cells.reverse()
    return b"\n".join(map(b",".join, rows))


def _encoding(data: bytes, rng: random.Random) -> bytes:
    text = data.decode(errors="replace")
    how = rng.randrange(7)
    if how < 4:
        return text.encode(("utf-8-sig", "utf-16", "utf-16-le", "latin-1")[how], errors="replace")
    if how == 4:
        return data.replace(b"\n", b"\r\n")
    return data.replace(b"\n", b"\r") if how == 5 else gzip.compress(data, 1, mtime=0)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_splice, _splice, _splice, _flip, _cell, _cell, _quote, _lines, _lines, _delimiter, _columns, _encoding),
)


def file_number(k: int, seed: int) -> tuple[str, bytes]:
    """Return how file k of a seed is made, and its bytes."""
    rng = random.Random(f"{seed}/{k}")
    make = generated if k % 5 == 0 else mutated
    return make.__name__, make(rng)


def read_all(data: bytes, path: Path) -> str:
    """Put bytes through the check and every reader, and return what the check says: `sound`, or how many problems.

    Raises what a reader should not, and AssertionError for a message that is long, has control characters, or for a
    run that passes the check and is not read.
    """
    path.write_bytes(data)
    report = check_file(path, IDS, TASK.header, partial=True)
    assert not any(map(_unfit, report.text().split("\n"))), "a message that is long or has control characters"
    free = find_problems(data, None, TASK.header, partial=True)
    errors = [describe(problem) for problem in free if problem.severity == "error"]
    readers: tuple[Callable[[], object], ...] = (
        lambda: read_run(path, TASK.header),
        lambda: read_labels(path, TASK),
        lambda: read_ids(path, TASK),
        lambda: read_table(path),
    )
    for k, read in enumerate(readers):
        try:
            read()
        except UserError as error:
            assert error.problems and not any(map(_unfit, error.problems)), f"reader {k}: a message that is unfit"
            assert k or errors, "a run that passes the check is not read"
        else:
            assert k or not errors, "a run with errors is read"
    return "sound" if not report.problems else "problems"


def _unfit(message: str) -> bool:
    return len(message) > LONGEST_MESSAGE or not message.replace("\t", " ").isprintable()


def run_batch(job: tuple[int, int, int]) -> tuple[collections.Counter[str], float, list[str]]:
    """Try some files; return the counts, the longest time, and the failures: a number and a traceback each."""
    first, count, seed = job
    counts: collections.Counter[str] = collections.Counter()
    slowest, failures = 0.0, []
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder) / "run.csv"
        for k in range(first, first + count):
            kind, data = file_number(k, seed)
            begin = time.perf_counter()
            try:
                counts[f"{kind}: {read_all(data, path)}"] += 1
            except Exception:  # what this program is to find
                counts["tracebacks"] += 1
                failures.append(f"file {k}, {kind}: {data[:200]!r}\n{traceback.format_exc()}")
            took = time.perf_counter() - begin
            slowest = max(slowest, took)
            counts["slow"] += took > TOO_SLOW
    return counts, slowest, failures[:3]


def large_files(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield files of `size` bytes that are bad each in its own way: (name, bytes)."""
    row = f"negative{',0' * 17}\n"
    head = f"{HEADER}\n"

    def rows(make: Callable[[int], str]) -> bytes:
        n = size // len(make(1000))
        return (head + "".join(make(k) for k in range(n))).encode()

    yield "sound rows", rows(lambda k: f"i{k},{row}")
    yield "one long line", head.encode() + b"x" * size
    yield "one long blank line", b" " * size + b"x\n"
    yield "one long id", (head + "x" * size + "," + row).encode()
    yield "one long heading", (f"id,{'T' * size}\na,0\n").encode()
    yield "one long heading of digits", (f"id,T2.{'1' * size}\na,0\n").encode()
    yield "one long number", (head + "a,negative," + "1" * size + ",0" * 16 + "\n").encode()
    yield "short lines", head.encode() + b"x\n" * (size // 2)
    yield "blank lines", head.encode() + b"\n" * size
    yield "only blank lines", b"\n" * size
    yield "comments", head.encode() + b"#\n" * (size // 2)
    yield "columns", b"id," + b"x," * (size // 4) + b"\n" + b"a," + b"0," * (size // 4) + b"\n"
    yield "equal columns", b"id," + b"T1," * (size // 5) + b"\n" + b"a," + b"0," * (size // 5) + b"\n"
    yield "blank columns", b"id,T1" + b"," * (size // 2) + b"\na,neutral" + b"," * (size // 2) + b"\n"
    yield "5,000 columns", (f"id,{',x' * 5000}\n" + f"a,{',0' * 5000}\n" * (size // 10_000)).encode()
    yield "quotes", b'"' * size
    yield "quotes below the header", head.encode() + b'"' * size
    yield "quoted cells", rows(lambda k: f'"i{k}","negative"' + ',"0"' * 17 + "\n")
    yield "a quote left open", head.encode() + b'"' + b"a,0\n" * (size // 4)
    yield "a quote in every line", head.encode() + b'a"b,0\n' * (size // 6)
    yield "delimiters", b"," * size
    yield "delimiters below the header", head.encode() + b"," * size
    yield "delimiters of all kinds", head.encode() + b",;\t|" * (size // 4)
    yield "NULs", b"\0" * size
    yield "a NUL in every line", head.encode() + b"a\0,0\n" * (size // 5)
    yield "one id again and again", rows(lambda k: f"i,{row}")
    yield "ids nearly right", rows(lambda k: f"images/{IDS[k % 10].upper()}.{k}.JPG ,{row}")
    yield "ids as numbers", rows(lambda k: f"{k}.0,{row}")
    yield "ids of slashes", rows(lambda k: "/" * 200 + f"{k},{row}")
    yield "combining characters", rows(lambda k: "u\u0327\u0308" * 80 + f"{k},{row}")
    yield "one run of combining characters", (head + "u" + "\u0327\u0308" * (size // 4) + "," + row).encode()
    yield "distinct wrong cells", rows(lambda k: f"i{k},x{k}" + "".join(f",0.{k}{c}" for c in range(17)) + "\n")
    yield "rows of every length", rows(lambda k: f"i{k}" + ",0" * (k % 60) + "\n")
    yield "headers again and again", head.encode() * (size // len(head))
    yield "invalid UTF-8", b"\xff" * size
    yield "CR", head.encode() + b"\r" * size
    yield "UTF-16", (head + "a,0\n" * (size // 8)).encode("utf-16")
    yield "an Excel line", b"sep=" + b"," * size
    yield "Excel lines", b"sep=,\n" * (size // 6)
    yield "binary", random.Random(0).randbytes(size)
    yield "a zip", b"PK\x03\x04" + random.Random(0).randbytes(size)


def _try_large(job: tuple[str, bytes]) -> tuple[str, int, float, int, str]:
    name, data = job
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        try:
            said = read_all(data, Path(folder) / "run.csv")
        except Exception as error:
            said = f"{type(error).__name__}: {error}"[:60]
    took = time.process_time() - begin
    return name, len(data), took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory, said


def main() -> int:
    """Print what was found as tab-separated lines; exit status 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--large", type=float, metavar="MB", help="try large files in place of small ones")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    if options.large:
        failed = 0
        print("file\tbytes\tseconds for check and four readers\tpeak memory, bytes a byte\tresult")
        for job in large_files(int(options.large * 1e6)):
            with context.Pool(1) as pool:  # a process each, whose peak memory is this file's
                name, size, took, memory, said = pool.apply(_try_large, (job,))
            failed += said not in ("sound", "problems")
            print(f"{name}\t{size}\t{took:.2f}\t{memory * 1024 / size:.1f}\t{said}", flush=True)
        return 1 if failed else 0
    end = options.first + options.files
    jobs = [(first, min(BATCH, end - first), options.seed) for first in range(options.first, end, BATCH)]
    counts: collections.Counter[str] = collections.Counter()
    slowest, done, begin = 0.0, 0, time.perf_counter()
    with context.Pool(options.processes) as pool:
        for of_batch, longest, failures in pool.imap_unordered(run_batch, jobs):
            counts += of_batch
            slowest, done = max(slowest, longest), done + 1
            if done % 40 == 0:
                print(f"{done * BATCH} files, {counts['tracebacks']} tracebacks", file=sys.stderr, flush=True)
            for failure in failures:
                print(failure, flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"files\t{options.files}\nseconds\t{time.perf_counter() - begin:.0f}")
    for what in sorted({*counts, "tracebacks", "slow"}):
        print(f"{what}\t{counts[what]}")
    print(f"slowest, seconds\t{slowest:.3f}\npeak memory of a process, MB\t{peak:.0f}")
    return 1 if counts["tracebacks"] or counts["slow"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
