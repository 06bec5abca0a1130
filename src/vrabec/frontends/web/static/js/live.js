// The event stream: through the shared worker, or the page's own where there is none. Each message becomes
// a DOM event of this page: vrabec:vm, vrabec:job, vrabec:host, vrabec:gone, vrabec:new; and vrabec:open when the
// stream begins.

const RETRY_SECONDS = [1, 2, 5, 5, 10, 30];
const EVENTS = ["hello", "cells", "gone", "new", "ended"];
let retryNow = () => {};

export function start() {
  const { live, worker } = document.querySelector(".shell").dataset;
  if (window.SharedWorker) throughWorker(live, worker);
  else onItsOwn(live);
}

function throughWorker(live, script) {
  const { port } = new SharedWorker(script, { name: "vrabec-live" });
  port.addEventListener("message", ({ data }) => {
    if (data.type === "state") heard(data);
    else dispatch(data.name, JSON.parse(data.data));
  });
  port.start();
  port.postMessage({ type: "hello", url: new URL(live, location).href });
  retryNow = () => port.postMessage({ type: "now" });
  addEventListener("pagehide", () => port.postMessage({ type: "bye" }));
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

function onItsOwn(live) {
  let source = null;
  let failures = 0;
  let timer = null;
  let since = null;
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    if (document.hidden) return;
    source = new EventSource(live);
    for (const name of EVENTS) {
      source.addEventListener(name, ({ data }) => {
        if (name === "hello") {
          failures = 0;
          since = null;
          heard({ open: true });
        }
        dispatch(name, JSON.parse(data));
      });
    }
    source.addEventListener("error", () => {
      close();
      const seconds = RETRY_SECONDS[Math.min(failures++, RETRY_SECONDS.length - 1)];
      since ??= Date.now();
      timer = setTimeout(open, seconds * 1000);
      heard({ open: false, since, seconds, failures });
    });
  };
  retryNow = open;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}

// Also for a page that joins a worker whose stream is open already: it has to catch up.
function heard(state) {
  showState(state);
  if (state.open) send("open", null);
}

function dispatch(name, data) {
  if (name === "cells") {
    for (const kind of ["vm", "job", "host"]) {
      if (data[kind]?.length) send(kind, data[kind]);
    }
  } else {
    send(name, data);
  }
}

function send(kind, detail) {
  document.dispatchEvent(new CustomEvent(`vrabec:${kind}`, { detail }));
}

// One lost try is no news: the strip comes with the second.
function showState({ open, since, seconds, failures }) {
  const strip = document.getElementById("live-strip");
  if (open || failures < 2) {
    strip.hidden = true;
    strip.replaceChildren();
    return;
  }
  if (!strip.firstElementChild) {
    strip.replaceChildren(document.getElementById("live-stopped").content.cloneNode(true));
    strip.querySelector("[data-now]").addEventListener("click", () => retryNow());
    strip.hidden = false;
  }
  const at = new Date(since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  fill(strip.querySelector("[data-text]"), { at });
  fill(strip.querySelector("[data-retry]"), { seconds });
}

function fill(element, values) {
  element.dataset.pattern ??= element.textContent;
  element.textContent = element.dataset.pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
