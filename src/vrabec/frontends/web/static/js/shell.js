// Keys, menus, theme, copying, the tree and dialogs. Without this file every page still works.

const YEAR_COOKIE = "; path=/; max-age=31536000; samesite=lax; secure";

export function start() {
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("input", onInput);
  document.addEventListener("toggle", onToggle, true);
  document.addEventListener("htmx:load", (event) => enhance(event.detail.elt));
  document.addEventListener("htmx:beforeSwap", keepMenu);
  document.addEventListener("htmx:afterSwap", onSwap);
  document.addEventListener("htmx:sendError", onSendError);
  enhance(document.body);
  document.querySelector("[data-focus]")?.focus();
  if (location.hash === "#search") document.getElementById("search")?.focus();
}

// What works only with this script is hidden until it runs.
function enhance(part) {
  for (const button of part.querySelectorAll("[data-copy], [data-theme], [data-take]")) {
    button.hidden = button.dataset.copy === "";
  }
  for (const input of part.querySelectorAll("[data-tree-filter]")) input.disabled = false;
  for (const form of part.querySelectorAll("form[data-ask]")) checkName(form);
}

function onClick(event) {
  const found = (selector) => event.target.closest(selector);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  let element;
  if ((element = found("[data-copy]"))) copy(element);
  else if ((element = found("[data-theme]"))) switchTheme();
  else if ((element = found("[data-take]"))) take(element);
  else if ((element = found("[data-jobs-toggle]"))) toggleJobs(event);
  else if ((element = found("a[href$='#search']"))) setTimeout(() => document.getElementById("search")?.focus());
  else if ((element = found("[data-side]"))) openSide(event, true);
  else if ((element = found("[data-side-close]"))) openSide(event, false);
  else if ((element = found("dialog [data-close]"))) closeDialog(event, element);
}

// Buttons that are drawn anew while their menu is open must not close it under the pointer.
function keepMenu({ detail: { target } }) {
  const menu = target.closest("[data-actions]")?.querySelector("details.menu[open]");
  if (!menu) return;
  const focused = menu.contains(document.activeElement);
  target.addEventListener("htmx:afterSwap", () => {
    const fresh = target.querySelector("details.menu");
    if (!fresh) return;
    fresh.open = true;
    if (focused) fresh.querySelector("summary").focus();
  }, { once: true });
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.getAttribute("aria-label");
  button.classList.add("is-done");
  say(label);
  setTimeout(() => button.classList.remove("is-done"), 1500);
}

function switchTheme() {
  const root = document.documentElement;
  const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
  root.dataset.bsTheme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // forbidden storage: the choice lasts until the next page
  }
}

function take(button) {
  const input = document.getElementById(button.dataset.take);
  input.value = button.dataset.value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus();
}

// A part of the page anew. The part itself asks: of requests that wait for one sender htmx keeps the last alone.
export function bring(path, selector, how = {}) {
  return htmx.ajax("GET", path, { source: selector, target: selector, swap: "innerHTML", ...how });
}

export function say(text) {
  document.getElementById("announce").textContent = text;
}

// ---- keys

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    const top = document.querySelector("[data-key-search]");
    (top.checkVisibility() ? top : document.getElementById("search"))?.select(); // a phone has no room for the first
  } else if (event.key === "/" && !isTyping(event.target)) {
    event.preventDefault();
    document.querySelector("[data-tree-filter]")?.focus();
  } else if (event.key === "Escape") {
    const menu = event.target.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    openSide(null, false);
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.form?.requestSubmit();
  }
}

function isTyping(element) {
  return element.closest("input, textarea, select, dialog") !== null;
}

function openSide(event, open) {
  const side = document.getElementById("side");
  if (event === null && !side.classList.contains("is-open")) return;
  event?.preventDefault();
  side.classList.toggle("is-open", open);
  if (open) side.querySelector("a").focus();
  else document.querySelector("[data-side]").focus();
}

// ---- the tree

function onInput(event) {
  if (event.target.matches("[data-tree-filter]")) filterTree(event.target.value.trim().toLowerCase());
  const form = event.target.closest("form[data-ask]");
  if (form) checkName(form);
}

function filterTree(wanted) {
  for (const branch of document.querySelectorAll("#tree details")) {
    const named = branch.querySelector("summary .grow").textContent.toLowerCase().includes(wanted);
    let some = false;
    for (const leaf of branch.querySelectorAll(".tree-leaf")) {
      const fits = wanted === "" || named || leaf.textContent.toLowerCase().includes(wanted);
      leaf.hidden = !fits;
      some ||= fits;
    }
    branch.hidden = !(wanted === "" || named || some);
  }
}

function onToggle(event) {
  const details = event.target;
  if (details.id === "jobs") remember("vrabec_jobs", details.open ? "open" : "closed");
  if (details.dataset?.branch) {
    if (details.open) htmx.trigger(details.querySelector(".tree-leaves"), "open");
    const open = [...document.querySelectorAll("#tree details[open]")].map((one) => one.dataset.branch);
    remember("vrabec_tree", open.slice(0, 40).join("."));
  }
}

export function remember(name, value) {
  document.cookie = `${name}=${value}${YEAR_COOKIE}`;
}

function toggleJobs(event) {
  event.preventDefault();
  const jobs = document.getElementById("jobs");
  jobs.open = !jobs.open;
  if (jobs.open) document.getElementById("jobs-body").focus();
}

// ---- dialogs and answers

function onSwap(event) {
  if (event.detail.target.matches("[hx-swap=none]")) return; // told also where nothing was swapped
  const dialog = document.getElementById("dialog");
  if (event.detail.target === dialog && dialog.firstElementChild) {
    if (!dialog.open) dialog.showModal();
    checkName(dialog.querySelector("form[data-ask]"));
  } else if (dialog?.open && (event.detail.target === dialog || event.detail.target.id === "flash")) {
    dialog.close(); // what it asked was done, or refused by a strip that lies below it
  }
  if (event.detail.target !== dialog && event.detail.target.id !== "flash") return; // nothing that was asked for
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  if (event.detail.target !== dialog && event.detail.target.firstElementChild) {
    event.detail.target.scrollIntoView({ block: "nearest" });
  }
}

function closeDialog(event, element) {
  event.preventDefault();
  const dialog = element.closest("dialog");
  dialog.close();
  dialog.replaceChildren();
}

function checkName(form) {
  if (!form) return;
  const typed = form.querySelector("input[name=name], input[name=how_many]").value.trim();
  form.querySelector("[data-ask-button]").disabled = typed !== form.dataset.ask;
}

// The controller did not answer at all: nothing was swapped, so say it here.
function onSendError() {
  const flash = document.getElementById("flash");
  const strip = document.getElementById("no-answer").content.cloneNode(true);
  flash.replaceChildren(strip);
}
