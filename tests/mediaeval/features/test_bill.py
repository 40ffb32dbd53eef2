"""The bill of an extraction: what was computed and found, and how bills of parts are added."""

from dataclasses import replace

import pytest

from mediaeval.data.dataset import load_dataset
from mediaeval.features.bill import Bill
from mediaeval.features.extract import extract
from mediaeval.features.store import FeatureStore, image_key
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.mediaeval.features.fake_network import average_colour

pytestmark = pytest.mark.integration


def counts(bill: Bill) -> dict[str, int]:
    return {name: value for name, value in bill.to_dict().items() if value and "second" not in name}


def test_what_is_stored_is_found_and_what_fails_is_counted(make_devset, tmp_path):
    folder, store = make_devset(6), FeatureStore(tmp_path / "store")
    (folder / "images/d1.jpg").write_bytes((folder / "images/d0.jpg").read_bytes())  # two ids, one vector
    (folder / "images/d5.jpg").write_bytes(b"no picture")
    dataset = load_dataset(folder, TASK)
    first = extract(dataset.some(["d0", "d1", "d2", "d5"]), [average_colour()], store).bill
    assert counts(first) == {"images": 4, "failed": 1, "decoded": 3, "computed": 2}
    second = extract(dataset, [average_colour(), average_colour("more")], store).bill
    assert counts(second) == {"images": 6, "failed": 1, "decoded": 5, "found": 2, "computed": 2 + 4}
    assert second.work_seconds > 0 and second.images_per_second == pytest.approx(5 / second.work_seconds)


def test_a_vector_that_another_process_computes_meanwhile_was_computed_twice(make_devset, tmp_path):
    dataset, store = load_dataset(make_devset(3), TASK), FeatureStore(tmp_path / "store")
    network = average_colour()

    def and_another_process(batch):
        extract(dataset.some(["d1"]), [network], store)
        return network.forward(batch)

    features = extract(dataset, [replace(network, forward=and_another_process)], store)
    assert counts(features.bill) == {"images": 3, "decoded": 3, "computed": 3, "twice": 1}
    assert image_key(features.contents["d1"]) in features.files["colours"]


def test_bills_of_parts_are_added_and_read_back():
    parts = [Bill(images=2, computed=3, work_seconds=1.5), Bill(images=1, failed=1, found=4, start_seconds=0.25)]
    whole = sum(parts, Bill())
    assert whole == Bill(images=3, failed=1, found=4, computed=3, start_seconds=0.25, work_seconds=1.5)
    assert Bill.from_dict(whole.to_dict()) == whole
    first, views = Bill(images=2, found=1, computed=1, work_seconds=1), Bill(images=2, found=2, computed=6)
    assert first.followed_by(views) == Bill(images=2, found=1, computed=7, work_seconds=1), "of the same images"
    for broken in ({}, whole.to_dict() | {"found": -1}, whole.to_dict() | {"found": "many"}):
        with pytest.raises((KeyError, TypeError)):
            Bill.from_dict(broken)
