"""A PNG without what stands beside its pixels: texts and profiles, for which Pillow refuses the whole image."""

import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")


def without_notes(data: bytes) -> bytes | None:
    """Return a PNG that holds only what its pixels and its EXIF orientation need; None where nothing is left out.

    An EXIF block whose checksum is wrong is left out as well; pixels are kept as they are, damaged ones among them.
    """
    if not data.startswith(_SIGNATURE):
        return None
    parts, at, left_out = [_SIGNATURE], len(_SIGNATURE), False
    while at + 8 <= len(data):
        name = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4])
        keep = name in _PIXELS or (
            name == b"eXIf" and zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end])
        )
        if keep:
            parts.append(data[at:end])
        left_out = left_out or not keep
        at = end
        if name == b"IEND":
            break
    return b"".join(parts) if left_out else None
