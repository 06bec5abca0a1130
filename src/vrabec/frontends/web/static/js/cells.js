// Cells of machines and hosts, changed in place: text and shape only, never the order, never by markup.
import * as format from "./format.js";
import { bring } from "./shell.js";
import { shortTime } from "./times.js";

const seen = new Map(); // machine id -> the newest version shown

export function start() {
  document.addEventListener("vrabec:vm", ({ detail }) => detail.forEach(applyVm));
  document.addEventListener("vrabec:host", ({ detail }) => detail.forEach(applyHost));
  document.addEventListener("vrabec:gone", ({ detail }) => detail.vm.forEach(markGone));
  document.addEventListener("vrabec:new", ({ detail }) => offerRefresh(detail.vm));
  document.addEventListener("vrabec:open", catchUp);
  document.addEventListener("click", (event) => event.target.closest("[data-refresh]") && refreshList());
}

// Between drawing the page and hearing the stream something may have changed: ask once for what is on show.
async function catchUp() {
  const ids = new Set([...document.querySelectorAll("[data-vm]")].map((element) => element.dataset.vm));
  const answer = await fetch(`${document.querySelector(".shell").dataset.cells}?vm=${[...ids].join(",")}`);
  if (!answer.ok || answer.redirected) return;
  const { vm, gone, job } = await answer.json();
  document.dispatchEvent(new CustomEvent("vrabec:vm", { detail: vm }));
  gone.forEach(markGone);
  document.dispatchEvent(new CustomEvent("vrabec:open-jobs", { detail: job }));
}

function applyVm(cell) {
  if ((seen.get(cell.id) ?? 0) > cell.v) return;
  seen.set(cell.id, cell.v);
  for (const element of document.querySelectorAll(`[data-vm="${cell.id}"][data-cell]`)) {
    PAINT[element.dataset.cell]?.(element, cell);
  }
}

const PAINT = {
  state(element, cell) {
    const changed = element.dataset.state !== cell.state || word(element) !== cell.label;
    paintState(element, cell);
    setText(element.querySelector(".state-note"), note(cell));
    element.dataset.v = cell.v;
    const actions = document.querySelector(`[data-actions="${cell.id}"]`);
    if (changed && actions && element.closest(".object-title, .machine-card")) htmx.trigger(actions, "vm-changed");
  },
  tree(element, cell) {
    paintState(element, cell);
    element.title = `${element.querySelector(".grow").textContent}, ${cell.label}`;
  },
  address(element, cell) {
    setText(element, cell.address || format.NOTHING);
  },
  "address-copy"(element, cell) {
    element.hidden = !cell.address;
    setText(element.querySelector("[data-text]"), cell.address);
    const button = element.querySelector("[data-copy]");
    button.dataset.copy = cell.address;
    button.hidden = !cell.address;
  },
  screen(element, cell) {
    if (!cell.screen || element.dataset.at === cell.screen) return;
    element.dataset.at = cell.screen;
    element.src = `${element.dataset.src}?at=${encodeURIComponent(cell.screen)}`;
    element.hidden = false;
  },
  ready(element, cell) {
    setText(element, cell.ready ? element.dataset.yes : element.dataset.no);
  },
  memory: (element, cell) => meter(element, fullness(cell.memory_used, cell.memory),
    format.usedOf(cell.memory_used, cell.memory)),
  "cpu-number": (element, cell) => setText(element, format.percent(cell.cpu)),
  "memory-number": (element, cell) => setText(element, format.usedOf(cell.memory_used, cell.memory)),
  "disk-rate": (element, cell) => setText(element, format.rate(sum(cell.rates, 0, 2))),
  "net-rate": (element, cell) => setText(element, format.bitRate(sum(cell.rates, 2, 4))),
  disk: (element, cell) => meter(element, fullness(cell.disk_used, cell.disk), format.usedOf(cell.disk_used, cell.disk)),
};

function sum(rates, begin, end) {
  return rates && rates.slice(begin, end).reduce((all, one) => all + one);
}

function fullness(used, total) {
  return used === null ? null : format.share(used, total);
}

function word(element) {
  return element.querySelector(".state-word").textContent;
}

function note(cell) {
  if (cell.percent !== null) return format.percent(cell.percent);
  if (cell.state === "crashed") return shortTime(new Date(cell.since));
  return cell.state === "unknown" ? format.age(Date.parse(cell.since)) : "";
}

function paintState(element, cell) {
  if (element.dataset.state !== cell.state) {
    element.dataset.state = cell.state;
    element.querySelector("use").setAttribute("href", `#shape-${SHAPES[cell.state] ?? cell.state}`);
  }
  setText(element.querySelector(".state-word"), cell.label);
}

const SHAPES = { online: "running", connecting: "changing", unreachable: "crashed", maintenance: "warning" };

function meter(element, value, text) {
  setText(element.querySelector("[data-number]"), text);
  const place = element.dataset.bar ? document.getElementById(element.dataset.bar) : element;
  let bar = place.querySelector("progress");
  if (!bar && value !== null) {
    bar = Object.assign(document.createElement("progress"), { className: "bar", max: 100 });
    bar.setAttribute("aria-hidden", "true");
    place.prepend(bar);
  }
  if (!bar) return;
  bar.value = value ?? 0;
  bar.classList.toggle("is-full", value >= 90);
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function applyHost(cell) {
  for (const element of document.querySelectorAll(`[data-host="${cell.id}"][data-cell="state"]`)) {
    paintState(element, cell);
  }
}

function markGone(id) {
  for (const row of document.querySelectorAll(`[data-vm="${id}"][data-row], [data-vm="${id}"][data-cell="tree"]`)) {
    row.classList.add("is-gone");
  }
  if (document.querySelector(`[data-actions="${id}"]`)) {
    const strip = document.getElementById("vm-gone");
    if (strip) strip.hidden = false;
    document.querySelector(`[data-actions="${id}"]`).replaceChildren();
  }
  offerRefresh([id]);
}

// Rows come and go only when the reader asks: nothing jumps under the pointer.
function offerRefresh(ids) {
  const button = document.querySelector("[data-refresh]");
  const known = (id) => document.querySelector(`[data-vm="${id}"][data-row]:not(.is-gone)`);
  if (button && !ids.every(known)) button.hidden = false;
  else if (!button && document.getElementById("list") && ids.length) refreshList();
}

function refreshList() {
  bring(location.href, "#list");
}
