// Charts of a machine's load. uPlot draws them and is fetched for them alone, once the page itself is up to date;
// new points come with the machine's cells on the event stream. A point is an average and a maximum, or null.
import * as format from "./format.js";

const PATIENCE_MS = 3000; // where no stream opens there are charts all the same
const LOOK_S = 10;
const LONGEST_GAP_S = 60; // lib/rings.py: looks further apart leave a gap
const GIB = 1024;
const PHONE = matchMedia("(max-width: 575.98px)");
const METRICS = ["cpu_percent", "memory_used_mib", "disk_read_bytes_s", "disk_written_bytes_s",
  "net_received_bytes_s", "net_sent_bytes_s"];
const SAY = { cpu: format.percent, memory: format.mib, disk: format.rate, net: format.bitRate };
const LINES = {
  cpu: (curves, hour) => [line(curves.cpu_percent.average, "--accent-line", true),
    ...(hour ? [] : [line(curves.cpu_percent.maximum, "--promised")])],
  memory: (curves, hour, limit) => [line(curves.memory_used_mib.average, "--accent-line", true),
    { ...line(curves.memory_used_mib.average.map(() => limit), "--quiet"), dash: [4, 4], isLimit: true }],
  disk: (curves) => [line(curves.disk_read_bytes_s.average, "--accent-line", true),
    line(curves.disk_written_bytes_s.average, "--second-line")],
  net: (curves) => [line(curves.net_sent_bytes_s.average, "--accent-line", true),
    line(curves.net_received_bytes_s.average, "--second-line")],
};
const TOPS = {
  cpu: () => 100,
  memory: (most) => (most >= GIB ? round(1.1 * most / GIB) * GIB : round(1.1 * most)), // room above the limit
  disk: (most) => round(Math.max(most, 1000)),
  net: (most) => round(Math.max(8 * most, 1000)) / 8,
};

let shown = null; // the section on the page, its history, and its plots
let library = null;

document.addEventListener("vrabec:open-jobs", show); // the stream opened, and the page has caught up
document.addEventListener("vrabec:vm", ({ detail }) => detail.forEach(append));
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
PHONE.addEventListener("change", draw);
setTimeout(() => shown ?? show(), PATIENCE_MS);

async function show() {
  const section = document.querySelector("[data-history]");
  if (!section) return;
  const { history, range, script, style } = section.dataset;
  library ??= fetched(script, style);
  const answer = await fetch(`${history}?range=${range}`);
  if (!answer.ok || answer.redirected) return;
  const found = await answer.json();
  await library;
  if (!section.isConnected) return;
  const start = Date.parse(found.start) / 1000;
  const times = found.cpu_percent.average.map((_, place) => start + place * found.step_s);
  shown?.plots.forEach((plot) => plot.destroy());
  const looks = Math.floor((Date.now() / 1000 - times.at(-1)) / LOOK_S); // that the last point is the average of
  shown = { section, times, step: found.step_s, curves: found, plots: [], seen: 0, weight: Math.max(1, looks) };
  draw();
}

function fetched(script, style) {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: style }));
  return new Promise((done) => {
    const element = Object.assign(document.createElement("script"), { src: script });
    element.addEventListener("load", done);
    document.head.append(element);
  });
}

function draw() {
  if (!shown?.section.isConnected) return;
  shown.plots.forEach((plot) => plot.destroy());
  shown.plots = [...shown.section.querySelectorAll("[data-chart]")].map(plotted);
}

function plotted(box) {
  const place = box.querySelector("[data-plot]");
  const plot = new uPlot(options(box, place), values(box.dataset.chart), place);
  resized.observe(place);
  place.plot = plot;
  return plot;
}

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.isConnected) target.plot.setSize({ width: target.clientWidth, height: target.clientHeight });
  }
});

function lines(kind) {
  return LINES[kind](shown.curves, shown.step === 10, Number(shown.section.dataset.limit));
}

function values(kind) {
  return [shown.times, ...lines(kind).map((one) => one.values)];
}

function line(points, colour, filled = false) {
  return { values: points, colour, filled };
}

function options(box, place) {
  const kind = box.dataset.chart;
  const phone = PHONE.matches;
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    padding: phone ? [4, 0, 2, 0] : [8, 4, 0, 0],
    legend: { show: false },
    cursor: { show: !phone, sync: { key: "load" }, drag: { x: false, y: false }, y: false },
    scales: {
      x: { range: () => [shown.times[0], shown.times.at(-1) + shown.step] },
      y: { range: (_, __, most) => [0, TOPS[kind](most ?? 0)] },
    },
    axes: phone ? [{ show: false }, { show: false }] : [timeAxis(), amountAxis(kind)],
    series: [{}, ...lines(kind).map((one) => ({
      stroke: colour(one.colour), width: one.isLimit ? 1 : 1.5, dash: one.dash,
      fill: one.filled ? colour("--accent-soft") : undefined,
      points: { show: false, filter: alone, size: 4, fill: colour(one.colour) },
    }))],
    hooks: { setCursor: [(plot) => read(box, plot)] },
  };
}

// A point between two gaps makes no line: it is drawn as a dot.
function alone(plot, series) {
  const points = plot.data[series];
  const empty = (at) => (points[at] ?? null) === null;
  return points.flatMap((_, at) => (!empty(at) && empty(at - 1) && empty(at + 1) ? [at] : []));
}

function timeAxis() {
  return { ...axis(), size: 22, grid: { show: false }, space: 64, values: (_, splits, __, ___, apart) => splits.map(
    (at) => moment(at, apart >= 86400 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" })) };
}

function amountAxis(kind) {
  return { ...axis(), size: 62, grid: { stroke: colour("--line"), width: 1 },
    splits: (_, __, low, top) => [low, top / 2, top],
    values: (_, splits) => splits.map((amount) => (amount ? SAY[kind](amount) : "0")) };
}

function axis() {
  return { stroke: colour("--quiet"), font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false }, gap: 6 };
}

const language = document.documentElement.lang || "en";

function moment(at, how) {
  return new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, how).format(new Date(at * 1000));
}

// A canvas knows no custom properties: somebody has to wear the colour.
function colour(name) {
  const probe = shown.section;
  probe.style.color = `var(${name})`;
  const worn = getComputedStyle(probe).color;
  probe.style.color = "";
  return worn;
}

// A round number that is not below: 1, 2, 3, 4, 5, 6 or 8 of a power of ten.
function round(amount) {
  if (amount <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(amount));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((times) => times * power >= amount) * power;
}

// What is under the pointer, in words; the pointer is over all four charts at once.
function read(box, plot) {
  const at = plot.cursor.idx;
  const inside = at !== null && at !== undefined && plot.cursor.left >= 0;
  const parts = inside ? lines(box.dataset.chart).filter((one) => !one.isLimit).map((one) => one.values[at]) : [];
  box.querySelector("[data-read]").textContent = parts.map((part) => SAY[box.dataset.chart](part)).join(" · ");
  shown.section.querySelector("[data-moment]").textContent = inside
    ? moment(shown.times[at], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }) : "";
}

// A new look at the machine: into the last point, or into new ones while the oldest leave.
function append(cell) {
  if (!shown || cell.id !== Number(shown.section.dataset.of) || !cell.rates || cell.at <= shown.seen) return;
  const figures = [cell.cpu, cell.memory_used, ...cell.rates];
  const last = shown.times.at(-1);
  const slot = Math.floor(cell.at / shown.step) * shown.step;
  if (slot === last) merge(figures);
  else if (slot > last) push(figures, slot, shown.seen && cell.at - shown.seen <= LONGEST_GAP_S);
  shown.seen = cell.at;
  shown.plots.forEach((plot) => plot.setData(values(plot.root.closest("[data-chart]").dataset.chart)));
  METRICS.forEach(say);
}

function merge(figures) {
  shown.weight += 1;
  METRICS.forEach((metric, place) => {
    const { average, maximum } = shown.curves[metric];
    const old = average.at(-1);
    average[average.length - 1] = old === null ? figures[place] : old + (figures[place] - old) / shown.weight;
    maximum[maximum.length - 1] = Math.max(maximum.at(-1) ?? 0, figures[place]);
  });
}

function push(figures, slot, watched) {
  shown.weight = 1;
  while (shown.times.at(-1) < slot) {
    const at = shown.times.at(-1) + shown.step;
    shown.times.push(at);
    shown.times.shift();
    METRICS.forEach((metric, place) => {
      for (const points of Object.values(shown.curves[metric])) {
        points.push(at === slot || watched ? figures[place] : null);
        points.shift();
      }
    });
  }
}

const SAY_METRIC = [SAY.cpu, SAY.memory, SAY.disk, SAY.disk, SAY.net, SAY.net];

function say(metric, place) {
  const { average, maximum } = shown.curves[metric];
  const known = average.filter((value) => value !== null);
  const cells = shown.section.querySelectorAll(`[data-figures="${metric}"] td`);
  const figures = [known.at(-1), Math.min(...known), Math.max(...maximum)];
  cells.forEach((cell, column) => { cell.textContent = SAY_METRIC[place](figures[column]); });
}
