// The page of dicesim: it asks the API, and draws what it is told.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const four = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });

function percent(p) {
  if (p === null || p === undefined) return "–";
  const value = p * 100;
  if (value === 0 || value === 100) return `${value}\u00a0%`;
  if (value > 99.99) return ">\u00a099.99\u00a0%";
  return value >= 0.995 ? `${value.toFixed(2)}\u00a0%` : `${value.toPrecision(3)}\u00a0%`;
}

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS(SVG, name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const VIEWS = ["roll", "compare", "check"];
let view = "roll";

// Views that have something to ask for as soon as they are looked at.
const due = new Set(["compare"]);

// ---- The API

class ApiProblem extends Error {
  constructor(problem) {
    const detail = problem.detail ?? "The service gave no answer that this page can read.";
    const missing = problem.hint && !detail.includes(problem.hint);
    super(missing ? `${detail}; ${problem.hint}` : detail);
    this.problem = { ...problem, detail: this.message };
  }
}

const kindOf = (problem) => problem.type?.split("#")[1];

// What may well be answered when it is asked again: the service is full, closing, or away.
const passing = (problem) => !problem.status || ["busy", "closing"].includes(kindOf(problem));

const headers = () => {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
};

async function fetched(path, options = {}) {
  const known = headers();
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...known, ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiProblem({ detail: "The service cannot be reached; is it still running?" });
  }
  if (answer.status === 401) {
    // A token that was typed meanwhile has not been refused yet.
    if (headers().Authorization !== known.Authorization) return fetched(path, options);
    lock("Authorization" in known ? "That was not its token." : "");
  }
  if (!answer.ok) throw new ApiProblem(await answer.json().catch(() => ({})));
  return answer;
}

async function post(path, body, signal) {
  const answer = await fetched(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
    signal,
  });
  return answer.json();
}

// For questions of which only the newest is of interest.
class Asker {
  stop() {
    this.asked?.abort();
  }

  post(path, body) {
    this.stop();
    this.asked = new AbortController();
    return post(path, body, this.asked.signal);
  }
}

// Follow a simulation until it ends or nobody wants it; a stream that breaks off is taken up where it was.
async function follow(path, tell, signal) {
  let last = null;
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await fetched(path, { signal, headers: last === null ? {} : { "Last-Event-ID": last } });
      if (answer.status === 204) return;
      for await (const event of eventsOf(answer.body)) {
        tries = 0;
        last = event.id;
        tell(event.event, JSON.parse(event.data));
        if (event.event !== "progress") return;
      }
    } catch (error) {
      if (error.name === "AbortError" || error.problem?.status) throw error;
      if (tries > 2) byId("running").textContent = error.message;
    }
    await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** Math.min(tries, 4)));
    signal.throwIfAborted();
  }
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = Object.fromEntries(
        block.split("\n").filter((line) => line && !line.startsWith(":")).map((line) => {
          const colon = line.indexOf(": ");
          return [line.slice(0, colon), line.slice(colon + 2)];
        }),
      );
      if (event.data) yield event;
    }
  }
}

// ---- The chart

const BEYOND = `Outcomes beyond ${whole.format(Number.MAX_SAFE_INTEGER)} cannot be shown here one by one; the API gives them.`;
const MOST_COLUMNS = 60;
const HEIGHT = 264;
const EDGE = { left: 46, right: 6, top: 14, bottom: 26 };

function cumulated(shares, reading) {
  if (!shares || reading === "exactly") return shares;
  const result = [...shares];
  if (reading === "most") for (let i = 1; i < result.length; i += 1) result[i] += result[i - 1];
  else for (let i = result.length - 2; i >= 0; i -= 1) result[i] += result[i + 1];
  return result.map((share) => Math.min(share, 1));
}

// Leave out tails that could not be seen, where there are more outcomes than columns.
function trimmed(data, most) {
  const shares = [data.exact, data.seen, data.second].filter(Boolean);
  if (data.outcomes.length <= most || !shares.length) return { ...data, cut: [0, data.outcomes.length] };
  const upTo = shares.map((share) => cumulated(share, "most"));
  const from = shares.map((share) => cumulated(share, "least"));
  const seen = (sums, i) => sums.some((sum) => sum[i] > 1e-5);
  let [low, high] = [0, data.outcomes.length];
  while (low < high - 1 && !seen(upTo, low)) low += 1;
  while (high > low + 1 && !seen(from, high - 1)) high -= 1;
  const cut = (list) => list && list.slice(low, high);
  return { outcomes: cut(data.outcomes), exact: cut(data.exact), seen: cut(data.seen), second: cut(data.second), cut: [low, high] };
}

// Neighbours share a column where there are more outcomes than columns.
function columnsOf(data, reading, most) {
  const { outcomes, exact, seen, second, cut } = trimmed(data, most);
  const size = Math.ceil(outcomes.length / most);
  const sum = (shares, start) =>
    shares && shares.slice(start, start + size).reduce((total, share) => total + share, 0);
  const starts = outcomes.map((_, i) => i).filter((i) => i % size === 0);
  const pick = (shares) => shares && cumulated(starts.map((start) => sum(shares, start)), reading);
  const labels = starts.map((start) => {
    const [low, high] = [outcomes[start], outcomes[Math.min(start + size, outcomes.length) - 1]];
    if (low === high) return `${low}`;
    return reading === "least" ? `${low}` : reading === "most" ? `${high}` : `${low} to ${high}`;
  });
  return { cut: cut.join(), labels, short: starts.map((start) => `${outcomes[start]}`), exact: pick(exact), seen: pick(seen), second: pick(second) };
}

function steps(top) {
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((size) => size >= rough);
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step);
}

class Chart {
  constructor(box, readout, words) {
    this.box = box;
    this.readout = readout;
    this.words = words;
    this.data = null;
    this.reading = "exactly";
    this.chosen = null;
    new ResizeObserver(() => this.data && this.box.clientWidth !== this.width && this.draw()).observe(box);
    box.addEventListener("keydown", (event) => this.key(event));
  }

  show(data, reading = this.reading) {
    if (!data.outcomes.every(Number.isSafeInteger)) {
      this.clear();
      this.readout.textContent = BEYOND;
      return;
    }
    const same = this.data && this.reading === reading
      && this.data.outcomes.length === data.outcomes.length
      && this.data.outcomes[0] === data.outcomes[0]
      && Boolean(this.data.exact) === Boolean(data.exact)
      && this.data.name === data.name;
    if (this.data?.name !== data.name) this.chosen = null;
    this.data = data;
    this.reading = reading;
    if (same && this.columns && this.fits()) this.move();
    else this.draw();
  }

  clear() {
    this.data = null;
    this.box.replaceChildren();
    this.readout.textContent = "\u00a0";
  }

  prepare() {
    this.columns = columnsOf(this.data, this.reading, Math.max(8, Math.min(MOST_COLUMNS, Math.floor(this.width / 9))));
    const { exact, seen, second } = this.columns;
    return Math.max(1e-12, ...(exact ?? []), ...(seen ?? []), ...(second ?? []));
  }

  fits() {
    const before = this.columns.cut;
    return this.prepare() <= this.top && this.columns.cut === before;
  }

  draw() {
    this.width = this.box.clientWidth;
    if (!this.width) return;
    const greatest = this.prepare();
    this.top = this.reading === "exactly" ? Math.min(1, greatest * 1.1) : 1;
    const plot = HEIGHT - EDGE.top - EDGE.bottom;
    const room = this.width - EDGE.left - EDGE.right;
    const { labels, short, exact } = this.columns;
    const step = room / labels.length;
    const svg = element("svg:svg", { viewBox: `0 0 ${this.width} ${HEIGHT}`, height: HEIGHT, "aria-hidden": "true" });
    for (const share of steps(this.top)) {
      const y = EDGE.top + plot * (1 - share / this.top);
      svg.append(
        element("svg:line", { class: "grid", x1: EDGE.left, x2: this.width - EDGE.right, y1: y, y2: y }),
        element("svg:text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, `${+(share * 100).toPrecision(3)} %`),
      );
    }
    const gap = step > 12 ? Math.min(step * 0.22, 8) : 1;
    const bars = (cls, inset = 0, share = 1) => labels.map((_, i) =>
      element("svg:rect", {
        class: cls, x: EDGE.left + i * step + gap / 2 + inset, y: EDGE.top,
        width: Math.max(1, (step - gap) * share), height: plot,
      }));
    this.ghosts = exact ? bars("ghost") : [];
    this.bars = bars("bar", 0, this.data.second ? 0.5 : 1);
    this.others = this.data.second ? bars("bar b", (step - gap) / 2 + 0.5, 0.5) : [];
    this.ticks = exact && !this.data.second ? labels.map((_, i) =>
      element("svg:rect", {
        class: "tick", x: EDGE.left + i * step + Math.max(0, gap / 2 - 2), y: EDGE.top + plot - 1.5,
        width: Math.max(1, step - gap + Math.min(4, gap)), height: 3, rx: 1,
      })) : [];
    this.box.classList.toggle("inexact", !exact);
    const widest = Math.max(...short.map((text) => text.length)) * 7.5 + 10;
    const every = Math.max(1, Math.ceil(widest / step));
    const marks = short.map((text, i) => i % every === 0
      ? element("svg:text", { x: EDGE.left + (i + 0.5) * step, y: HEIGHT - 8, "text-anchor": "middle" }, text) : null);
    this.marks = marks;
    this.targets = labels.map((_, i) => {
      const target = element("svg:rect", { class: "column", x: EDGE.left + i * step, y: 0, width: step, height: HEIGHT });
      target.addEventListener("pointerenter", () => this.choose(i));
      target.addEventListener("click", () => this.choose(i));
      return target;
    });
    svg.append(...this.ghosts, ...this.bars, ...this.others, ...this.ticks, ...marks.filter(Boolean), ...this.targets);
    const slider = element("div", { tabindex: "0", role: "slider", "aria-label": "Outcome", "aria-valuemin": "0", "aria-valuemax": `${labels.length - 1}` }, svg);
    const focused = this.box.contains(document.activeElement);
    this.box.replaceChildren(slider);
    this.slider = slider;
    if (focused) slider.focus();
    if (this.drawnName === this.data.name) this.move();
    else {
      this.move(true);
      svg.getBoundingClientRect(); // what is not laid out cannot move
      this.move();
    }
    this.drawnName = this.data.name;
  }

  move(flat = false) {
    const plot = HEIGHT - EDGE.top - EDGE.bottom;
    const { exact, seen, second } = this.columns;
    const height = (shares, i) => (flat || !shares ? 0 : Math.min(1, shares[i] / this.top));
    this.ghosts.forEach((bar, i) => { bar.style.transform = `scaleY(${height(exact, i)})`; });
    this.bars.forEach((bar, i) => { bar.style.transform = `scaleY(${height(seen, i)})`; });
    this.others.forEach((bar, i) => { bar.style.transform = `scaleY(${height(second, i)})`; });
    this.ticks.forEach((tick, i) => { tick.style.transform = `translateY(${-plot * height(exact, i)}px)`; });
    this.tell();
  }

  choose(i) {
    this.chosen = i;
    this.tell();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const move = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10, Home: -1e9, End: 1e9 }[event.key];
    if (!move || !this.data) return;
    event.preventDefault();
    const last = this.columns.labels.length - 1;
    const start = this.chosen ?? Math.floor(last / 2) - Math.sign(move);
    this.choose(Math.max(0, Math.min(last, start + move)));
  }

  tell() {
    const i = this.chosen !== null && this.chosen < this.columns.labels.length ? this.chosen : null;
    this.targets.forEach((target, at) => target.classList.toggle("here", at === i));
    this.marks.forEach((mark, at) => mark?.classList.toggle("chosen", at === i));
    const { labels, exact, seen, second } = this.columns;
    const text = i === null ? this.words.idle
      : this.words.row(labels[i], this.reading, exact?.[i], seen?.[i], second?.[i]);
    this.readout.textContent = text || "\u00a0";
    this.slider.setAttribute("aria-valuenow", `${i ?? 0}`);
    this.slider.setAttribute("aria-valuetext", i === null ? "Choose an outcome with the arrow keys" : text);
  }
}

const range = (low, high) => `${whole.format(low)} to ${whole.format(high)}`;
const READINGS = { exactly: "", least: "at least ", most: "at most " };

// ---- Notation that is read while it is typed

class Notation {
  constructor(input, said, changed) {
    this.input = input;
    this.said = said;
    this.changed = changed;
    this.mirror = input.parentElement.querySelector(".mirror");
    this.asker = new Asker();
    this.odds = null;
    this.wrong = false;
    this.tries = 0;
    input.addEventListener("input", () => {
      this.mark(null);
      this.tries = 0;
      this.later(120);
    });
    input.addEventListener("scroll", () => { this.mirror.scrollLeft = input.scrollLeft; });
  }

  get text() {
    return this.input.value;
  }

  set(text) {
    this.input.value = text;
    this.mark(null);
    return this.read();
  }

  later(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), milliseconds);
  }

  // Until it is known what has been typed so far.
  settled() {
    return this.timer ? this.read() : this.reading;
  }

  // Ask for the odds; whatever was asked before is of no interest any more.
  read() {
    clearTimeout(this.timer);
    this.timer = null;
    this.reading = this.ask();
    return this.reading;
  }

  async ask() {
    try {
      this.odds = await this.asker.post("/v1/exact", { expression: this.text || " " });
      this.say([this.odds.description, ...this.odds.notes].join("; "));
      this.mark(null);
      this.wrong = false;
      this.tries = 0;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.odds = null;
      this.refuse(error.problem ?? { detail: error.message });
    }
    this.changed(this.odds);
  }

  say(text, wrong = false) {
    // What is set anew is read out anew.
    if (this.said.textContent !== text) this.said.textContent = text;
    this.said.classList.toggle("wrong", wrong);
    if (wrong) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }

  // Only what the rule itself is to blame for makes it wrong; without odds it can still be rolled.
  refuse(problem, asked = this.text) {
    if (asked !== this.text) return; // it has been mended meanwhile
    const kind = kindOf(problem);
    this.wrong = kind === "notation" || kind === "limit";
    this.mark(this.wrong ? problem : null);
    if (kind === "exact-unavailable" || kind === "too-slow") {
      this.say(`${problem.description ?? this.text} (no exact odds: they would take too long; it can be rolled)`);
    } else if (passing(problem)) {
      this.say(`${problem.status ? "The service is busy" : "The service cannot be reached"}; the odds are asked for again in a moment.`);
      this.later(1000 * 2 ** Math.min(this.tries, 3));
      this.tries += 1;
    } else {
      this.say(capital(problem.detail), this.wrong);
    }
  }

  mark(problem) {
    this.mirror.replaceChildren();
    if (problem?.position === undefined) return;
    const characters = [...this.text];
    const [start, end] = [problem.position, problem.position + problem.length];
    const part = characters.slice(start, end).join("") || " ";
    this.mirror.append(characters.slice(0, start).join(""), element("span", { class: "wrong" }, part), characters.slice(end).join(""));
    this.mirror.scrollLeft = this.input.scrollLeft;
  }
}

function showProblem(box, problem) {
  box.className = "verdict problem";
  box.replaceChildren(element("p", {}, element("strong", {}, problem.title ?? "That did not work")), element("p", {}, capital(problem.detail)));
}

function showVerdict(box, word, explanation, small) {
  box.className = `verdict ${word.split(" ")[0]}`;
  const head = element("p", { class: "big" }, element("strong", {}, word[0].toUpperCase() + word.slice(1)));
  box.replaceChildren(head, element("p", {}, explanation), ...small.map((text) => element("p", {}, text)));
}

function fill(table, caption, head, rows) {
  const cells = (kind, row) => row.map((text) => element(kind, kind === "th" ? { scope: "col" } : {}, text));
  table.replaceChildren(
    ...(caption ? [element("caption", {}, caption)] : []),
    element("thead", {}, element("tr", {}, ...cells("th", head))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row)))),
  );
}

// ---- Rolling

const HELP = "Point at a column, or use the arrow keys, for its odds.";

const rolling = {
  chart: new Chart(byId("chart"), byId("readout"), {
    idle: HELP,
    row: (label, reading, exact, seen) => [
      `${READINGS[reading]}${label}:`,
      exact === undefined ? "" : ` exact ${percent(exact)}`,
      seen === undefined ? "" : `${exact === undefined ? "" : ","} rolled ${percent(seen)}`,
    ].join(""),
  }),
  busy: false,
  stop: null,
  text: null,
  n: null,
  seed: null,
  counts: null,
  result: null,
};
const rule = new Notation(byId("expression"), byId("understood"), showOdds);

function reading() {
  return document.querySelector("input[name=reading]:checked").value;
}

function showOdds(odds) {
  const figures = byId("figures");
  if (rule.text !== rolling.text) forget();
  // What cannot be read leaves the odds before it in place, paler.
  for (const id of ["figures", "chart"]) byId(id).classList.toggle("stale", rule.wrong);
  byId("go").disabled = rule.wrong;
  remember();
  if (!odds) return showNoOdds();
  const quantile = Object.fromEntries(odds.quantiles.map(({ q, outcome }) => [q, outcome]));
  const rows = [
    ["mean", four.format(odds.mean)],
    ["standard deviation", four.format(odds.std)],
    ["middle half", range(quantile[0.25], quantile[0.75])],
    ["median", whole.format(quantile[0.5])],
    ["nine in ten", range(quantile[0.05], quantile[0.95])],
  ];
  figures.replaceChildren(...rows.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  redraw();
}

function showNoOdds() {
  byId("odds").replaceChildren();
  if (rule.wrong) return;
  byId("figures").replaceChildren();
  rolling.chart.clear();
  redraw();
}

// Leave what was rolled of another rule.
function forget() {
  rolling.stop?.();
  due.delete("roll");
  Object.assign(rolling, { stop: null, text: null, n: null, seed: null, counts: null, result: null });
  busy(false);
  byId("verdict").replaceChildren();
  byId("verdict").className = "verdict";
  byId("running").textContent = "\u00a0";
}

function redraw() {
  const odds = rule.odds;
  const counts = rolling.counts;
  const outcomes = odds ? odds.outcomes.map((row) => row.outcome) : [...counts?.keys() ?? []].sort((x, y) => x - y);
  if (!outcomes.length) return;
  const n = counts ? [...counts.values()].reduce((sum, count) => sum + count, 0) : 0;
  const seen = n ? outcomes.map((outcome) => (counts.get(outcome) ?? 0) / n) : null;
  const exact = odds?.outcomes.map((row) => row.probability) ?? null;
  rolling.chart.show({ name: odds?.expression ?? rule.text, outcomes, exact, seen }, reading());
  if (!rolling.busy) showTable(odds, counts, n);
}

const LONGEST_TABLE = 1000;

function showTable(odds, counts, n) {
  const z = new Map(rolling.result?.outcomes.map((row) => [row.outcome, row.z]));
  const rows = odds?.outcomes ?? [...counts?.keys() ?? []].sort((x, y) => x - y).map((outcome) => ({ outcome }));
  const exact = (row) => [
    percent(row.probability), row.exact && row.exact.length < 24 ? row.exact : "–", percent(row.at_least), percent(row.at_most),
  ];
  const rolled = ({ outcome }) => {
    const count = counts.get(outcome) ?? 0;
    return [whole.format(count), percent(count / n), ...(odds ? [z.get(outcome)?.toFixed(2) ?? "–"] : [])];
  };
  const table = rows.slice(0, LONGEST_TABLE).map((row) => [
    `${row.outcome}`, ...(odds ? exact(row) : []), ...(n ? rolled(row) : []),
  ]);
  const head = [
    "outcome", ...(odds ? ["exactly", "fraction", "at least", "at most"] : []),
    ...(n ? ["rolled", "share"] : []), ...(n && odds ? ["z"] : []),
  ];
  if (!rows.every(({ outcome }) => Number.isSafeInteger(outcome))) return byId("odds").replaceChildren();
  const cut = rows.length > LONGEST_TABLE ? `The first ${LONGEST_TABLE} of ${rows.length} outcomes` : "";
  return fill(byId("odds"), cut, head, table);
}

// Half of the world writes a point where the other half writes a comma, so only 1.5e6 has a point that is clear.
const GROUPED = /^\d+((,\d{2,3})*,\d{3})?$/;
const POWER = /^\d{1,15}(\.\d{1,9})?e\d{1,2}$/i;

function number(text) {
  const digits = text.trim().replaceAll(/[\s_'’]/g, ",");
  const read = POWER.test(digits) ? Number(digits)
    : GROUPED.test(digits) ? Number(digits.replaceAll(",", "")) : NaN;
  if (Number.isSafeInteger(read) && read) return read;
  const unclear = /^\d+([.,]\d+)+$/.test(digits);
  throw new ApiProblem({
    title: read === 0 ? "There is nothing to roll" : unclear ? `The number of rolls, ${text.trim()}, is not clear` : "The number of rolls cannot be read",
    detail: "Write ten thousand as 10,000 or 10000 or 1e4.",
  });
}

function seedOf(text) {
  const digits = text.replaceAll(/[\s,_'’]/g, "");
  if (/^\d{0,78}$/.test(digits)) return digits;
  throw new ApiProblem({ title: "The seed cannot be read", detail: "Write a whole number of 78 digits at most, or leave it out." });
}

async function roll() {
  forget();
  const { text } = rule;
  const controller = new AbortController();
  let job = null;
  rolling.text = text;
  try {
    const seed = seedOf(byId("seed").value);
    const n = number(byId("n").value);
    busy(true);
    rolling.stop = () => {
      controller.abort();
      if (job) cancel(job).catch(() => {});
    };
    byId("stop").onclick = () => (job ? cancel(job).catch(forget) : forget());
    // Rolls are drawn beside the odds of their own rule, not beside those of the rule before.
    await rule.settled();
    if (controller.signal.aborted || rule.text !== text || rule.wrong) return;
    // Only what has been taken in can be cancelled, so the answer is waited for in any case.
    job = await post("/v1/simulations", { expression: text, n, seed: seed || null });
    if (controller.signal.aborted) return void cancel(job).catch(() => {});
    Object.assign(rolling, { n, seed: seed || `${job.seed}` });
    remember();
    await follow(job.links.events, hear, controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) showProblem(byId("verdict"), error.problem ?? { detail: error.message });
  } finally {
    if (!controller.signal.aborted) {
      rolling.stop = null;
      busy(false);
    }
  }
}

// Also of a page that is being left.
function cancel(job) {
  return fetched(job.links.self, { method: "DELETE", keepalive: true });
}

function busy(is) {
  const [shown, hidden] = is ? [byId("stop"), byId("go")] : [byId("go"), byId("stop")];
  const focused = document.activeElement === hidden;
  rolling.busy = is;
  shown.hidden = false;
  hidden.hidden = true;
  if (focused) shown.focus();
  byId("progress").hidden = !is;
  if (is) byId("progress").value = 0;
}

function hear(event, told) {
  if (event === "problem") return showProblem(byId("verdict"), told);
  if (event === "result") return showResult(told);
  byId("progress").value = told.n / told.requested_n;
  if (!told.n) {
    byId("running").textContent = "Waiting for the first rolls …";
    return undefined;
  }
  rolling.counts = new Map(told.outcomes.map((outcome, i) => [outcome, told.counts[i]]));
  const chi = told.chi_square;
  byId("running").textContent = [
    `${whole.format(told.n)} of ${whole.format(told.requested_n)} rolls`,
    rate(told.trials_per_second),
    ...(chi ? [`chi-square ${chi.statistic.toFixed(2)} on ${chi.dof} dof`] : []),
  ].join("  ·  ");
  return redraw();
}

function rate(perSecond) {
  return perSecond >= 1e6 ? `${three(perSecond / 1e6)} million a second` : `${whole.format(Math.round(perSecond))} a second`;
}

function small(p) {
  if (p === null || p === undefined) return "–";
  return p !== 0 && p < 1e-3 ? p.toExponential(2) : p.toPrecision(3);
}

function three(value) {
  return value >= 100 ? `${Math.round(value)}` : value.toPrecision(3);
}

function showResult(result) {
  rolling.counts = new Map(result.outcomes.map((row) => [row.outcome, row.count]));
  rolling.result = result;
  rolling.busy = false;
  redraw();
  const part = result.complete ? "" : ` of ${whole.format(result.requested_n)}`;
  const seconds = result.elapsed_seconds;
  byId("running").textContent = [
    `${whole.format(result.n)}${part} rolls in ${seconds < 0.0995 ? `${(seconds * 1000).toPrecision(2)} ms` : `${three(seconds)} s`}`,
    rate(result.trials_per_second),
    `seed ${rolling.seed}`,
  ].join("  ·  ");
  const mean = `Mean ${four.format(result.mean)}${result.standard_error ? ` ± ${result.standard_error.toPrecision(2)}` : ""}`
    + (rule.odds ? `, exactly ${four.format(rule.odds.mean)}.` : ".");
  const box = byId("verdict");
  if (!result.check) {
    box.className = "verdict";
    box.replaceChildren(element("p", {}, mean), element("p", {}, `No check: ${result.check_unavailable}.`));
    return;
  }
  const { statistic, dof, p_value: p } = result.check;
  showVerdict(box, result.check.verdict, sentence(result.check.explanation), [
    `${mean} Chi-square ${statistic.toPrecision(4)} on ${dof} degrees of freedom, p = ${small(p)}.`,
  ]);
}

function sentence(text) {
  return `${capital(text)}.`;
}

function capital(text) {
  return text.startsWith("p ") ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

byId("form-roll").addEventListener("submit", (event) => {
  event.preventDefault();
  roll();
});
for (const input of document.querySelectorAll("input[name=reading]")) {
  input.addEventListener("change", () => { redraw(); remember(); });
}
for (const button of document.querySelectorAll("[data-rule]")) {
  button.addEventListener("click", () => { rule.set(button.dataset.rule); });
}
byId("copy").addEventListener("click", async () => {
  remember();
  const button = byId("copy");
  try {
    await navigator.clipboard.writeText(location.origin + addressOf([view]));
    button.textContent = "Copied";
  } catch {
    button.textContent = "The address line above has it";
  }
  setTimeout(() => { button.textContent = "Copy a link to this view"; }, 2500);
});

// ---- Comparing

const comparing = new Chart(byId("compare-chart"), byId("compare-readout"), {
  idle: HELP,
  row: (label, _reading, _exact, seen, second) => `${label}: A ${percent(seen)}, B ${percent(second)}`,
});
const sides = ["a", "b"].map((id) => new Notation(byId(id), byId(`understood-${id}`), () => remember()));

const comparer = new Asker();

async function compare() {
  const box = byId("compared");
  const [a, b] = sides.map((side) => side.text);
  const answered = asked("compare");
  try {
    const told = await comparer.post("/v1/compare", { a: a || " ", b: b || " ", seed: 1 });
    box.className = "verdict";
    box.replaceChildren(element("p", { class: "big" }, sentence(told.summary)));
    if (!told.is_exact) box.append(element("p", {}, "What has no exact odds was rolled 100,000 times."));
    showShares(told);
    showSides(told);
    comparing.show({
      name: `${told.a.expression} ${told.b.expression}`,
      outcomes: told.outcomes.map((row) => row.outcome),
      exact: null,
      seen: told.outcomes.map((row) => row.a),
      second: told.outcomes.map((row) => row.b),
    });
    remember();
    answered();
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("shares").replaceChildren();
    byId("sides").replaceChildren();
    comparing.clear();
    const problem = error.problem ?? { detail: error.message };
    const side = { a: 0, b: 1 }[problem.parameter];
    if (side !== undefined && problem.position !== undefined) sides[side].refuse(problem, [a, b][side]);
    showProblem(box, problem);
    answered();
  }
}

// What was answered to another question stays, paler, until this one is asked.
const answers = {
  compare: { edits: 0, shown: ["compared", "shares", "compare-chart", "sides"] },
  check: { edits: 0, shown: ["checked", "check-chart", "tests"] },
};

function pale(name, is) {
  for (const id of answers[name].shown) byId(id).classList.toggle("stale", is);
}

// Return what to call when the answer to what is asked now is shown.
function asked(name) {
  const { edits } = answers[name];
  return () => pale(name, edits !== answers[name].edits);
}

for (const name of Object.keys(answers)) {
  byId(`form-${name}`).addEventListener("input", () => {
    answers[name].edits += 1;
    pale(name, true);
  });
}

function showShares(told) {
  const parts = [["a", told.greater.value], ["tie", told.equal.value], ["b", told.less.value]];
  const svg = element("svg:svg", { viewBox: "0 0 1000 1", preserveAspectRatio: "none", height: 22, "aria-hidden": "true" });
  let x = 0;
  for (const [cls, share] of parts) {
    svg.append(element("svg:rect", { class: cls, x: x * 1000, y: 0, width: share * 1000, height: 1 }));
    x += share;
  }
  byId("shares").replaceChildren(svg, element("p", {},
    element("span", {}, `A wins ${percent(told.greater.value)}`),
    element("span", {}, `tie ${percent(told.equal.value)}`),
    element("span", {}, `B wins ${percent(told.less.value)}`)));
}

function showSides({ a, b }) {
  const row = (name, say) => [name, say(a), say(b)];
  const at = ({ quantiles }, q) => quantiles.find((quantile) => quantile.q === q).outcome;
  fill(byId("sides"), "", ["", `A: ${a.expression}`, `B: ${b.expression}`], [
    row("mean", ({ mean }) => four.format(mean.value)),
    row("standard deviation", ({ std }) => (std === null ? "–" : four.format(std))),
    row("median", (side) => whole.format(at(side, 0.5))),
    row("nine in ten", (side) => range(at(side, 0.05), at(side, 0.95))),
    row("all", ({ least, greatest }) => range(least, greatest)),
  ]);
}

byId("form-compare").addEventListener("submit", (event) => {
  event.preventDefault();
  compare();
});

// ---- Checking

const checking = new Chart(byId("check-chart"), byId("check-readout"), {
  idle: HELP,
  row: (label, _reading, exact, seen) => `${label}: came ${percent(seen)}, expected ${percent(exact)}`,
});
const law = new Notation(byId("against"), byId("understood-against"), () => remember());

const layout = () => document.querySelector("input[name=layout]:checked").value;

function recorded() {
  const text = byId("data").value.replaceAll("−", "-");
  if (layout() === "columns") return { data: text };
  if (layout() === "counts") return { data: text.replaceAll(/(\d)[ \t]*[:=x×][ \t]*(?=\d)/g, "$1,"), counts: true };
  const words = text.split(/[\s,;|]+/).filter(Boolean);
  const odd = words.findIndex((word) => !/^[-+]?\d{1,15}$/.test(word));
  if (odd >= 0) {
    throw new ApiProblem({ title: "The rolls cannot be read", detail: `Roll ${odd + 1}, “${words[odd].slice(0, 20)}”, is no whole number.` });
  }
  return { data: words.map(Number) };
}

const checker = new Asker();

async function check() {
  const box = byId("checked");
  const [against, answered] = [law.text, asked("check")];
  byId("tests").replaceChildren();
  checker.stop();
  try {
    const told = await checker.post("/v1/check", { ...recorded(), against: against || " " });
    const rolls = `${whole.format(told.n)} ${told.n === 1 ? "roll" : "rolls"} held against ${told.against} (${told.description}).`;
    showVerdict(box, told.verdict, sentence(told.explanation), [rolls, ...told.notes.map(sentence)]);
    const rows = told.outcomes ?? told.columns[0]?.outcomes ?? [];
    checking.show({
      name: `${told.against} ${told.n}`,
      outcomes: rows.map((row) => row.outcome),
      exact: rows.map((row) => row.expected),
      seen: rows.map((row) => row.observed),
    });
    remember();
    fill(byId("tests"), "What was tested; the alarm level holds for all tests together", ["test", "statistic", "p", "p, adjusted"],
      told.tests.map((test) => [test.columns.length > 1 || told.columns.length > 1 ? `${test.test} (${test.columns.join(", ")})` : test.test,
        test.statistic?.toPrecision(4) ?? "–", small(test.p_value), small(test.holm_p)]));
    answered();
  } catch (error) {
    if (error.name === "AbortError") return;
    checking.clear();
    const problem = error.problem ?? { detail: error.message };
    if (problem.position !== undefined) law.refuse(problem, against);
    showProblem(box, problem);
    answered();
  }
}

byId("form-check").addEventListener("submit", (event) => {
  event.preventDefault();
  check();
});
const LARGEST_FILE = 2 ** 20;
const TOO_LARGE = "It may have a million bytes. On the command line, dicesim check takes files of any size.";

// Columns have a heading, or marks between them; whoever writes by hand puts spaces between rolls.
function layoutOf(text) {
  const [first] = text.split("\n", 1);
  if (/count|freq/i.test(first)) return "counts";
  return /^[-+−\d\s.]+$/.test(first) ? "rolls" : "columns";
}

byId("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  if (file.size > LARGEST_FILE) {
    checking.clear();
    byId("tests").replaceChildren();
    showProblem(byId("checked"), { title: "The file is too large for this page", detail: TOO_LARGE });
    pale("check", false);
    return;
  }
  const text = (await file.text()).trim();
  const seen = layoutOf(text);
  choose("layout", seen);
  // Hundreds of thousands of lines would take a browser seconds.
  byId("data").value = seen === "rolls" ? text.replaceAll(/\s*\n\s*/g, " ") : text;
});

// ---- The address holds the views

const LONGEST_DATA = 1500;

// What it takes to show a view again.
const needed = {
  roll: () => ({
    e: rule.text,
    ...(reading() === "exactly" ? {} : { odds: reading() }),
    ...(rolling.seed ? { n: rolling.n, seed: rolling.seed } : {}),
  }),
  compare: () => ({ a: sides[0].text, b: sides[1].text }),
  check: () => ({ against: law.text, ...pasted() }),
};
const untouched = Object.fromEntries(VIEWS.map((name) => [name, JSON.stringify(needed[name]())]));

function pasted() {
  const text = byId("data").value.trim();
  const data = layout() === "rolls" ? text.replaceAll(/[\s,;|]+/g, " ") : text;
  return data && data.length <= LONGEST_DATA ? { data, layout: layout() } : {};
}

function addressOf(names) {
  const told = new URLSearchParams(Object.assign({}, ...names.map((name) => needed[name]())));
  return `${location.pathname}?${told}#${view}`;
}

function remember() {
  const touched = (name) => JSON.stringify(needed[name]()) !== untouched[name];
  history.replaceState(null, "", addressOf(VIEWS.filter((name) => name === view || touched(name))));
}

function choose(name, value) {
  for (const input of document.querySelectorAll(`input[name=${name}]`)) if (input.value === value) input.checked = true;
}

function restore() {
  const told = new URLSearchParams(location.search);
  for (const [name, id] of Object.entries({ e: "expression", a: "a", b: "b", against: "against", data: "data" })) {
    if (told.has(name)) byId(id).value = told.get(name);
  }
  choose("reading", told.get("odds"));
  choose("layout", told.get("layout"));
  if (told.get("data")) due.add("check");
  const n = /^\d{1,11}$/.exec(told.get("n"))?.[0];
  const seed = /^\d{1,78}$/.exec(told.get("seed"))?.[0];
  if (n) byId("n").value = whole.format(n);
  if (seed) byId("seed").value = seed;
  if (!n || !seed) return;
  due.add("roll");
  Object.assign(rolling, { text: rule.text, n, seed });
}

const begin = {
  roll,
  compare() {
    for (const side of sides) side.read();
    compare();
  },
  check,
};

function showView() {
  // Other hashes, as that of the skip link, are places on the page.
  const name = location.hash.slice(1);
  if (VIEWS.includes(name)) view = name;
  for (const one of VIEWS) byId(`view-${one}`).hidden = one !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${byId(`title-${view}`).textContent} – dicesim`;
  remember();
  if (view === "check" && !law.odds) law.read();
  if (view === "roll" && rolling.chart.data) rolling.chart.draw();
  if (due.delete(view)) begin[view]();
}

// ---- The token

function lock(why) {
  const form = byId("unlock");
  if (!form.hidden) return;
  form.hidden = false;
  byId("refused").textContent = why;
  byId("token").focus();
}

// What was refused for want of a token is asked for again.
function unlock() {
  byId("unlock").hidden = true;
  byId("token").value = "";
  for (const name of VIEWS) {
    const box = document.querySelector(`#view-${name} .verdict.problem`);
    if (box) due.add(name);
    box?.replaceChildren();
  }
  byId("main").focus();
  for (const notation of [rule, ...sides, law]) if (!notation.odds) notation.read();
  showView();
}

byId("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  // Nothing else can be sent in a header, nor be the token of a service.
  const sendable = /^[!-~]+$/.test(token);
  byId("refused").textContent = sendable ? "" : "A token has plain letters, digits and signs only, and no space.";
  if (!sendable) return;
  sessionStorage.setItem("token", token);
  unlock();
});
// Not "hashchange", which is told only where nothing but the hash has changed.
window.addEventListener("popstate", showView);
window.addEventListener("pagehide", () => rolling.stop?.());

restore();
rule.read();
showView();
