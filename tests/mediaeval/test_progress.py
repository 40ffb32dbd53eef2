"""Progress in a pipe: lines for finished epochs, which people count from 1."""

import logging

import pytest

from mediaeval.progress import with_epoch_lines


@pytest.mark.parametrize(
    ("total", "shown"),
    [(1, [1]), (3, [1, 2, 3]), (65, [1, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 65])],
)
def test_about_ten_finished_epochs_are_told(caplog, total, shown):
    caplog.set_level(logging.INFO, "mediaeval")
    seen: list[int] = []
    advance = with_epoch_lines(lambda done, total, note="": seen.append(done), "a title")
    for epoch in range(total):
        advance(epoch, total, "a batch")
        advance(epoch + 1, total, f"epoch {epoch + 1} of {total}")
    assert len(seen) == 2 * total
    assert caplog.messages == [f"a title: epoch {number} of {total}" for number in shown]


def test_a_resumed_training_tells_of_its_own_epochs(caplog):
    caplog.set_level(logging.INFO, "mediaeval")
    advance = with_epoch_lines(lambda done, total, note="": None, "a title")
    for done, note in [(2, ""), (2, "a batch"), (3, "epoch 3 of 3")]:
        advance(done, 3, note)
    assert caplog.messages == ["a title: epoch 3 of 3"]
