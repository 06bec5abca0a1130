// The form of a machine's size: the bars beside it follow what is typed.
import { parseMib } from "./format.js";
import { showQuotas } from "./quota.js";

const form = document.getElementById("resize");
const bars = document.getElementById("quotas");

function refresh() {
  const typed = (name) => form.elements[name].value;
  const cpus = /^\s*\d{1,5}\s*$/.test(typed("cpus")) ? Number(typed("cpus")) : null;
  showQuotas(bars, { cpus, memory_mib: parseMib(typed("memory")), disk_mib: parseMib(typed("disk")) });
}

if (form && bars) {
  form.addEventListener("input", refresh);
  refresh();
}
