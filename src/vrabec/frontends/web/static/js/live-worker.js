// One event stream for all pages of this browser: six streams would use up its connections to the site.
const RETRY_SECONDS = [1, 2, 5, 5, 10, 30];
const EVENTS = ["hello", "cells", "gone", "new", "ended"];

const ports = new Set();
let source = null;
let url = null;
let failures = 0;
let timer = null;
let last = { type: "state", open: false };

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.addEventListener("message", (message) => onMessage(port, message.data));
  port.start();
});

function onMessage(port, message) {
  if (message.type === "bye") {
    ports.delete(port);
    return;
  }
  url = message.url ?? url;
  if (message.type === "now" || (source === null && timer === null)) open();
  else port.postMessage(last);
}

function open() {
  clearTimeout(timer);
  timer = null;
  source?.close();
  source = new EventSource(url);
  for (const name of EVENTS) source.addEventListener(name, (event) => onEvent(name, event.data));
  source.addEventListener("error", onError);
}

function onEvent(name, data) {
  if (name === "hello") {
    failures = 0;
    tell((last = { type: "state", open: true }));
  }
  tell({ type: "event", name, data });
  if (name === "ended") onError();
}

function onError() {
  source.close();
  source = null;
  const seconds = RETRY_SECONDS[Math.min(failures++, RETRY_SECONDS.length - 1)];
  if (timer === null) timer = setTimeout(open, seconds * 1000);
  tell((last = { type: "state", open: false, since: last.since ?? Date.now(), seconds, failures }));
}

function tell(message) {
  for (const port of ports) port.postMessage(message);
}
