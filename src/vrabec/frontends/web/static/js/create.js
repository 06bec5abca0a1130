// The form that makes a machine: summary, room and command follow what is typed.
import * as format from "./format.js";
import { showLease } from "./lease.js";

const form = document.getElementById("create");
const text = (id, value) => (document.getElementById(id).textContent = value);
const value = (name) => new FormData(form).get(name) ?? "";
const UNITS = { "": 1, m: 1, mib: 1, g: 1024, gib: 1024, t: 1048576, tib: 1048576 };

function parseMib(typed) {
  const found = /^\s*(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\s*$/i.exec(typed);
  const factor = found && UNITS[found[2].toLowerCase()];
  return factor ? Math.round(found[1] * factor) : null;
}

function amounts() {
  const size = form.querySelector("input[name=size]:checked");
  if (!size || size.value === "custom") {
    return { cpus: value("cpus"), memory: parseMib(value("memory")), disk: parseMib(value("disk")) };
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

function refresh() {
  showLease(form);
  showReach();
  const chosen = amounts();
  text("sum-name", value("name") || form.dataset.title);
  text("sum-what", summary(chosen));
  text("command", command());
  form.querySelector(".rail [data-copy]").dataset.copy = command();
  showRoom(chosen.memory ?? 0);
}

if (form) {
  form.addEventListener("input", refresh);
  refresh();
}
