// The lines of CPU in the list, kept up to date: each look at a machine goes into the line that spark.py has drawn.
const [HEIGHT, STEP, BELOW] = [36, 2, 40];
const [POINTS, SLOT_S, LOOK_S, HALF, PASSED] = [30, 120, 10, 50, 48];
const lines = new WeakMap(); // an svg -> its percentages, the slot of the last, and until when it is drawn

document.addEventListener("vrabec:vm", ({ detail }) => detail.forEach(apply));

function apply(cell) {
  for (const svg of document.querySelectorAll(`svg[data-spark="${cell.id}"]`)) {
    if (!lines.has(svg)) lines.set(svg, read(svg));
    const line = lines.get(svg);
    if (cell.cpu === null) line.values.fill(null);
    else if (cell.at >= line.until) add(line, cell);
    draw(svg, line.values);
  }
}

function add(line, { at, cpu }) {
  const slot = Math.floor(at / SLOT_S);
  for (let over = Math.min(slot - line.slot, POINTS); over > 0; over -= 1) {
    line.values.push(null);
    line.values.shift();
  }
  const last = line.values.at(-1);
  const looks = Math.floor((at % SLOT_S) / LOOK_S) + 1; // the point is their average
  line.values[POINTS - 1] = last === null ? cpu : last + (cpu - last) / looks;
  Object.assign(line, { slot: Math.max(slot, line.slot), until: at + 1 });
}

// What the server has drawn, as far as it can be read from the picture.
function read(svg) {
  const top = svg.classList.contains("is-whole") ? 100 : HALF;
  const values = new Array(POINTS).fill(null);
  let [x, y] = [0, BELOW];
  for (const [, verb, first, second] of svg.firstElementChild.getAttribute("d").matchAll(/([MVHhl])(-?\d+)(?: (-?\d+))?/g)) {
    const amount = Number(first);
    if (verb === "M") [x, y] = [amount, Number(second)];
    else if (verb === "V") y = amount;
    else if (verb === "H") x = amount;
    else [x, y] = [x + amount, y + Number(second ?? 0)];
    if (y < BELOW && x >= 0 && x / STEP < POINTS) values[x / STEP] = top * (HEIGHT - y) / HEIGHT;
  }
  const until = Number(svg.closest("table").dataset.until);
  return { values, slot: Math.floor(until / SLOT_S), until };
}

function draw(svg, values) {
  const top = Math.max(...values) > PASSED ? 100 : HALF;
  svg.classList.toggle("is-whole", top !== HALF);
  svg.firstElementChild.setAttribute("d", path(values.map((value) =>
    (value === null ? null : HEIGHT - Math.round(HEIGHT * Math.min(value, top) / top)))));
}

function path(heights) {
  let [drawn, before] = ["", null];
  heights.forEach((height, place) => {
    if (height !== null && before !== null) drawn += `l${STEP} ${height - before}`;
    else if (height !== null) drawn += drawn ? `H${STEP * place}V${height}` : begun(place, height);
    else if (before !== null) drawn += `V${BELOW}`;
    before = height;
  });
  return drawn + (before === null ? "" : `h${STEP}V${BELOW}`);
}

function begun(place, height) {
  return place ? `M${STEP * place} ${BELOW}V${height}` : `M${-STEP} ${BELOW}V${height}h${STEP}`;
}
