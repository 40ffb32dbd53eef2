"use strict";
// A slider for each label: counts, F1 and the gallery follow it. What was moved can be saved as a file that
// `mediaeval thresholds` reads.

class Thresholds {
  constructor(part, judged, changed) {
    this.judged = judged;
    this.changed = changed;
    this.fields = [...part.querySelectorAll("fieldset")].map((field) => ({
      field,
      range: field.querySelector("[type=range]"),
      exact: field.querySelector("[type=number]"),
      out: Object.fromEntries([...field.querySelectorAll("[data-count]")].map((e) => [e.dataset.count, e])),
      was: field.querySelector("[data-was]"),
    }));
    this.total = Object.fromEntries([...part.querySelectorAll("[data-total]")].map((e) => [e.dataset.total, e]));
    this.totalWas = Object.fromEntries([...part.querySelectorAll(".totals [data-was]")].map((e) => [e.dataset.was, e]));
    this.buttons = Object.fromEntries([...part.querySelectorAll("[data-do]")].map((e) => [e.dataset.do, e]));
    this.next = part.querySelector("[data-part=next]");
    this.before = judged.scores();
    this.fields.forEach(({ range, exact }, label) => {
      range.addEventListener("input", () => this.move(label, range.valueAsNumber));
      // when it is finished: half of "0,5" is 0; what is no threshold gives way to the one in force
      exact.addEventListener("change", () => {
        if (exact.validity.valid && !Number.isNaN(exact.valueAsNumber)) this.move(label, exact.valueAsNumber);
        else this.show();
      });
      range.addEventListener("dblclick", () => { judged.back(label); this.show(); this.changed(); });
    });
    this.buttons.reset.addEventListener("click", () => { judged.reset(); this.show(); this.changed(); });
    this.buttons.export.addEventListener("click", () => this.save());
    part.addEventListener("submit", (event) => event.preventDefault()); // Enter in a number
    this.show();
  }

  move(label, threshold) {
    this.judged.move(label, threshold);
    this.show();
    this.changed();
  }

  show() {
    const { judged, before } = this;
    const now = judged.scores();
    for (const mean of ["weighted", "macro"]) {
      this.total[mean].textContent = number(now[mean], 4);
      this.total[mean].title = now[mean]; // all its digits
      this.totalWas[mean].textContent = judged.moved.size ? `was ${number(before[mean], 4)}` : "";
    }
    this.fields.forEach(({ field, range, exact, out, was }, label) => {
      const moved = judged.moved.has(label);
      const threshold = moved ? judged.moved.get(label) : judged.subtask.thresholds.own[label];
      range.value = threshold;
      exact.value = number(threshold);
      field.classList.toggle("moved", moved);
      for (const [name, element] of Object.entries(out)) {
        element.textContent = name === "f1" ? number(now.labels[label].f1) : now.labels[label][name];
      }
      was.textContent = moved ? `was ${number(before.labels[label].f1)}` : "";
    });
    for (const button of Object.values(this.buttons)) button.disabled = judged.moved.size === 0;
    this.next.hidden = judged.moved.size === 0;
  }

  save() {
    const thresholds = {};
    for (const { subtask, moved } of allJudged) {
      if (!moved.size) continue;
      thresholds[subtask.key] = Object.fromEntries([...moved].map(([label, value]) => [subtask.keys[label], value]));
    }
    const text = JSON.stringify({ format: 1, run: report.run, digest: report.digest, thresholds }, null, 2);
    const address = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
    make("a", { href: address, download: "thresholds.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }
}
