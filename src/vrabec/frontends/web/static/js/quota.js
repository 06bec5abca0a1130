// Bars of what is left of a quota follow what a form asks for; quotas_after.py draws the same on the server.
import * as format from "./format.js";

const FULL_PERCENT = 90;

// Amounts by the names of the limits; one that cannot be read is null, and then the bar stays as it was.
export function showQuotas(part, chosen) {
  for (const limit of part.querySelectorAll("[data-limit]")) {
    const { what, most, taken, has, isStill } = read(limit);
    if (isStill || chosen[what] === null || chosen[what] === undefined) continue;
    draw(limit, { what, most, taken, more: Math.max(0, chosen[what] - has) });
  }
}

// What is too much of these amounts, in words.
export function overOf(part, chosen) {
  for (const limit of part.querySelectorAll("[data-limit]")) {
    const { what, most, taken, has, isStill } = read(limit);
    if (isStill || !(what in chosen)) continue;
    const over = taken + chosen[what] - has - most;
    if (over > 0) return overWords(what, over);
  }
  return "";
}

function read({ dataset: { limit: what, most, taken, has, still } }) {
  return { what, most: Number(most), taken: Number(taken), has: Number(has), isStill: still !== undefined };
}

function draw(limit, { what, most, taken, more }) {
  const over = taken + more - most;
  const isTight = over > 0 || 100 * (taken + more) >= FULL_PERCENT * most;
  const words = limit.querySelector("[data-left]");
  words.textContent = over > 0 ? overWords(what, over) : leftWords(what, -over, most);
  words.classList.toggle("warn-text", isTight);
  const rect = limit.querySelector(".this");
  const width = format.share(more, most);
  rect.setAttribute("x", Math.min(format.share(taken, most), 100 - width));
  rect.setAttribute("width", width);
  rect.classList.toggle("is-over", isTight);
}

function overWords(what, over) {
  return `${amount(what, over)} over quota`;
}

function leftWords(what, left, most) {
  return isMib(what) ? `${format.leftOf(left, most)} of ${format.mib(most)} left` : `${left} of ${most} left`;
}

function amount(what, count) {
  if (isMib(what)) return format.mib(count);
  return `${count} ${what === "cpus" ? "CPU" : "machine"}${count === 1 ? "" : "s"}`;
}

function isMib(what) {
  return what.endsWith("_mib");
}
