// Amounts as people read them; show.py says the same on the server.
const THIN = "\u202f";
const UNITS = [[1024 * 1024, "TiB"], [1024, "GiB"], [1, "MiB"]];

export const NOTHING = "–";

function short(amount) {
  return amount >= 10 || Number.isInteger(amount) ? amount.toFixed(0) : amount.toFixed(1);
}

export function percent(value) {
  return value === null ? NOTHING : `${value.toFixed(0)}${THIN}%`;
}

export function mib(value) {
  const [factor, unit] = UNITS.find(([size]) => value >= size) ?? UNITS[2];
  return `${short(value / factor)} ${unit}`;
}

const TYPED = { "": 1, m: 1, mib: 1, g: 1024, gib: 1024, t: 1048576, tib: 1048576 };

// What somebody typed, in MiB; null where it cannot be read.
export function parseMib(typed) {
  const found = /^\s*(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\s*$/i.exec(typed);
  const factor = found && TYPED[found[2].toLowerCase()];
  return factor ? Math.round(found[1] * factor) : null;
}

// Decimal, as disks and lines are sold.
const FACTORS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

export function rate(perSecond, unit = "B") {
  if (perSecond === null) return NOTHING;
  const [factor, prefix] = FACTORS.find(([size]) => perSecond >= size) ?? [1, ""];
  const amount = perSecond / factor;
  return `${prefix ? short(amount) : amount.toFixed(0)} ${prefix}${unit}/s`;
}

export function bitRate(bytesPerSecond) {
  return bytesPerSecond === null ? NOTHING : rate(8 * bytesPerSecond, "bit");
}

export function usedOf(used, total) {
  if (used === null) return mib(total);
  const [factor] = UNITS.find(([size]) => total >= size) ?? UNITS[2];
  const amount = used / factor;
  const part = amount > 0 && amount < 0.05 ? mib(used) : short(amount);
  return `${part} of ${mib(total)}`;
}

// What is left of the whole, in its unit, never rounded up.
export function leftOf(left, total) {
  const [factor] = UNITS.find(([size]) => total >= size) ?? UNITS[2];
  const amount = Math.floor((10 * left) / factor) / 10;
  return amount.toFixed(Number.isInteger(amount) ? 0 : 1);
}

export function share(used, total) {
  return total ? Math.min(100, Math.round((100 * (used ?? 0)) / total)) : 0;
}

export function age(since) {
  const minutes = Math.max(0, Math.floor((Date.now() - since) / 60000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
}
