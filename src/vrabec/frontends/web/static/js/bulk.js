// Choosing machines of the list: boxes, ranges, keys. What they take, and how many of them, the server says in the bar.
import { bring, say } from "./shell.js";

const WAIT_MS = 60; // a range or a held key is one question
const CALM_MS = 700; // live changes of the chosen are asked for together

let chosen = new Set();
let all = false; // all that the search finds, not only those on this page
let last = null; // where a range begins
let timer = 0;

document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
document.addEventListener("htmx:afterSwap", onSwap);
document.addEventListener("vrabec:done", clear);
document.addEventListener("vrabec:said", () => bring(location.href, "#list"));
document.addEventListener("vrabec:vm", ({ detail }) => {
  const bar = document.getElementById("bulk");
  if (!bar?.contains(document.activeElement) && (all || detail.some((cell) => chosen.has(String(cell.id))))) ask(CALM_MS);
});
restore(); // the browser may bring ticked boxes back

function boxes() {
  return [...document.querySelectorAll("[data-pick]")];
}

function onClick(event) {
  const found = (selector) => event.target.closest(selector);
  let element;
  if ((element = found("[data-pick]"))) pick(element, event.shiftKey);
  else if ((element = found("[data-pick-page]"))) pickPage(element.checked);
  else if (found("[data-pick-all]")) pickAll();
  else if (found("[data-pick-none]")) clear();
  else if (found("[data-pick-mode]")) document.querySelector(".list").classList.toggle("is-picking");
}

function pick(box, isRange) {
  const row = boxes();
  const from = row.indexOf(last);
  const to = row.indexOf(box);
  if (isRange && from >= 0) {
    for (const between of row.slice(Math.min(from, to), Math.max(from, to) + 1)) between.checked = box.checked;
  }
  last = box;
  changed();
}

function pickPage(on) {
  for (const box of boxes()) box.checked = on;
  changed();
}

function pickAll() {
  for (const box of boxes()) box.checked = true;
  changed(true);
}

function clear() {
  last = null;
  document.querySelector(".list")?.classList.remove("is-picking");
  for (const box of boxes()) box.checked = false;
  changed();
}

function changed(everything = false) {
  all = everything;
  chosen = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const page = document.querySelector("[data-pick-page]");
  if (page) {
    page.checked = chosen.size > 0 && chosen.size === boxes().length;
    page.indeterminate = chosen.size > 0 && !page.checked;
  }
  const more = document.querySelector("[data-pick-more]");
  if (more) more.hidden = all || !page?.checked;
  if (chosen.size) ask(WAIT_MS);
  else hide();
}

function hide() {
  clearTimeout(timer);
  const bar = document.getElementById("bulk");
  if (!bar || bar.hidden) return;
  const held = bar.contains(document.activeElement);
  bar.hidden = true;
  bar.querySelector("[data-bar]").replaceChildren();
  document.getElementById("strip").hidden = false;
  if (held) document.querySelector("[data-pick-page]")?.focus();
}

function ask(wait) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const bar = document.querySelector("#bulk [data-bar]");
    if (!bar || !chosen.size) return;
    const asked = new URLSearchParams(all ? location.search : "");
    if (all) asked.set("all", "1");
    else asked.set("vms", [...chosen].join(","));
    htmx.ajax("GET", `${bar.dataset.bar}?${asked}`, { source: bar, target: bar, swap: "innerHTML" });
  }, wait);
}

function onSwap({ detail: { target } }) {
  if (target.matches?.("[data-bar]")) show(target);
  else if (target.id === "list") restore();
}

function show(bar) {
  if (!chosen.size || !bar.firstElementChild) {
    bar.replaceChildren();
    return;
  }
  bar.parentElement.hidden = false;
  document.getElementById("strip").hidden = true;
  say(bar.querySelector("[data-bulk-count]").textContent);
}

// Rows came anew: those that are still there stay chosen.
function restore() {
  for (const box of boxes()) box.checked ||= chosen.has(box.value);
  if (chosen.size || boxes().some((box) => box.checked)) changed(all && boxes().length > 0);
}

function onKey(event) {
  if (event.target.closest("dialog, textarea, select, input:not([type=checkbox])") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && chosen.size && !document.querySelector("dialog[open], details.menu[open]")) clear();
  if (event.key.toLowerCase() === "x") pickRow(event.shiftKey);
}

// The row that holds the focus, else the one under the pointer, else the first.
function pickRow(isRange) {
  const row = document.activeElement.closest("tr[data-row]") ?? document.querySelector("tr[data-row]:hover")
    ?? document.querySelector("tr[data-row]");
  const box = row?.querySelector("[data-pick]");
  if (!box) return;
  box.checked = !box.checked;
  if (!row.contains(document.activeElement)) box.focus();
  pick(box, isRange);
}
