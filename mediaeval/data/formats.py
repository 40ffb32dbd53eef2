"""What an image file is by its first bytes: the formats that are read, and the names of others that lie among them."""

import re
from functools import cache

from PIL import Image

from submission.filekind import file_kind

# Pillow's names. Nothing else may read a stranger's file: for an EPS, Pillow would start Ghostscript.
READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

CONVERT = "Convert it to JPEG or PNG"
_CONVERT = f"which is not read. {CONVERT}"
_DRAWING = "which is not read. Export it as PNG, in the size that photographs have here"
_VIDEO = "not an image. Save one of its frames as JPEG or PNG"

# (offset, first bytes, what it is, what to do)
_SIGNATURES = (
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image", _CONVERT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image", _CONVERT),
    (0, b"\xff\x0a", "a JPEG XL image", _CONVERT),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image", _CONVERT),
    (0, b"II\xbc\x01", "a JPEG XR image", _CONVERT),
    (0, b"8BPS", "a Photoshop image", _CONVERT),
    (0, b"gimp xcf", "a GIMP image", _CONVERT),
    (0, b"%!PS", "an EPS drawing", _DRAWING),
    (0, b"\xc5\xd0\xd3\xc6", "an EPS drawing", _DRAWING),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile", _DRAWING),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file", _CONVERT),
    (0, b"IIU\x00", "a camera's raw file", _CONVERT),
    (0, b"IIRO", "a camera's raw file", _CONVERT),
    (0, b"IIRS", "a camera's raw file", _CONVERT),
    (0, b"MMOR", "a camera's raw file", _CONVERT),
    (0, b"\x00MRM", "a camera's raw file", _CONVERT),
    (0, b"FOVb", "a camera's raw file", _CONVERT),
    (8, b"CR\x02\x00", "a camera's raw file", _CONVERT),
    (0, b"\x00\x00\x01\x00", "an icon", _CONVERT),
    (0, b"\x00\x00\x02\x00", "a cursor", _CONVERT),
    (0, b"icns", "an icon", _CONVERT),
    (0, b"DDS ", "a DDS texture", _CONVERT),
    (0, b"qoif", "a QOI image", _CONVERT),
    (0, b"v/1\x01", "an OpenEXR image", _CONVERT),
    (0, b"#?RADIANCE", "a Radiance HDR image", _CONVERT),
    (0, b"SIMPLE  =", "a FITS image", _CONVERT),
    (128, b"DICM", "a DICOM image", _CONVERT),
    (0, b"BPG\xfb", "a BPG image", _CONVERT),
    (0, b"FLIF", "a FLIF image", _CONVERT),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "not an image. Run `git lfs pull` where it was cloned"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video", _VIDEO),
    (8, b"AVI ", "an AVI video", _VIDEO),
    (0, b"FLV\x01", "a Flash video", _VIDEO),
    (0, b"\x00\x00\x01\xba", "an MPEG video", _VIDEO),
    (0, b"\x00\x00\x01\xb3", "an MPEG video", _VIDEO),
    (0, b"OggS", "an Ogg video or sound", _VIDEO),
)
_BRANDS = {  # of files of boxes, ISO base media: the four letters behind `ftyp`
    b"heic": "a HEIC image", b"heix": "a HEIC image", b"heim": "a HEIC image", b"heis": "a HEIC image",
    b"hevc": "a HEIC image", b"hevx": "a HEIC image", b"mif1": "a HEIF image", b"msf1": "a HEIF image",
    b"jxl ": "a JPEG XL image", b"crx ": "a camera's raw file",
}  # fmt: skip
_NETPBM = re.compile(rb"P[1-7fF]\s")
_STARTS = {  # of formats that are read
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}


@cache
def readable() -> tuple[str, ...]:
    """Return the formats of READ that the installed Pillow reads; an old one knows no AVIF."""
    Image.init()
    return tuple(name for name in READ if name in Image.OPEN)


def why_not_read(data: bytes) -> str:
    """Return what a file is that Pillow recognises as no image of a format in READ, and what to do with it."""
    brand = data[8:12] if data[4:8] == b"ftyp" else None
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if found := next((rest for at, letters, *rest in _SIGNATURES if data.startswith(letters, at)), None):
        name, remedy = found
    elif brand in (b"avif", b"avis"):
        name, remedy = "a damaged AVIF image, or one for which this Pillow is too old", "Convert it to JPEG or PNG"
    elif brand is not None:
        name, remedy = (_BRANDS[brand], _CONVERT) if brand in _BRANDS else ("an MP4 or QuickTime video", _VIDEO)
    elif _NETPBM.match(data):
        name, remedy = "a Netpbm image (PPM, PGM, PBM)", _CONVERT
    elif b"<svg" in start:
        name, remedy = "an SVG drawing", _DRAWING
    elif (format_ := next((name for letters, name in _STARTS.items() if data.startswith(letters)), None)) or (
        data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    ):
        return f"the image is damaged: its {format_ or 'WebP'} header cannot be read"
    elif not data.strip(b"\0"):
        name, remedy = "nothing but zeros", "as after an interrupted download. Download it again"
    elif (kind := file_kind(data)) and kind.name != "binary data":
        name, remedy = kind.name, "not an image. Put the image itself in its place"
    elif kind is None and _is_text(data[:4096]):
        name, remedy = "a text file", "not an image. Put the image itself in its place"
    else:
        return f"the file is not an image of a format that is read ({', '.join(READ)}). {CONVERT}"
    return f"the file is {name}, {remedy}"


def _is_text(start: bytes) -> bool:
    letters = start.decode("utf-8", errors="ignore")
    return len(letters) > len(start) - 4 and all(letter.isprintable() or letter in "\r\n\t" for letter in letters)
