"use strict";
// What outputs lead to: which labels are given, how many of them rightly, and F1 as scikit-learn computes it
// (zero_division 0). A label whose threshold was not moved is decided as the run decided it.

class Judged {
  constructor(subtask) {
    this.subtask = subtask;
    this.rows = subtask.rows;
    this.n = subtask.rows.image.length;
    this.width = subtask.labels.length;
    this.hasDecisions = subtask.form === "classes" || subtask.form === "decisions";
    this.row = new Map(subtask.rows.image.map((image, i) => [image, i]));
    this.moved = new Map(); // label → threshold
    this.reset();
  }

  reset() {
    this.moved.clear();
    this.decided = this.rows.decided.map((row) => row.slice());
  }

  move(label, threshold) {
    this.moved.set(label, threshold);
    this.decide(label);
  }

  back(label) {
    this.moved.delete(label);
    this.decide(label);
  }

  // Decides anew after the threshold of one label has moved. Where a set must have so many items, all depend on it.
  decide(label) {
    const fitting = this.subtask.thresholds.fitting;
    for (let i = 0; i < this.n; i++) {
      if (this.moved.size === 0) this.decided[i] = this.rows.decided[i].slice();
      else if (fitting) this.decided[i] = this.fitted(i, fitting);
      else if (this.moved.has(label)) this.decided[i][label] = Number(this.rows.outputs[i][label] >= this.moved.get(label));
      else this.decided[i][label] = this.rows.decided[i][label];
    }
  }

  // As mediaeval/answers/decisions.py: at most `most` items, and one at least unless the set may be empty.
  fitted(i, { most, empty }) {
    const above = this.rows.outputs[i].map((output, j) => output - this.threshold(i, j));
    const order = above.map((_, j) => j).sort((a, b) => above[b] - above[a] || a - b);
    const given = above.map((value) => Number(value >= 0));
    if (most !== null) order.slice(most).forEach((j) => { given[j] = 0; });
    if (!empty && !given.includes(1)) given[order[0]] = 1;
    return given;
  }

  // What the output of a row was compared with: out of fold, the threshold of its fold.
  threshold(i, label) {
    const { own, by_fold } = this.subtask.thresholds;
    if (this.moved.has(label)) return this.moved.get(label);
    return by_fold && this.rows.fold ? by_fold[this.rows.fold[i]][label] : own[label];
  }

  counts(label) {
    let tp = 0, fp = 0, fn = 0;
    for (let i = 0; i < this.n; i++) {
      const given = this.decided[i][label], has = this.rows.truth[i][label];
      if (given && has) tp++;
      else if (given) fp++;
      else if (has) fn++;
    }
    return { tp, fp, fn, f1: tp ? 2 * tp / (2 * tp + fp + fn) : 0, support: tp + fn };
  }

  // Counts of all labels, and the means of their F1: by support, and plain.
  scores() {
    const labels = this.subtask.labels.map((_, j) => this.counts(j));
    const support = labels.reduce((sum, one) => sum + one.support, 0);
    const macro = labels.reduce((sum, one) => sum + one.f1, 0) / labels.length;
    const weighted = support ? labels.reduce((sum, one) => sum + one.f1 * one.support, 0) / support : macro;
    return { labels, weighted, macro };
  }

  // "tp", "fp", "fn" or "tn" of one label of a row.
  outcome(i, label) {
    return (this.decided[i][label] === this.rows.truth[i][label] ? "t" : "f") + (this.decided[i][label] ? "p" : "n");
  }

  outcomes(i) {
    return this.subtask.labels.map((_, j) => this.outcome(i, j));
  }

  isRight(i) {
    return this.outcomes(i).every((outcome) => outcome[0] === "t");
  }

  margin(i) {
    if (this.moved.size === 0) return this.rows.margin[i];
    const signed = (output, j) => (output - this.threshold(i, j)) * (this.rows.truth[i][j] ? 1 : -1);
    return Math.min(...this.rows.outputs[i].map(signed));
  }

  // The names of the labels of a row, of its truth or as decided.
  names(table, i) {
    return this.subtask.labels.filter((_, j) => table[i][j]);
  }
}
