"use strict";
// The images of a subtask as tiles: sorted, filtered, drawn a few hundred at a time as one scrolls.

const AT_A_TIME = 240;

class Gallery {
  constructor(part, judged) {
    this.judged = judged;
    this.grid = part.querySelector(".grid");
    this.shown = part.querySelector(".shown");
    this.more = part.querySelector(".more");
    this.choices = Object.fromEntries([...part.querySelectorAll("[data-choice]")].map((e) => [e.dataset.choice, e]));
    this.offer();
    for (const choice of Object.values(this.choices)) choice.addEventListener("change", () => this.draw());
    this.grid.addEventListener("click", (event) => this.enlarge(event.target.closest(".tile")));
    this.grid.addEventListener("keydown", (event) => this.walk(event));
    new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) this.extend(); },
      { rootMargin: "600px" }).observe(this.more);
    this.refresh = onceAFrame(() => this.draw());
  }

  offer() {
    const { rows, labels } = this.judged.subtask;
    const option = (value, text) => make("option", { value, text });
    this.choices.sort.append(option("loss", "loss, highest first"));
    if (rows.margin) this.choices.sort.append(option("margin", "margin, least first"));
    if (rows.disagreement) this.choices.sort.append(option("disagreement", "disagreement of the runs"));
    this.choices.sort.append(option("output", "output of the label"));
    this.choices.sort.lastChild.disabled = true; // until a label is chosen
    this.choices.label.append(option("", "all"), ...labels.map((label, j) => option(j, label)));
  }

  value(i) {
    const { rows } = this.judged;
    const sort = this.choices.sort.value;
    if (sort === "margin") return this.judged.margin(i);
    return sort === "output" ? rows.outputs[i][this.label] : rows[sort][i];
  }

  fits(i) {
    const outcome = this.choices.outcome ? this.choices.outcome.value : "all";
    if (!this.judged.hasDecisions) return true;
    if (this.label === null) {
      if (outcome === "all") return true;
      if (outcome === "right") return this.judged.isRight(i);
      return outcome === "wrong" ? !this.judged.isRight(i) : this.judged.outcomes(i).includes(outcome);
    }
    // of one label: the images that have it or are given it
    const own = this.judged.outcome(i, this.label);
    return { all: own !== "tn", wrong: own[0] === "f", right: own === "tp", fp: own === "fp", fn: own === "fn" }[outcome];
  }

  draw() {
    const chosen = this.choices.label.value;
    this.label = chosen === "" ? null : Number(chosen);
    const byOutput = [...this.choices.sort.options].find((one) => one.value === "output");
    byOutput.disabled = this.label === null;
    if (byOutput.disabled && byOutput.selected) this.choices.sort.value = "loss";
    const values = this.judged.rows.image.map((_, i) => this.value(i));
    const sign = this.choices.sort.value === "margin" ? 1 : -1;
    this.order = values.map((_, i) => i).filter((i) => this.fits(i)).sort((a, b) => sign * (values[a] - values[b]) || a - b);
    this.values = values;
    this.shown.textContent = `${this.order.length} of ${this.judged.n} images`;
    this.grid.replaceChildren();
    this.extend();
  }

  extend() {
    if (!this.order) return;
    const from = this.grid.children.length;
    this.grid.append(...this.order.slice(from, from + AT_A_TIME).map((i, k) => this.tile(i, from + k === 0)));
    this.more.textContent = this.grid.children.length < this.order.length ? "…" : "";
  }

  tile(i, first) {
    const image = this.judged.rows.image[i];
    const outcome = !this.judged.hasDecisions ? "" : this.label !== null ? this.judged.outcome(i, this.label)
      : this.judged.isRight(i) ? "right" : "wrong";
    const mark = { fp: "FP", fn: "FN", tp: "TP", wrong: "✗" }[outcome] || "";
    const told = !this.judged.hasDecisions ? "" : [this.judged.rows.truth, this.judged.decided]
      .map((table) => this.judged.names(table, i).join(", ") || "none").join(" → ");
    const spoken = `${report.images[image][0]}: ${told} ${outcome}`;
    const tile = make("button", { type: "button", class: `tile ${outcome}`, "data-image": image, tabindex: first ? 0 : -1, title: spoken, "aria-label": spoken },
      picture(image), make("span", { class: "note" }, make("b", { text: mark }), make("span", { text: number(this.values[i], 2) })));
    if (this.judged.subtask.form === "classes" && !this.judged.isRight(i)) tile.append(make("span", { class: "told", text: told }));
    return tile;
  }

  enlarge(tile) {
    if (!tile) return;
    this.focus(tile);
    const list = this.order.map((i) => this.judged.rows.image[i]);
    look.open(this.judged, Number(tile.dataset.image), list, (image) => this.focus(this.reach(list.indexOf(image))));
  }

  // The k-th tile, drawn if it is not yet.
  reach(k) {
    while (k >= this.grid.children.length && this.grid.children.length < this.order.length) this.extend();
    return this.grid.children[k];
  }

  // One tile is in the order of the Tab key; arrow keys lead to the others.
  focus(tile) {
    if (!tile) return;
    this.grid.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    tile.setAttribute("tabindex", "0");
    tile.focus();
  }

  walk(event) {
    const tiles = [...this.grid.children];
    const k = tiles.indexOf(document.activeElement);
    if (k < 0) return;
    const columns = tiles.findIndex((tile) => tile.offsetTop > tiles[0].offsetTop);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -k, End: this.order.length - 1 - k }[event.key];
    if (by === undefined || (columns < 0 && event.key.match(/Up|Down/))) return;
    event.preventDefault();
    this.focus(k + by >= 0 ? this.reach(k + by) : null);
  }
}
