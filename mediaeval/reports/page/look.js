"use strict";
// One image, enlarged: its picture, what the run makes of it, and the training images that are most like it.

const look = {
  dialog: document.getElementById("look"),
  list: [], // images that arrow keys lead through
  closed: () => {},

  open(judged, image, list, closed = () => {}) {
    Object.assign(this, { judged, image, list, closed });
    if (!this.dialog.open) this.dialog.showModal();
    this.draw();
  },

  step(by) {
    const next = this.list[this.list.indexOf(this.image) + by];
    if (next === undefined) return;
    this.image = next;
    this.draw();
  },

  draw() {
    const { judged, image } = this;
    const [id, gone, path] = report.images[image];
    const i = judged.row.get(image);
    const place = this.list.indexOf(image);
    const count = place < 0 ? "" : `${place + 1} of ${this.list.length}`;
    this.dialog.querySelector("h2").textContent = id;
    this.dialog.querySelector("header .figure").textContent = count;
    const left = make("div", { class: "portrait" }, ...this.pictures(image));
    if (gone) left.append(make("p", { class: "absent", text: gone }));
    if (path) left.append(make("p", { class: "small path", text: path }));
    const right = make("div", { class: "answers" });
    if (i === undefined) right.append(make("p", { class: "small", text: "This image is not among those that the run is judged on here." }));
    else right.append(this.facts(i), this.bars(i), ...this.neighbours(i));
    this.dialog.querySelector(".body").replaceChildren(left, right);
    // what had the focus may be gone, and arrow keys are for the dialog
    if (!this.dialog.contains(document.activeElement)) this.dialog.focus();
  },

  // The larger picture where there is one, with what the network looks at beside it; else the tile, enlarged.
  pictures(image) {
    const large = report.large[image];
    const shown = large ? make("img", { src: large, alt: report.images[image][0] }) : picture(image, 2.5);
    const maps = (report.maps[this.judged.subtask.key] || {})[image] || [];
    const figures = maps.map((map) => make("figure", { class: "map" },
      make("img", { src: map.picture, alt: `what the network looks at for ${map.label}` }),
      make("figcaption", { text: map.label })));
    return figures.length ? [shown, make("div", { class: "maps" }, ...figures),
      make("p", { class: "small", text: "Yellow: support for the label (Grad-CAM of the split's model, which may have been trained on this image)." })] : [shown];
  },

  facts(i) {
    const { rows, where } = this.judged.subtask;
    const facts = [["loss", number(rows.loss[i])]];
    if (rows.margin) facts.push(["margin", number(this.judged.margin(i))]);
    if (rows.disagreement) facts.push(["disagreement", number(rows.disagreement[i])]);
    facts.push(["predicted", rows.fold ? `${where}, fold ${rows.fold[i]}` : where]);
    return make("p", { class: "facts" }, ...facts.map(([name, value]) =>
      make("span", {}, make("span", { class: "small", text: `${name} ` }), make("b", { class: "figure", text: value }))));
  },

  bars(i) {
    const { judged } = this;
    const { subtask, rows } = judged;
    const { second } = rows;
    const heads = ["label", "", "output", "truth", ...(judged.hasDecisions ? ["answer"] : [])];
    if (second) heads.push(report.runs[1]);
    const mark = (outcome, sign, spoken) => make("td", { class: `mark ${outcome}` },
      make("span", { "aria-hidden": "true", text: sign }), make("span", { class: "hidden", text: spoken }));
    const body = subtask.labels.map((label, j) => {
      const has = rows.truth[i][j], output = rows.outputs[i][j];
      const cells = [make("th", { scope: "row", text: label }), make("td", {}, this.bar(i, j)), make("td", { class: "number", text: number(output) })];
      if (judged.hasDecisions) {
        const outcome = judged.outcome(i, j);
        cells.push(mark("", has ? "●" : "", has ? "has it" : "has it not"));
        cells.push(mark(outcome, { tp: "●", fp: "●", fn: "○", tn: "" }[outcome],
          { tp: "given, right", fp: "given, wrong", fn: "not given, wrong", tn: "not given, right" }[outcome]));
      } else cells.push(make("td", { class: "number", text: number(has) }));
      if (second) cells.push(make("td", { class: "number", text: number(second.outputs[i][j]) + (judged.hasDecisions && second.decided[i][j] ? " ●" : "") }));
      return make("tr", {}, ...cells);
    });
    return make("table", { class: "bars" },
      make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col", text })))),
      make("tbody", {}, ...body));
  },

  // An output as a bar; a tick is its threshold, or of numbers the truth. Scores have no fixed range: theirs is that of
  // all outputs and truths of the column.
  bar(i, j) {
    const { subtask, rows } = this.judged;
    const column = subtask.form === "scores" ? [...rows.truth, ...rows.outputs].map((row) => row[j]) : [0, 1];
    const low = column.reduce((a, b) => Math.min(a, b)), high = column.reduce((a, b) => Math.max(a, b));
    const share = (value) => `${100 * Math.min(Math.max((value - low) / (high - low || 1), 0), 1)}%`;
    const bar = make("div", { class: "bar" }, make("span"));
    bar.firstChild.style.width = share(rows.outputs[i][j]);
    const at = subtask.thresholds ? this.judged.threshold(i, j) : this.judged.hasDecisions ? null : rows.truth[i][j];
    if (at !== null) {
      const tick = make("i", { title: `${subtask.thresholds ? "threshold" : "truth"} ${number(at)}` });
      tick.style.left = share(at);
      bar.append(tick);
    }
    return bar;
  },

  neighbours(i) {
    const { rows, subtask } = this.judged;
    if (!rows.neighbours || !rows.neighbours[i].length) return [];
    const tiles = rows.neighbours[i].map((image) => {
      const at = this.judged.row.get(image);
      const tile = make("button", { type: "button", class: "tile", "data-image": image, title: report.images[image][0] }, picture(image));
      if (at !== undefined && this.judged.hasDecisions) {
        tile.append(make("span", { class: "small", text: this.judged.names(rows.truth, at).join(", ") || "no label" }));
      } else if (at !== undefined) tile.append(make("span", { class: "small", text: rows.truth[at].map((v) => number(v, 2)).join(", ") }));
      tile.addEventListener("click", () => { this.image = image; this.draw(); });
      return tile;
    });
    return [make("h3", { text: "Nearest training images" }), make("div", { class: "row" }, ...tiles),
      make("p", { class: "small", text: `below: their true ${subtask.form === "scores" || subtask.form === "probabilities" ? "values" : "labels"}` })];
  },
};

for (const [name, act] of Object.entries({ previous: () => look.step(-1), next: () => look.step(1), close: () => look.dialog.close() })) {
  look.dialog.querySelector(`[data-do=${name}]`).addEventListener("click", act);
}
look.dialog.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  look.step(by);
});
look.dialog.addEventListener("close", () => look.closed(look.image));
look.dialog.addEventListener("click", (event) => { if (event.target === look.dialog) look.dialog.close(); }); // beside it
