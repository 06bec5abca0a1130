// Ctrl K: words to places and to actions. The search at the top is a combobox; the server says what may be meant.
import { bring } from "./shell.js";

const WAIT_MS = 90;

let input, list;
let active = -1;
let timer = 0;
let asked = 0; // an answer that comes after a newer question is dropped
let shown = ""; // the words that the options belong to

export function start() {
  input = document.querySelector("[data-key-search]");
  list = document.getElementById("find");
  if (!input) return;
  input.addEventListener("input", () => ask(WAIT_MS));
  input.addEventListener("focus", () => ask(0));
  input.addEventListener("blur", close);
  input.addEventListener("keydown", onKey);
  input.form.addEventListener("submit", onSubmit);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => take(event.target.closest("[role=option]")));
}

function ask(wait) {
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

async function look() {
  const number = ++asked;
  const text = input.value;
  const answer = await fetch(`${list.dataset.find}?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } });
  if (number !== asked || !answer.ok || answer.redirected || document.activeElement !== input) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (number !== asked) return;
  list.replaceChildren(...parsed.querySelectorAll("[role=option]"));
  shown = text;
  list.hidden = !list.children.length;
  input.setAttribute("aria-expanded", !list.hidden);
  point(text.trim() ? next(-1, 1) : -1);
}

function options() {
  return [...list.children];
}

// The next option that can be taken, round and round.
function next(from, step) {
  const all = options();
  for (let tried = 1; tried <= all.length; tried += 1) {
    const at = (from + step * tried + all.length * 2) % all.length;
    if (all[at].dataset.how !== "no") return at;
  }
  return -1;
}

function point(at) {
  options()[active]?.setAttribute("aria-selected", "false");
  active = at;
  const option = options()[at];
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
}

function onKey(event) {
  if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    event.stopPropagation();
    close();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (list.hidden) ask(0);
    else point(event.key === "ArrowDown" ? next(active, 1) : next(active < 0 ? 0 : active, -1));
  }
}

// Enter takes what is pointed at; words that were typed too quickly are asked for first.
async function onSubmit(event) {
  event.preventDefault();
  clearTimeout(timer);
  if (input.value !== shown || list.hidden) await look();
  const option = options()[active];
  if (option) take(option);
  else if (input.value.trim() && !options().some((one) => one.dataset.how === "no")) input.form.submit();
}

function take(option) {
  if (!option || option.dataset.how === "no") return;
  const { how, path } = option.dataset;
  if (how === "go") {
    location.assign(path);
    return;
  }
  input.value = "";
  close();
  input.blur();
  if (how === "ask") bring(path, "#dialog");
  else htmx.ajax("POST", path, { source: "#flash", target: "#flash", swap: "innerHTML", values: { csrfmiddlewaretoken: token() } });
}

function token() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

function close() {
  asked += 1;
  clearTimeout(timer);
  list.hidden = true;
  shown = "";
  list.replaceChildren();
  active = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}
