"""What a file is that is not a table: known by its first bytes, since its name says `.csv`."""

import re
from typing import NamedTuple


class FileKind(NamedTuple):
    """What a file is, in words with an article, and what to do to get a CSV of it."""

    name: str
    remedy: str


_UNPACK = "Unpack it, and give the CSV that it holds."
_SAVE = "Open it in the program that it is of, and save the table as 'CSV UTF-8'."
_WRONG_FILE = "Give the path of the CSV itself."
_DOWNLOAD = "A download may have saved a page in place of the file, such as a login or a preview: download the file."

_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"\x04\x22\x4d\x18", "an lz4 archive", _UNPACK),
    (b"\x1f\x9d", "a compress archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls), or another Office document", _SAVE),
    (b"\x09\x08", "an old Excel workbook (.xls)", _SAVE),
    (b"{\\rtf", "an RTF document", _SAVE),
    (b"%PDF-", "a PDF document", _WRONG_FILE),
    (b"%!PS", "a PostScript document", _WRONG_FILE),
    (b"\xff\xd8\xff", "a JPEG image", _WRONG_FILE),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _WRONG_FILE),
    (b"GIF87a", "a GIF image", _WRONG_FILE),
    (b"GIF89a", "a GIF image", _WRONG_FILE),
    (b"II*\0", "a TIFF image", _WRONG_FILE),
    (b"MM\0*", "a TIFF image", _WRONG_FILE),
    (b"PAR1", "a Parquet file", "Write the table as a CSV (pandas: read_parquet, to_csv)."),
    (b"FEA1", "a Feather file", "Write the table as a CSV (pandas: read_feather, to_csv)."),
    (b"Obj\x01", "an Avro file", "Write the table as a CSV."),
    (b"$FL2@(#)", "an SPSS file (.sav)", "Write the table as a CSV (pandas: read_spss, to_csv)."),
    (b"<stata_dta>", "a Stata file (.dta)", "Write the table as a CSV (pandas: read_stata, to_csv)."),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)", "Write the table as a CSV."),
    (b"RDX3\n", "an R workspace", "Write the table as a CSV."),
    (b"MSCF\0\0\0\0", "a cabinet archive", _UNPACK),
    (b"\x5d\0\0", "an LZMA archive", _UNPACK),
    (b"ARROW1", "an Arrow file", "Write the table as a CSV (pandas: read_feather, to_csv)."),
    (b"\x93NUMPY", "a NumPy array", "Write the table as a CSV."),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Write the table as a CSV."),
    (b"SQLite format 3\0", "an SQLite database", "Write the table as a CSV."),
    (b"bplist00", "an Apple property list", _WRONG_FILE),
    (b"\x7fELF", "a program", _WRONG_FILE),
    (b"MZ\x90\0", "a program", _WRONG_FILE),
    (b"-----BEGIN ", "an encrypted or signed file", "Decrypt it, and give the CSV."),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, without the file's content",
        "Fetch the content: git lfs pull.",
    ),
)
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_IN_ZIP = (  # the name of a member → what the whole is
    (b"xl/workbook", "an Excel workbook (.xlsx)"),
    (b"xl/", "an Excel workbook (.xlsx)"),
    (b"word/", "a Word document (.docx)"),
    (b"ppt/", "a PowerPoint document (.pptx)"),
    (b"opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)"),
    (b"opendocument", "an OpenDocument document"),
    (b"Index/Document.iwa", "an Apple Numbers or Pages document"),
)
_MARKUP = re.compile(
    rb"<(!--|(!doctype|\?xml|html|head|body|meta|script|style|title|center|table|div|p|svg|rss|error|workbook)\b)", re.I
)
_JSON = re.compile(rb"(\{\s*[\"}]|\[\s*[\[{\"\]])")
_START = 4096  # bytes that are looked at
_CONTROLS = bytes([*range(1, 9), *range(14, 32), 127])  # in no text; NUL is also in UTF-16


def file_kind(data: bytes) -> FileKind | None:
    """Return what a file is that is neither text nor a table; None for what may be a CSV, in whatever encoding."""
    for beginning, name, remedy in _BEGINNINGS:
        if data.startswith(beginning):
            return FileKind(name, remedy)
    if data.startswith(_ZIPS):
        document = next((what for member, what in _IN_ZIP if member in data), None)
        return FileKind(document, _SAVE) if document else FileKind("a zip archive", _UNPACK)
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return FileKind("a WebP image" if data[8:12] == b"WEBP" else "a recording", _WRONG_FILE)
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return FileKind("a BMP image", _WRONG_FILE)
    if data[4:8] == b"ftyp":
        return FileKind("an AVIF or HEIC image, or a video", _WRONG_FILE)
    if data[:3] == b"BZh" and data[4:10] == b"1AY&SY":
        return FileKind("a bzip2 archive", _UNPACK)
    if data[257:262] == b"ustar" and b"\0" in data[:257]:
        return FileKind("a tar archive", _UNPACK)
    if data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return FileKind("a Python pickle", "Write the table as a CSV.")
    start = data[:_START]
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _MARKUP.match(text):
        return FileKind("a web page or XML", _DOWNLOAD)
    if _JSON.match(text):
        return FileKind("JSON", "Write the table as a CSV.")
    if encoding_of(data) is None and _is_binary(start):
        return FileKind("binary data", _WRONG_FILE)
    return None


def encoding_of(data: bytes) -> str | None:
    """Return `UTF-16` or `UTF-32` where the first bytes are the mark of one, else None."""
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "UTF-32"
    return "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else None


def _is_binary(start: bytes) -> bool:
    """Return whether bytes are of no text, in UTF-8, UTF-16 or an older encoding."""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return controls > 0.05 * len(start) + 2 or start.count(0) > 0.6 * len(start) + 2
