"""What a weight file is, by its content: names are often wrong, and a page may be saved under any of them.

`content_of` tells the formats that are read here from each other, and from what people have in their place: pointers,
pages, archives, the files of other frameworks. Each of these has one sentence about what to do.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from submission.reading import open_regular
from submission.wording import quoted


@dataclass(frozen=True)
class Content:
    """What a file is. `what` follows "is", `remedy` says what to do; a kind that is read here needs none."""

    what: str
    remedy: str = ""


SAFETENSORS = Content("a .safetensors file")
TORCH = Content("a PyTorch file")  # a zip archive
TORCH_LEGACY = Content("a PyTorch file of before 1.6")  # pickles, then the numbers
HDF5 = Content("an HDF5 file")
MXNET = Content("an MXNet .params file")
CAFFE = Content("a .caffemodel")
READ_HERE = (SAFETENSORS, TORCH, TORCH_LEGACY, HDF5, MXNET, CAFFE)

# read by PyTorch, but only together with the code in it
TORCHSCRIPT = Content(
    "a TorchScript archive, a network with its code",
    "Save the tensors alone: torch.save(torch.jit.load(FILE).state_dict(), 'new.pth').",
)
TEXT = Content("text", "Give the file with the weights.")
PICKLE = Content(
    "a pickle that torch.save did not write, and loading it could run code",
    "Convert it to .safetensors with the program that wrote it.",
)

DAMAGED = "cut short or damaged"
_AGAIN = "Download it again."
_UNPACK = "Unpack it and give the weight file that is inside."
_SHARDS = Content(
    "a JSON index of weights in several files",
    "Load the model with the library that it is from, and save its state dict as one .safetensors file.",
)
_LFS = "In the repository that it is from, run: git lfs pull. Or download the file from the repository's page."
_PAGE = Content("a web page (HTML) saved in place of the file", "Download the file itself, with its direct link.")
_TENSORFLOW = "Load it with TensorFlow and save its variables as a Keras .h5 file or as .safetensors."
_ONNX = Content("an ONNX model", "Give the weights that it was exported from, as .safetensors or a PyTorch file.")

_BEGINNINGS: tuple[tuple[bytes, Content], ...] = (
    (b"\x89HDF\r\n\x1a\n", HDF5),
    ((0x112).to_bytes(8, "little"), MXNET),
    (b"version https://git-lfs", Content("a Git LFS pointer, which stands for the file", _LFS)),
    (
        b"\x1f\x8b",
        Content("compressed with gzip", "Decompress it (gunzip; tar -xf for .tgz)."),
    ),
    (b"BZh", Content("compressed with bzip2", "Decompress it with bunzip2.")),
    (b"\xfd7zXZ\x00", Content("compressed with xz", "Decompress it with unxz.")),
    (b"\x28\xb5\x2f\xfd", Content("compressed with zstd", "Decompress it with unzstd.")),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", Content("a RAR archive", _UNPACK)),
    (b"\x93NUMPY", Content("a single array of NumPy", "Save the arrays with their keys as .safetensors.")),
    (b"MATLAB ", Content("a MATLAB file", "Save its arrays as .safetensors with SciPy and NumPy.")),
    (b"GGUF", Content("a GGUF file", "Give the weights that it was made from, as .safetensors.")),
    (
        b"\x00\x05\x16\x07",
        Content("a file of macOS about another one", "Give the file whose name lacks the ._ before it."),
    ),
    (b"\x89PNG", Content("a PNG image", _AGAIN)),
    (b"\xff\xd8\xff", Content("a JPEG image", _AGAIN)),
    (b"%PDF", Content("a PDF document", _AGAIN)),
    (bytes(64), Content("nothing but zeros at its beginning: a download that broke off", _AGAIN)),
)
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")  # in the first pickle of a legacy PyTorch file
_LEVELDB_END = bytes.fromhex("57fb808b247547db")  # TensorFlow's checkpoints, their index since version 2
_HTML = re.compile(rb"<(!doctype|html|head|body|\?xml|!--|script|title)", re.I)
_ONNX_BEGIN = re.compile(rb"\x08[\x02-\x20][\x12\x1a\x22\x28\x32\x3a\x42]")
# A NetParameter of Caffe begins with its name, or with an input or a layer; TensorFlow's graph with a node, whose
# first byte is that of its own name
_CAFFE_NAME = re.compile(rb"\x0a([\x01-\x7f])", re.S)
_CAFFE_FIELDS = (b"\x12", b"\x1a", b"\x20", b"\x42", b"\xa2\x06", b"\x28", b"\x32", b"\x38")
_IS_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


def content_of(path: Path) -> Content:
    """Return what a file is. Raises OSError if it cannot be opened, or is a folder, pipe, socket or device."""
    path = Path(path)
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        end = file.read(8)
        file.seek(0)
        start = file.read(4096)
        if start.startswith(b"PK"):
            return _zip(file)
    return _of_bytes(path, start, end)


def _of_bytes(path: Path, start: bytes, end: bytes) -> Content:
    if not start:
        return Content("empty", _AGAIN)
    for beginning, content in _BEGINNINGS:
        if start.startswith(beginning):
            return content
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and 2 <= header < 2**40:
        return SAFETENSORS
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return TORCH_LEGACY if _TORCH_MAGIC in start[:40] else PICKLE
    if start[257:262] == b"ustar":
        return Content("a tar archive", _UNPACK)
    if end == _LEVELDB_END or re.search(r"\.data-\d+-of-\d+$", path.name):
        return Content("a part of a checkpoint of TensorFlow", _TENSORFLOW)
    if start[4:8] == b"TFL3":
        return Content("a TensorFlow Lite model", _TENSORFLOW)
    if start.startswith(b"\x08\x01\x12"):
        return Content("a SavedModel of TensorFlow", _TENSORFLOW)
    if _ONNX_BEGIN.match(start):
        return _ONNX
    return _text(start) or _caffe(path, start)


def _text(start: bytes) -> Content | None:
    words = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(words):
        return _PAGE
    if not _IS_TEXT.fullmatch(start):
        return None
    if words[:1] in (b"{", b"["):
        return _SHARDS if b'"weight_map"' in words or b'"metadata"' in words else Content("JSON", TEXT.remedy)
    if re.match(rb"(name\s*:|layers?\s*\{|input\s*:)", words):
        return Content("text: a .prototxt describes a network and holds no weights", "Give the .caffemodel beside it.")
    return TEXT if words.isascii() else None


def _caffe(path: Path, start: bytes) -> Content:
    """Return CAFFE for what may be one, by its first bytes or by having its suffix or none."""
    if named := _CAFFE_NAME.match(start):
        name, rest = start[2 : 2 + named[1][0]], start[2 + named[1][0] :]
        if re.fullmatch(rb"[\x20-\x7e]+", name) and rest.startswith(_CAFFE_FIELDS):
            return CAFFE
        if start[2:3] == b"\x0a" and re.search(rb"Const|Placeholder", start):
            return Content("a graph of TensorFlow", _TENSORFLOW)
    if path.suffix in ("", ".caffemodel"):  # DeepSentiBank's has none
        return CAFFE
    return Content(
        f"of no known kind: it begins with {quoted(start[:12])}",
        "Download it again, or convert it to .safetensors with the program that wrote it.",
    )


def _zip(file: BinaryIO) -> Content:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises many exception types on a damaged directory
        file.seek(30)
        torch = re.match(rb"[^/\x00]{1,200}/(data\.pkl|\.format_version|version|byteorder)", file.read(300))
        of = "a PyTorch file" if torch else "a zip archive"
        return Content(f"{of} that is {DAMAGED}", _AGAIN)
    parts = {name.partition("/")[2] for name in names}
    if "data.pkl" in parts:
        return TORCHSCRIPT if "constants.pkl" in parts else TORCH
    if names and all(name.endswith(".npy") for name in names):
        return Content("an .npz archive of NumPy", "Save its arrays as .safetensors: safetensors.numpy.save_file.")
    if "model.weights.h5" in names:
        return Content("a .keras file of Keras 3", "Save the model as a .h5 file: model.save('model.h5').")
    first = f", such as {quoted(names[0])}" if names else ""
    return Content(f"a zip archive of {len(names)} files{first}", _UNPACK)
