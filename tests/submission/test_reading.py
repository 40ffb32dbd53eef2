"""Only regular files are read, and nothing waits."""

import os

import pytest

from submission.reading import NotRegularFileError, read_regular
from submission.wording import printable


def test_the_bytes_of_a_file_and_of_a_link_to_it(tmp_path):
    (tmp_path / "a").write_bytes(b"\x00one\r\n")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "a") == read_regular(tmp_path / "b") == b"\x00one\r\n"


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegularFileError, match="named pipe") as raised:
        read_regular(tmp_path / "pipe")
    assert raised.value.strerror == "is a named pipe, not a file"


def test_a_device_a_folder_and_nothing_are_what_they_are(tmp_path):
    with pytest.raises(NotRegularFileError, match="is a device"):
        read_regular("/dev/zero")
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="no file can have"):
        read_regular("a\0b")


def test_what_would_move_a_terminals_cursor_is_escaped():
    assert printable("\x1b]0;title\x07 \x9b2J ‮abc \u2028 é 写\tx\n") == (
        "\\x1b]0;title\\x07 \\x9b2J \\u202eabc \\u2028 é 写\tx\n"
    )
    assert printable("\ud800") == "\\ud800"
