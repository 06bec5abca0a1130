// <time datetime="…Z" data-time="short|long"> in the reader's zone and language.
const language = document.documentElement.lang || "en";
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { day: "numeric", month: "short" });
const dated = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language,
  { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export function shortTime(date) {
  const days = Math.round((midnight(date) - midnight(new Date())) / 86400000);
  if (days === 0) return clock.format(date);
  if (days === -1 || days === 1) return relative.format(days, "day");
  return date.getFullYear() === new Date().getFullYear() ? day.format(date) : dated.format(date);
}

function longTime(date) {
  const today = midnight(date) === midnight(new Date());
  return `${today ? relative.format(0, "day") : dated.format(date)} ${clock.format(date)}`;
}

export function localize(part) {
  for (const element of part.querySelectorAll("time[data-time]")) {
    const date = new Date(element.dateTime);
    element.textContent = element.dataset.time === "long" ? longTime(date) : shortTime(date);
    element.title = full.format(date);
  }
}

export function start() {
  localize(document);
  document.addEventListener("htmx:load", (event) => localize(event.detail.elt.parentElement ?? document));
}
