// The form that makes a machine: summary, room and command follow what is typed.
import * as format from "./format.js";
import { showLease } from "./lease.js";
import { overOf, showQuotas } from "./quota.js";

const form = document.getElementById("create");
const text = (id, value) => (document.getElementById(id).textContent = value);
const value = (name) => new FormData(form).get(name) ?? "";

function amounts() {
  const size = form.querySelector("input[name=size]:checked");
  if (!size || size.value === "custom") {
    return { cpus: value("cpus"), memory: format.parseMib(value("memory")), disk: format.parseMib(value("disk")) };
  }
  const { cpus, memory, disk } = size.dataset;
  return { cpus, memory: Number(memory), disk: Number(disk), title: size.dataset.title };
}

function summary({ cpus, memory, disk, title }) {
  const template = form.querySelector("input[name=template]:checked")?.dataset.title ?? "";
  if (memory === null || disk === null) return template;
  const words = `${cpus} CPU${cpus === "1" ? "" : "s"}, ${format.mib(memory)}, ${format.mib(disk)} disk`;
  return title ? `${template}, ${title}: ${words}` : `${template}: ${words}`;
}

function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function command() {
  const lines = [["vrabec", "vm", "create", value("name") || "NAME"], ["--template", value("template")]];
  if (value("size") === "custom") {
    for (const option of ["cpus", "memory", "disk"]) lines[1].push(`--${option}`, value(option).replaceAll(" ", ""));
  } else {
    lines[1].push("--size", value("size"));
  }
  lines.push(["--project", value("project")]);
  for (const option of ["network", "address", "gateway"]) {
    if (value(option)) lines.push([`--${option}`, value(option)]);
  }
  if (value("ssh_keys").trim()) lines.push(["--ssh-key", "FILE"]);
  if (value("password")) lines.push(["--password-stdin"]);
  if (value("firmware") !== "bios") lines.push(["--firmware", value("firmware")]);
  if (value("clone") !== "linked") lines.push(["--clone", value("clone")]);
  for (const option of ["farm", "cluster"]) if (value(option)) lines.push([`--${option}`, value(option)]);
  if (value("lease")) lines.push(["--lease", value("lease")]);
  for (const host of value("hosts").split(/[\s,]+/).filter(Boolean)) lines.push(["--host", host]);
  if (value("user_data").trim()) lines.push(["--user-data", "FILE"]);
  return lines.map((words) => words.map(quote).join(" ")).join(" \\\n    ");
}

function showRoom(memory) {
  for (const room of form.querySelectorAll("[data-room]")) {
    const [total, free] = [Number(room.dataset.total), Number(room.dataset.free)];
    const rect = room.querySelector(".this");
    rect.setAttribute("width", free ? format.share(memory, total) : 0);
    rect.classList.toggle("is-over", memory > free);
  }
}

function offer(known, choose, isChosen) {
  const project = value("project");
  for (const one of known) {
    one.hidden = "projects" in one.dataset && !one.dataset.projects.split(" ").includes(project);
    const field = one.querySelector("input") ?? one;
    field.disabled = one.hidden;
  }
  const left = known.filter((one) => !one.hidden);
  if (left.length && !left.some(isChosen)) choose(left[0]);
}

// What is for other projects alone is not offered.
function showReach() {
  const tiles = [...form.querySelectorAll("input[name=template]")].map((input) => input.closest("label"));
  const radio = (tile) => tile.querySelector("input");
  offer(tiles, (tile) => (radio(tile).checked = true), (tile) => radio(tile).checked);
  const options = [...form.querySelectorAll("#network option")];
  offer(options, (option) => (option.selected = true), (option) => option.selected);
}

function showQuota({ cpus, memory, disk }) {
  const bars = document.getElementById("quotas");
  const count = /^\s*\d{1,5}\s*$/.test(cpus) ? Number(cpus) : null;
  showQuotas(bars, { vms: 1, cpus: count, memory_mib: memory, disk_mib: disk });
  for (const { dataset, parentElement: tile } of form.querySelectorAll("input[name=size][data-cpus]")) {
    const sizes = { cpus: Number(dataset.cpus), memory_mib: Number(dataset.memory), disk_mib: Number(dataset.disk) };
    const over = overOf(bars, sizes);
    tile.classList.toggle("is-over", over !== "");
    const words = tile.querySelector("[data-fits]");
    if (!words) continue; // no host has room for it, whatever the quota
    words.classList.toggle("warn-text", over !== "");
    words.textContent = over || words.dataset.fits;
  }
}

function refresh() {
  showLease(form);
  showReach();
  const chosen = amounts();
  text("sum-name", value("name") || form.dataset.title);
  text("sum-what", summary(chosen));
  text("command", command());
  form.querySelector(".rail [data-copy]").dataset.copy = command();
  showRoom(chosen.memory ?? 0);
  showQuota(chosen);
}

if (form) {
  form.addEventListener("input", refresh);
  // Another project has another quota: htmx brings its bars.
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.target.id === "quotas" && refresh());
  refresh();
}
