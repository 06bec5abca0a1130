// Pages without the shell: nothing but local times and the focus on what was refused.
import { start as startTimes } from "./times.js";

startTimes();
document.querySelector("[data-focus]")?.focus();
