"use strict";
// The page without this script has all texts, tables and figures; it adds sorting, filters, the theme, and interactive figures.

const root = document.documentElement;

function remembered(theme) {
  try {
    if (theme) localStorage.setItem("kit-theme", theme);
    return localStorage.getItem("kit-theme");
  } catch {
    return theme ?? null; // a page from a file may have no storage
  }
}

const chosen = remembered();
if (chosen) root.dataset.theme = chosen;

function isDark() {
  return (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const name = () => { button.textContent = isDark() ? button.dataset.light : button.dataset.dark; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
  button.hidden = false;
}

function compare(a, b) {
  const [x, y] = [a, b].map((cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value)));
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a.textContent.localeCompare(b.textContent, root.lang, { numeric: true });
}

function isMissing(cell) {
  return cell.dataset.value === undefined && cell.textContent.trim() === "–";
}

function sort(header) {
  const direction = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = header.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, cell: row.cells[header.cellIndex] }));
  rows.sort((a, b) => isMissing(a.cell) - isMissing(b.cell) || sign * compare(a.cell, b.cell));
  body.append(...rows.map(({ row }) => row));
}

function setUpSorting() {
  for (const header of document.querySelectorAll("table.sortable thead tr:last-child th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(header));
    header.append(button);
  }
}

// A cell is found by its name with the seed (`mobilenet_v2@1/s60`) and without it.
function matches(content, text) {
  return content.includes(text) || content.replace(/@\d+/g, "").includes(text);
}

function filterOne(form, rows) {
  const wanted = new FormData(form);
  const text = wanted.get("text").trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits = ["architecture", "sparsity", "precision"].every((name) => !wanted.get(name) || !row.dataset[name] || row.dataset[name] === wanted.get(name));
    row.hidden = !(fits && matches(row.textContent.toLowerCase(), text));
    shown += !row.hidden;
  }
  form.querySelector("output").textContent = form.dataset.count.replace("%s", shown).replace("%s", rows.length);
}

function setUpFilter(form) {
  const rows = [...form.closest("section").querySelectorAll("table.filterable tbody tr")];
  for (const select of form.querySelectorAll("select")) {
    for (const value of new Set(rows.map((row) => row.dataset[select.name]).filter(Boolean))) {
      select.add(new Option(select.name === "sparsity" ? `${value} %` : value, value));
    }
  }
  form.addEventListener("input", () => filterOne(form, rows));
  form.addEventListener("reset", () => setTimeout(() => filterOne(form, rows)));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
}

// Limits that a reader sets: which cells keep them, in the table and in the picture.
function choose(form, rows, limits) {
  const fits = (row) => limits.every((input) => {
    const cell = row.cells[input.dataset.column];
    if (input.type === "checkbox") return !input.checked || !isMissing(cell);
    if (input.value === "") return true;
    const value = Number(cell.dataset.value ?? NaN);
    return "least" in input.dataset ? value >= Number(input.value) : value <= Number(input.value);
  });
  const hits = rows.filter((row) => (row.hidden = !fits(row)) === false);
  form.querySelector("output").textContent = form.dataset.count.replace("%s", hits.length).replace("%s", rows.length);
  const figure = document.getElementById(form.dataset.figure);
  figure.hits = hits.length === rows.length ? null : hits.map((row) => row.dataset.cell);
  showHits(figure);
}

function showHits(figure) {
  if (figure.view && figure.hits !== undefined) figure.view.signal("hits", figure.hits).runAsync();
}

function setUpChoice(form) {
  const rows = [...form.closest("section").querySelectorAll("table[data-table=choice] tbody tr")];
  const limits = [...form.querySelectorAll("input[data-column]")];
  form.addEventListener("input", () => choose(form, rows, limits));
  form.addEventListener("reset", () => setTimeout(() => choose(form, rows, limits)));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
}

// Confusion matrix and flipping images of the cell that a reader picks.
function setUpMistakes(section) {
  const cells = JSON.parse(section.querySelector("script.cells").textContent);
  const form = section.querySelector("form.look");
  const [heading, said, shots] = ["h3", ".said", ".shots"].map((name) => section.querySelector(name));
  const values = [...section.querySelectorAll(".confusion tbody td")];
  let shown = cells[0];
  form.addEventListener("input", () => {
    const next = cells.find((one) => one.cell === new FormData(form).get("cell"));
    heading.textContent = heading.textContent.replace(shown.title, next.title);
    said.textContent = next.said;
    next.confusion.flat().forEach((text, index) => { values[index].textContent = text; });
    shots.replaceChildren(...next.shots.map(({ text, picture }) => {
      const item = document.createElement("li");
      if (picture) item.append(Object.assign(new Image(64, 64), { src: picture, alt: "" }));
      item.append(text);
      return item;
    }));
    shown = next;
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
}

async function enliven(figure) {
  const picture = figure.querySelector(".picture");
  const specification = JSON.parse(figure.querySelector(".specification").textContent);
  const stage = document.createElement("div");
  const formatLocale = JSON.parse(document.getElementById("numbers").textContent);
  const { view } = await window.vegaEmbed(stage, specification, {
    ast: true, // the page's policy forbids to make code from text
    actions: false,
    defaultStyle: false,
    renderer: "svg",
    formatLocale,
    tooltip: { disableDefaultStyle: false },
  });
  picture.replaceChildren(...stage.children);
  figure.dataset.alive = "";
  figure.view = view;
  showHits(figure);
}

function setUpFigures() {
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      enliven(target).catch((error) => console.error(error));
    }
  });
  for (const figure of document.querySelectorAll("figure")) seen.observe(figure);
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.closest("details");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
}

document.addEventListener("DOMContentLoaded", () => {
  setUpTheme();
  setUpSorting();
  document.querySelectorAll("form.filter").forEach(setUpFilter);
  document.querySelectorAll("form.choose").forEach(setUpChoice);
  document.querySelectorAll("section.mistakes").forEach(setUpMistakes);
  setUpFigures();
  openTarget();
  addEventListener("hashchange", openTarget);
});
