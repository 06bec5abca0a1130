// The jobs drawer, its line and the pill. Percentages change in place; anything else fetches the drawer anew.
import * as format from "./format.js";
import { bring, remember, say } from "./shell.js";

const QUIET_MS = 120;
const FAILED = ["failed", "stuck"];
const states = new Map(); // job id -> state as last heard
let timer = null;
let isWanted = false;
let isComing = false;

export function start() {
  document.addEventListener("vrabec:job", ({ detail }) => detail.forEach(apply));
  document.addEventListener("vrabec:open-jobs", ({ detail }) => compare(detail));
  document.addEventListener("click", choose);
}

function apply(cell) {
  const before = states.get(cell.id);
  states.set(cell.id, cell.state);
  for (const element of document.querySelectorAll(`[data-job="${cell.id}"]`)) paint(element, cell);
  const isMissed = isComing && before !== cell.state; // what comes may not know it, nor what is shown
  if (isMissed || isStale(cell, before)) reloadSoon();
  if (before && !FAILED.includes(before) && FAILED.includes(cell.state)) say(`${cell.title}: ${cell.error}`);
  if (!cell.active && document.querySelector(`[data-job="${cell.id}"][data-job-wait]`)) reloadPart(".pane");
}

function body() {
  return document.getElementById("jobs-body");
}

function choose(event) {
  const tab = event.target.closest("[data-jobs-show]");
  if (!tab || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  body().dataset.show = tab.dataset.jobsShow;
  remember("vrabec_jobs_show", tab.dataset.jobsShow);
  reload();
}

// What the drawer shows and what is open now, compared once after the page was drawn. All and Mine also hold what has ended.
function compare(cells) {
  const rows = body().dataset.show === "active" ? "[data-job]" : "[data-job]:has([data-job-percent])";
  const shown = [...body().querySelectorAll(rows)].map((element) => element.dataset.job);
  const open = cells.map((cell) => String(cell.id));
  cells.forEach(apply);
  if (shown.some((id) => !open.includes(id))) reloadSoon();
}

function isStale(cell, before) {
  const row = document.getElementById(`job-${cell.id}`);
  const wanted = (cell.active || FAILED.includes(cell.state)) && !cell.dismissed;
  if (body().dataset.show !== "active") {
    if (!row || row.dataset.jobState !== cell.state) return before !== cell.state; // others' jobs count, too
  } else if (!row || !wanted) return Boolean(row) || wanted;
  return row.dataset.jobState !== cell.state || Number(row.dataset.jobStep) !== cell.step;
}

function paint(element, cell) {
  const bar = element.querySelector("[data-job-percent]");
  if (bar) bar.value = cell.percent;
  const number = element.querySelector("[data-job-number]");
  if (number) number.textContent = format.percent(cell.percent);
  const told = element.querySelector("[data-job-told]");
  if (told) told.textContent = cell.told;
  const now = element.querySelector("[data-job-now]");
  if (now && cell.step_title) now.textContent = `Step ${cell.step} of ${cell.steps}: ${cell.step_title}`;
  const line = element.querySelector("[data-line-percent]");
  if (line) line.textContent = format.percent(cell.percent);
  if (element.hasAttribute("data-job-line")) {
    const pill = document.querySelector("[data-pill-percent]");
    if (pill) pill.textContent = format.percent(cell.percent);
  }
}

function reloadSoon() {
  timer ??= setTimeout(reload, QUIET_MS);
}

// What changes while the drawer is on its way may not be in it: then it is fetched once more.
async function reload() {
  timer = null;
  isWanted = true;
  if (isComing) return;
  isComing = true;
  try {
    while (isWanted) await fetchOnce();
  } finally {
    isComing = false;
  }
}

async function fetchOnce() {
  const focused = document.activeElement?.closest("#jobs-body .job")?.id;
  const tab = document.activeElement?.dataset.jobsShow;
  isWanted = false;
  await bring(document.querySelector(".shell").dataset.drawer, "#jobs-body");
  if (tab) document.querySelector(`[data-jobs-show="${tab}"]`).focus();
  if (focused) (document.querySelector(`#${focused} button`) ?? document.getElementById("jobs-body")).focus();
  if (document.querySelector("[data-jobs-page]")) reloadPart(".pane");
}

function reloadPart(selector) {
  bring(location.href, selector, { select: selector, swap: "outerHTML" });
}
