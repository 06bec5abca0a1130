// What every page in the shell does: local times, keys and menus, and staying up to date.
import { start as startPalette } from "./palette.js";
import { start as startShell } from "./shell.js";
import { start as startTimes } from "./times.js";
import { start as startJobs } from "./jobs.js";
import { start as startCells } from "./cells.js";
import { start as startLive } from "./live.js";
import { start as startLease } from "./lease.js";

startTimes();
startShell();
startPalette();
startCells();
startJobs();
startLive();
startLease();
