"use strict";
// Puts the parts together when the page is there.

const allJudged = report.subtasks.map((subtask) => new Judged(subtask));

document.querySelectorAll("[data-subtask]").forEach((panel) => {
  const judged = allJudged[Number(panel.dataset.subtask)];
  const gallery = new Gallery(panel.querySelector("[data-part=gallery]"), judged);
  const thresholds = panel.querySelector("[data-part=thresholds]");
  if (thresholds) new Thresholds(thresholds, judged, gallery.refresh);
  gallery.draw();
  // images that are shown elsewhere in the panel: suspects, slices, those that two runs decide differently
  panel.querySelectorAll(".slot").forEach((slot) => {
    const image = Number(slot.dataset.image);
    const tile = make("button", { type: "button", class: "tile", "data-image": image, title: report.images[image][0], "aria-label": report.images[image][0] }, picture(image));
    const list = () => [...slot.parentElement.querySelectorAll(":scope > .tile")].map((one) => Number(one.dataset.image));
    tile.addEventListener("click", () => look.open(judged, image, list(), () => tile.focus()));
    slot.replaceWith(tile);
  });
});

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", chosen);
    one.tabIndex = chosen ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.focus();
}
tabs.forEach((tab, k) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: k - 1, ArrowRight: k + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(tabs[(to + tabs.length) % tabs.length]);
  });
});
