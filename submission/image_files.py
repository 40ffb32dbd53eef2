"""The image files of a folder by the id that each belongs to: what is read, and what lies there beside it."""

from collections.abc import Iterable
from pathlib import Path

from submission.names import same_name_key
from submission.wording import both, in_ascii

# In any case; what a file holds is told from its bytes. The last ones are how Twitter's images are saved.
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".avif", ".jpg_large", ".jpg-large", ".jpg:large", ".jpg_orig", ".png_large", ".png-large"),
)
USUAL_SUFFIXES = (".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".avif")  # named in messages
UNREAD_SUFFIXES = (  # images whose formats are not read
    *(".heic", ".heif", ".jp2", ".j2k", ".jpf", ".jpx", ".jxl", ".jxr", ".eps", ".ps", ".ai", ".svg", ".svgz", ".psd"),
    *(".xcf", ".ico", ".tga", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".qoi", ".exr", ".hdr", ".dds", ".wmf", ".emf"),
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".orf", ".raf", ".rw2", ".pef", ".srw", ".x3f"),
    *(".dcm", ".fits"),
)
VIDEO_SUFFIXES = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
# notes that lie beside images: such a file does not take an image's place
_NOTES = (".csv", ".tsv", ".txt", ".md", ".json", ".xml", ".xmp", ".yaml", ".yml", ".npy", ".npz", ".pt", ".aae")


class ImageFiles:
    """The files of a folder that may be images. Names are compared by `same_name_key`.

    read    key of an id → the files that are read for it: more than one is a mistake
    unread  key of an id → files in its place that end otherwise, the likeliest first
    """

    def __init__(self, files: Iterable[Path]):
        self.read: dict[str, list[Path]] = {}
        self.unread: dict[str, list[Path]] = {}
        self._twice_named: dict[str, list[Path]] = {}  # `x.tif.jpg`, which may be listed as `x.tif`
        for path in files:
            stem, suffix = stem_and_suffix(path.name)
            key = same_name_key(stem)
            if suffix.lower() in IMAGE_SUFFIXES:
                self.read.setdefault(key, []).append(path)
                inner, second = stem_and_suffix(stem)
                if second.lower() in IMAGE_SUFFIXES:
                    self._twice_named.setdefault(same_name_key(inner), []).append(path)
            elif suffix.lower() not in _NOTES:
                self.unread.setdefault(key, []).append(path)
                if suffix:  # of an id with a dot, and a file without extension
                    self.unread.setdefault(same_name_key(path.name), []).append(path)
                inner, second = stem_and_suffix(stem)
                if second.lower() in IMAGE_SUFFIXES:  # `x.jpg.crdownload`, `x.jpg.part`, `x.jpg.1`
                    self.unread.setdefault(same_name_key(inner), []).append(path)
        for paths in self.unread.values():
            paths.sort(key=lambda path: path.suffix.lower() not in (*UNREAD_SUFFIXES, ""))

    def of(self, image_id: str) -> list[Path]:
        """Return the files that are read for an id; none where there is no image, or one of another format."""
        key = same_name_key(image_id)
        return self.read.get(key) or self._twice_named.get(key) or []

    def called(self, name: str) -> list[Path]:
        """Return the file of a name, with its extension, among those that are read; none where there is none."""
        key, stem = same_name_key(name), same_name_key(stem_and_suffix(name)[0])
        return [path for path in self.read.get(stem, ()) if same_name_key(path.name) == key]

    def instead(self, image_id: str) -> Path | None:
        """Return the file that lies in the place of an id's image, and does not end as images do."""
        found = self.unread.get(same_name_key(image_id), ())
        return next((path for path in found if not path.is_dir()), None)

    def left_out(self) -> list[Path]:
        """Return the images that would be left out where ids are the names of files: those of other formats."""
        return [
            paths[0]
            for key, paths in self.unread.items()
            if paths[0].suffix.lower() in UNREAD_SUFFIXES and key not in self.read
        ]


def stem_and_suffix(name: str) -> tuple[str, str]:
    """Return a name before its last dot, and the rest with the dot; a hidden file's name has no suffix.

    >>> stem_and_suffix("a.b.JPG"), stem_and_suffix("a")
    (('a.b', '.JPG'), ('a', ''))
    """
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


def names_of(paths: Iterable[Path]) -> str:
    """Return the names of the files of one id for a message: as they are, or in ASCII where they look alike."""
    names = [path.name for path in paths]
    alike = len(set(map(same_name_key, names))) < len(names)
    return both([in_ascii(name) if alike else name for name in names])
