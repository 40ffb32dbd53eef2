"""What a file is, by its first bytes."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
from PIL import Image

from submission.filekind import file_kind


def zipped(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in members:
            archive.writestr(name, "id,T1\n")
    return file.getvalue()


def archived():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("run.csv"))
    return file.getvalue()


def picture(kind):
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gzip.compress(b"id", mtime=0), "a gzip archive"),
        (bz2.compress(b"id"), "a bzip2 archive"),
        (lzma.compress(b"id"), "an xz archive"),
        (zipped("run.csv"), "a zip archive"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook (.xlsx)"),
        (zipped("word/document.xml"), "a Word document (.docx)"),
        (b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)"),
        (archived(), "a tar archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        *((picture(kind), f"a {kind} image") for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF")),
        (picture("WEBP"), "a WebP image"),
        (b"\xef\xbb\xbf\n <!doctype html>", "a web page or XML"),
        (b"\n\n<!-- saved page --><html>", "a web page or XML"),
        (lzma.compress(b"id", format=lzma.FORMAT_ALONE), "an LZMA archive"),
        (b"$FL2@(#) SPSS DATA FILE", "an SPSS file (.sav)"),
        (b"<stata_dta><header>", "a Stata file (.dta)"),
        (b'{"id": 1}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer, without the file's content"),
        (bytes(range(256)) * 4, "binary data"),
        (bytes(1000), "binary data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # archives hold the time, and ids must not change
)
def test_a_file_of_another_kind_is_known(data, name):
    kind = file_kind(data)
    assert kind is not None and kind.name == name and kind.remedy.endswith((".", ")."))


@pytest.mark.parametrize(
    "text", ["", "id,T1\n", "BZh,T1\n", "<id>,T1\n", "[id],T1\n", "\u00e9,\u00fc\n", "id\0,T1\n" * 9]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_text_in_any_encoding_may_be_a_table(text, encoding):
    assert file_kind(text.encode(encoding)) is None
