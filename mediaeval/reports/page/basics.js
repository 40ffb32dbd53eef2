"use strict";
// The report's numbers, and how elements are made. Texts of data go into the page through textContent alone, so that
// a label called <script> is a label.

const report = JSON.parse(document.getElementById("report").textContent);

function make(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name === "text") element.textContent = value;
    else if (name === "class") element.className = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const number = (value, digits = 3) =>
  value === null || value === undefined ? "–" : Math.abs(value) < 1000 ? value.toFixed(digits) : value.toFixed(0);

// The picture of an image from its sheet, whole and in its proportions; grey where it has none.
function picture(index, scale = 1) {
  const place = report.places[index];
  if (!place) {
    const [id, gone] = report.images[index];
    return make("span", { class: "pic gone", title: gone ? `${id}: ${gone}` : id }, make("span", { text: id }));
  }
  const [sheet, k, width, height] = place;
  const element = make("span", { class: `pic s${sheet}`, role: "img", "aria-label": report.images[index][0] });
  // sizes are in tiles, so that a style sheet may show them larger or smaller
  const part = (pixels) => `calc(var(--tile) * ${scale} * ${pixels / report.tile})`;
  element.style.width = part(width);
  element.style.height = part(height);
  element.style.backgroundSize = `${part(report.columns * report.tile)} auto`;
  const column = k % report.columns, row = Math.floor(k / report.columns);
  element.style.backgroundPosition = `${part(-column * report.tile)} ${part(-row * report.tile)}`;
  return element;
}

// Calls `later` once per frame, however often it is asked for: a slider moves faster than a gallery is drawn.
function onceAFrame(later) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; later(); });
  };
}
