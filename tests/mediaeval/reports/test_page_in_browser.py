"""The page of a report in a real browser: what it shows, what moves it, and that it asks nobody for anything."""

import json
import time

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mediaeval.answers.decisions import decided as decided_by
from mediaeval.reports.page import write_page
from submission.kinds import SetKind
from submission.task import Subtask
from tests.mediaeval.reports.example import HOSTILE, drawn_images, example

pytestmark = [pytest.mark.browser, pytest.mark.integration]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # both given, so that selenium looks for nothing
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.downloads = tmp_path_factory.mktemp("downloads")
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior",
        {"behavior": "allow", "downloadPath": str(driver.downloads), "eventsEnabled": True},
    )
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of 40 images, one of which is no image."""
    folder = tmp_path_factory.mktemp("page")
    report = example(40)
    paths = drawn_images(folder / "images", len(report["images"]), side=60)
    paths[7].write_bytes(b"nonsense")
    return report, write_page(report, paths, folder / "report.html")


@pytest.fixture
def page(browser, written):
    """The page, opened anew, wide; what it asked for and complained of before is forgotten."""
    resize(browser, 1600)
    for log in ("browser", "performance"):
        browser.get_log(log)
    load(browser, written[1].path)
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def load(browser, path) -> float:
    """Open a page and return the milliseconds that it took; `get` alone may return while it is being read."""
    browser.get(path.as_uri())
    ended = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    until = time.monotonic() + 10
    while not (took := js(browser, ended)) and time.monotonic() < until:
        time.sleep(0.02)
    assert took, "the page did not load within 10 seconds"
    return took


def resize(browser, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def js(browser, code, *arguments):
    return browser.execute_script(f"return {code}", *arguments)


def texts(browser, selector):
    return js(browser, "[...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())", selector)


def choose(browser, name, value):
    browser.execute_script(
        "const e = document.querySelector(`#panel-0 [data-choice=${arguments[0]}]`); e.value = arguments[1];"
        "e.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def slide(browser, label, value):
    """Move a slider of the first subtask as a hand does, and wait for the gallery that follows it."""
    browser.execute_script(
        "const [label, value] = arguments;"
        "const e = document.querySelectorAll('#panel-0 [type=range]')[label]; e.value = value;"
        "e.dispatchEvent(new Event('input'))",
        label,
        value,
    )
    settle(browser)


def settle(browser):
    """Wait until what follows events is drawn: that a dialog was closed is an event of its own."""
    frames = "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(arguments[0])))"
    browser.execute_async_script(frames)


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()
    settle(browser)


def shown_images(browser):
    return [
        int(k) for k in js(browser, "[...document.querySelectorAll('#panel-0 .grid .tile')].map(e => e.dataset.image)")
    ]


def test_nothing_is_asked_of_anybody_and_the_names_of_labels_are_text(page):
    asked = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in urls) == 1, "the page itself"
    # a request that somebody's text managed to make would be refused
    refused = "fetch('https://example.org').then(() => arguments[0]('made'), () => arguments[0]('refused'))"
    assert page.execute_async_script(refused) == "refused"
    page.get_log("browser")  # which says so

    assert texts(page, "#panel-0 legend") == list(HOSTILE)
    assert texts(page, ".eyebrow") == ["Drawn <b>images</b>"]
    assert js(page, "document.querySelectorAll('img[src=x], .eyebrow b').length") == 0
    page.find_element("css selector", "#panel-0 .grid .tile").click()
    assert texts(page, "#look tbody th") == list(HOSTILE)


def test_a_slider_moves_f1_counts_and_the_gallery_as_python_computes_them(page, written):
    subtask = written[0]["subtasks"][0]
    P, truth = np.array(subtask["rows"]["outputs"]), np.array(subtask["rows"]["truth"])
    decided = np.array(subtask["rows"]["decided"])
    exact = "Number(document.querySelector('#panel-0 [data-total=' + arguments[0] + ']').title)"

    def agrees():
        for average in ("weighted", "macro"):
            expected = f1_score(truth, decided, average=average, zero_division=0)
            assert js(page, exact, average) == pytest.approx(expected, abs=1e-12)
        found = {name: [int(n) for n in texts(page, f"#panel-0 [data-count={name}]")] for name in ("tp", "fp", "fn")}
        assert found["tp"] == ((decided == 1) & (truth == 1)).sum(axis=0).tolist()
        assert found["fp"] == ((decided == 1) & (truth == 0)).sum(axis=0).tolist()
        assert found["fn"] == ((decided == 0) & (truth == 1)).sum(axis=0).tolist()

    agrees()  # as the run decided: each fold has its own threshold
    slide(page, 3, 0.7)
    decided[:, 3] = P[:, 3] >= 0.7
    agrees()
    slide(page, 0, 1)  # beyond all outputs: F1 is 0 where there is nothing to divide
    decided[:, 0] = P[:, 0] >= 1
    agrees()
    choose(page, "outcome", "wrong")
    assert sorted(shown_images(page)) == np.flatnonzero((decided != truth).any(axis=1)).tolist()
    slide(page, 0, 0)
    decided[:, 0] = 1
    agrees()
    choose(page, "label", "0")
    choose(page, "outcome", "fp")
    assert sorted(shown_images(page)) == np.flatnonzero(truth[:, 0] == 0).tolist()

    page.find_element("css selector", "#panel-0 [data-do=export]").click()
    file = page.downloads / "thresholds.json"
    until = time.monotonic() + 5
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert json.loads(file.read_text()) == {
        "format": 1,
        "run": "first",
        "digest": "0" * 64,
        "thresholds": {"subtask <2>": {HOSTILE[3]: 0.7, HOSTILE[0]: 0}},
    }
    page.find_element("css selector", "#panel-0 [data-do=reset]").click()
    decided = np.array(subtask["rows"]["decided"])
    agrees()


@pytest.mark.parametrize(("most", "empty"), [(2, True), (None, False), (1, False)])
def test_sets_keep_their_size_when_a_threshold_moves(page, most, empty):
    rng = np.random.default_rng(0)
    P, thresholds = rng.random((50, 4)).round(2), [0.5, 0.6, 0.7, 0.8]
    kind = SetKind(items=tuple("abcd"), most=most, empty=empty)
    subtask = Subtask("tags", "tags", ("tags",), tuple("abcd"), True, kinds=(kind,))
    assert subtask.kind == "set"
    given = {
        "form": "decisions",
        "labels": list("abcd"),
        "rows": {
            "image": list(range(50)),
            "outputs": P.tolist(),
            "truth": [[0] * 4] * 50,
            "decided": decided_by(subtask, P, thresholds).tolist(),
            "fold": None,
        },
        "thresholds": {"own": thresholds, "by_fold": None, "fitting": {"most": most, "empty": empty}},
    }
    moved = "(() => { const judged = new Judged(arguments[0]); judged.move(1, 0.3); return judged.decided; })()"
    assert js(page, moved, given) == decided_by(subtask, P, [0.5, 0.3, 0.7, 0.8]).tolist()


def test_the_gallery_is_sorted_and_filtered(page, written):
    rows = written[0]["subtasks"][0]["rows"]
    assert shown_images(page) == np.argsort(-np.array(rows["loss"]), kind="stable").tolist()
    choose(page, "sort", "margin")
    assert shown_images(page) == np.argsort(rows["margin"], kind="stable").tolist()
    choose(page, "sort", "disagreement")
    assert shown_images(page) == np.argsort(-np.array(rows["disagreement"]), kind="stable").tolist()
    truth, decided = np.array(rows["truth"])[:, 1], np.array(rows["decided"])[:, 1]
    choose(page, "label", "1")
    for outcome, expected in {
        "all": (truth | decided) == 1,
        "right": (truth & decided) == 1,
        "wrong": truth != decided,
        "fp": decided > truth,
        "fn": truth > decided,
    }.items():
        choose(page, "outcome", outcome)
        assert sorted(shown_images(page)) == np.flatnonzero(expected).tolist(), outcome
    assert texts(page, "#panel-0 .shown") == [f"{int((truth > decided).sum())} of 40 images"]


def test_keys_lead_through_images_and_tabs(page):
    from selenium.webdriver.common.keys import Keys

    focused = "document.activeElement.dataset.image"
    order = shown_images(page)
    page.execute_script("document.querySelector('#panel-0 .grid .tile').focus()")
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert js(page, focused) == str(order[2])
    press(page, Keys.ENTER)
    assert texts(page, "#look-title") == [f"image-{order[2]:04}"]
    assert js(page, "document.querySelectorAll('#look .row .tile').length") == 5, "the nearest training images"
    press(page, Keys.ARROW_RIGHT)
    assert texts(page, "#look-title") == [f"image-{order[3]:04}"]
    page.find_element("css selector", "#look [data-do=next]").click()
    page.find_element("css selector", "#look .row .tile").click()  # a training image, from which nothing leads on
    page.find_element("css selector", "#look [data-do=close]").click()
    page.find_element("css selector", f"#panel-0 .grid [data-image='{order[4]}']").click()
    press(page, Keys.ARROW_LEFT)
    assert texts(page, "#look-title") == [f"image-{order[3]:04}"]
    press(page, Keys.ESCAPE)
    assert js(page, "document.getElementById('look').open") is False
    assert js(page, focused) == str(order[3]), "the tile of the image that was looked at last"
    press(page, Keys.END, Keys.ARROW_UP)
    columns = js(
        page, "getComputedStyle(document.querySelector('#panel-0 .grid')).gridTemplateColumns.split(' ').length"
    )
    assert js(page, focused) == str(order[39 - columns])

    page.execute_script("document.querySelector('[role=tab]').focus()")
    press(page, Keys.ARROW_RIGHT)
    assert texts(page, "[role=tab][aria-selected=true]") == ["subtask1: classes"]
    assert js(page, "[...document.querySelectorAll('.panel')].map((e) => e.hidden)") == [True, False, True, True]


def test_what_is_absent_is_named_at_its_place(page):
    assert texts(page, "#panel-0 .pic.gone span")[0] == "image-0007"
    assert "new set left out: there are no groups." in texts(page, ".card .absent")
    assert "something new left out: it is not known here." in texts(page, "#panel-0 > .absent")
    assert "the features are gone." in texts(page, ".lines .absent")


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_the_page_is_as_wide_as_the_window(page, width):
    resize(page, width)
    for tab in page.find_elements("css selector", "[role=tab]"):
        tab.click()
        assert js(page, "document.documentElement.scrollWidth") <= width


@pytest.mark.slow
def test_2432_images_take_5_mb_and_2_seconds(browser, tmp_path):
    """The photographs are noise, which takes more bytes than photographs do."""
    rng = np.random.default_rng(0)
    from PIL import Image

    paths = {}
    for k in range(2432):
        paths[k] = tmp_path / f"{k}.jpg"
        grains = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(grains).resize((320, 240), Image.Resampling.BICUBIC).save(paths[k])
    report = example(2432, n_images=2432)
    for subtask in report["subtasks"]:
        subtask["hard"] = list(range(60))
    page = write_page(report, paths, tmp_path / "report.html")
    assert page.size <= 5_000_000
    assert load(browser, page.path) < 2000
    assert js(browser, "document.querySelectorAll('#panel-0 .grid .tile').length") >= 240
    began = time.monotonic()
    slide(browser, 0, 0.6)
    assert time.monotonic() - began < 0.5
