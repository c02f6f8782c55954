// Keys, colours, texts on demand and marks for comparison. Every page can be read without this script.
"use strict";

const ROOT = document.documentElement;
const BASE = () => document.body.dataset.base || "";
const THEMES = ["auto", "light", "dark"];

function stored(area, key) {
  try { return area.getItem(key); } catch { return null; }
}

function store(area, key, value) {
  try { area.setItem(key, value); } catch { /* a browser that keeps nothing */ }
}

function paint(theme) {
  if (theme === "auto") delete ROOT.dataset.theme; else ROOT.dataset.theme = theme;
  const button = document.getElementById("theme");
  const names = { auto: "as the system has them", light: "light", dark: "dark" };
  if (button) button.setAttribute("aria-label", `Colours: ${names[theme]}`);
}

function theme() {
  const found = stored(localStorage, "mem1-theme");
  return THEMES.includes(found) ? found : "auto";
}

function nextTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"]; // the first press always changes something
  const next = order[(order.indexOf(theme()) + 1) % order.length];
  store(localStorage, "mem1-theme", next);
  paint(next);
}

paint(theme()); // before the body is drawn, so that nothing flashes

// ---------------------------------------------------------------- texts on demand

async function fill(details) {
  const slot = details.querySelector(".slot");
  if (!details.open || details.dataset.filled) return;
  details.dataset.filled = "1";
  try {
    const answer = await fetch(details.dataset.src);
    if (!answer.ok) throw new Error(answer.statusText);
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    slot.replaceChildren(...parsed.body.childNodes);
  } catch (error) {
    delete details.dataset.filled;
    slot.textContent = `This could not be loaded: ${error.message}. Close it and open it again.`;
  }
}

// ---------------------------------------------------------------- moving about

function stops() {
  const found = document.querySelectorAll(".list tbody td.name a, .page-episode .turn, .page-compare .row");
  return [...found];
}

function current(all) {
  const active = document.activeElement;
  const focused = all.findIndex((one) => one === active || one.contains(active));
  if (focused >= 0) return focused;
  const row = active && active.closest && active.closest("tr");
  return row ? all.findIndex((one) => row.contains(one)) : -1;
}

function move(step) {
  const all = stops();
  if (!all.length) return;
  let at = current(all);
  if (at < 0) {
    // Nothing has the focus: begin with what is in view.
    const seen = all.findIndex((one) => one.getBoundingClientRect().bottom > 90);
    at = step > 0 ? Math.max(seen, 0) : Math.max(seen - 1, 0);
  } else {
    at = Math.min(Math.max(at + step, 0), all.length - 1);
  }
  const target = all[at];
  if (target.classList.contains("row")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: target.tagName === "A" ? "nearest" : "start", behavior: "auto" });
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (link) link.click();
}

function toggleTexts() {
  const all = stops();
  const at = current(all);
  const scope = at >= 0 ? all[at] : all.find((one) => one.getBoundingClientRect().bottom > 90);
  if (scope) for (const one of scope.querySelectorAll("details.more")) one.open = !one.open;
}

function back() {
  const active = document.activeElement;
  if (active && active.matches("input, select, textarea")) active.blur();
  else if (active && active !== document.body && active.id !== "main" && active.closest("main")) active.blur();
  else follow("header.top nav a[rel=up]");
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const help = document.getElementById("help");
  if (help.open) {
    if (event.key === "?") help.close();
    return; // Escape closes a dialog by itself
  }
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape") return back();
  if (typing) return;
  const list = document.body.classList.contains("page-list");
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: list ? () => move(1) : null,
    ArrowUp: list ? () => move(-1) : null,
    ArrowRight: () => follow("a[rel=next]"),
    ArrowLeft: () => follow("a[rel=prev]"),
    o: list ? () => follow("tr:focus-within td.name a") : toggleTexts,
    x: list ? toggleMark : null,
    c: list ? () => follow("#both:not([hidden]), #marked") : () => follow("#compare"),
    t: nextTheme,
    "?": () => help.showModal(),
    "/": () => {
      const field = document.getElementById("q");
      if (field) { field.focus(); field.select(); } else location.href = `${BASE()}/#q`;
    },
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

// ---------------------------------------------------------------- marks

// A mark is an episode as part of an address: what a page shows of an id may differ from it (signs that hide).
function marks() {
  try { return JSON.parse(stored(sessionStorage, "mem1-marks") || "[]"); } catch { return []; }
}

function toggleMark() {
  const row = document.activeElement.closest("tr");
  const box = row && row.querySelector("input[type=checkbox]");
  if (box) box.click();
}

function mark(row, on) {
  const rest = marks().filter((one) => one !== row.dataset.mark);
  if (on) rest.push(row.dataset.mark);
  store(sessionStorage, "mem1-marks", JSON.stringify(rest.slice(-2)));
  showMarks();
}

function showMarks() {
  const kept = marks();
  for (const row of document.querySelectorAll(".list tbody tr[data-mark]")) {
    row.querySelector("input").checked = kept.includes(row.dataset.mark);
  }
  const both = document.getElementById("both");
  if (!both) return;
  both.hidden = kept.length < 2;
  if (kept.length === 2) {
    const [left, right] = kept.map((one) => new URLSearchParams(one));
    const run = left.get("run"); // in a folder of runs: the left one's
    const base = run === null ? "" : `/r/${run.split("/").map(encodeURIComponent).join("/")}`;
    const place = { file: left.get("file"), id: left.get("id"), file2: right.get("file"), id2: right.get("id") };
    if (run !== null && right.get("run") !== run) place.run2 = right.get("run");
    both.href = `${base}/compare?` + new URLSearchParams(place);
  }
}

// ---------------------------------------------------------------- what was written meanwhile

async function pulse() {
  const link = document.getElementById("fresh");
  if (!link || document.hidden) return;
  try {
    const now = await (await fetch(link.dataset.pulse)).text();
    const before = link.dataset.stamp, more = Number(now) - Number(before);
    link.hidden = now === before;
    if (link.hidden) return;
    const counted = /^\d{1,9}$/.test(now) && /^\d{1,9}$/.test(before) && more > 0;
    link.textContent = counted ? `${more} new: load them` : "this has changed: load it";
    const busy = document.activeElement.matches("input[type=search], select") || document.querySelector("dialog[open]");
    if (document.getElementById("follow").checked && !busy) location.reload();
  } catch { /* the server has ended; the page stays readable */ }
}

function follows() {
  const box = document.getElementById("follow");
  if (!box) return;
  box.parentElement.hidden = false;
  box.checked = stored(sessionStorage, "mem1-follow") === "1";
  box.addEventListener("change", () => store(sessionStorage, "mem1-follow", box.checked ? "1" : ""));
  setInterval(pulse, 5000);
}

addEventListener("DOMContentLoaded", () => {
  paint(theme());
  for (const id of ["theme", "keys"]) document.getElementById(id).hidden = false;
  document.getElementById("theme").addEventListener("click", nextTheme);
  document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
  document.addEventListener("keydown", onKey);
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details.more")) fill(event.target);
  }, true);
  for (const one of document.querySelectorAll("details.more[open]")) fill(one);
  follows();
  const form = document.querySelector("form.filter");
  if (form) {
    const fields = form.querySelector(".fields");
    if (matchMedia("(max-width: 860px)").matches && !("active" in fields.dataset)) fields.open = false;
    form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
    form.addEventListener("submit", () => {
      // An address says only what was chosen.
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
    for (const one of document.querySelectorAll(".list:not(.runs)")) {
      one.addEventListener("change", (event) => mark(event.target.closest("tr"), event.target.checked));
    }
    showMarks();
    if (location.hash === "#q") document.getElementById("q").focus();
  }
});
addEventListener("pageshow", () => { // coming back by the browser's button
  for (const field of document.querySelectorAll("form.filter [disabled]")) field.disabled = false;
});
