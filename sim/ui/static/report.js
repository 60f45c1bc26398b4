/**
 * The report's script: draws what Python has put into the page, with the elements of the dashboard.
 *
 * Rules: it runs from file:// as a classic script, asks nobody for anything, and adds only pictures: every verdict,
 * number and replay line is already in the page's text.
 */
import { unpack } from "./folds.js";
import { PAGES, PAGE_LABELS, STATUSES, isDark, stateLook } from "./palette.js";
import "./elements/run-chart.js";
import "./elements/fleet-grid.js";
import "./elements/flash-map.js";
import "./elements/wear-map.js";
import "./elements/event-timeline.js";
import "./elements/job-funnel.js";

/** @param {string} id */
async function embedded(id) {
  const packed = document.getElementById(id)?.textContent ?? "";
  const bytes = Uint8Array.from(atob(packed.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** @param {string} name @param {string} into @returns {any} */
function place(name, into) {
  const element = document.createElement(name);
  document.getElementById(into)?.append(element);
  return element;
}

/** @param {HTMLElement} into @param {{colour: string, sign?: string, label: string, ink?: string}[]} looks */
function legend(into, looks) {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const look of looks) {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.cssText = `background:${look.colour};color:${look.ink ?? "#000"}`;
    swatch.textContent = look.sign ?? "";
    swatch.setAttribute("aria-hidden", "true");
    item.append(swatch, look.label);
    list.append(item);
  }
  into.append(list);
}

/** @param {any} data */
function drawJobs(data) {
  for (const job of data.jobs) place("job-funnel", "funnels").show(job.counts, `${job.id} — ${job.status}`);
  if (!data.curve) return;
  const names = Object.keys(STATUSES).filter((status) => data.curve.series[status]);
  const chart = place("run-chart", "curve");
  chart.className = "chart";
  chart.title = "Executions by status over time";
  chart.setSeries(names.map((status) => ({ label: STATUSES[status].label, colour: STATUSES[status].colour })));
  chart.setData([data.curve.t, ...names.map((status) => data.curve.series[status])]);
}

/** @param {any} data */
function drawTrends(data) {
  data.trends.forEach((/** @type {any} */ trend, /** @type {number} */ i) => {
    const chart = place("run-chart", `trend-${i}`);
    chart.className = "chart";
    chart.title = trend.label;
    chart.setSeries([{ label: "measured", colour: "#3b8ec2" }], { bars: true, x: (/** @type {number} */ place) => trend.upper[place] ?? "" });
    chart.setData([trend.upper.map((/** @type {string} */ _, /** @type {number} */ place) => place), trend.y]);
  });
}

/** @param {any} data */
function drawFleet(data) {
  const { fleet } = data;
  if (!fleet) return;
  const grid = place("fleet-grid", "grid");
  grid.style.height = `${Math.min(19, 3 + fleet.names.length / 8)}rem`;
  grid.values = Uint8Array.from(fleet.state);
  grid.setDevices(fleet.names, fleet.states);
  legend(/** @type {HTMLElement} */ (document.getElementById("grid-legend")), grid.tally().map((/** @type {any} */ one) => ({ ...one, label: `${one.label}: ${one.count.toLocaleString("en")}` })));
  const told = /** @type {HTMLElement} */ (document.getElementById("picked"));
  const tell = (/** @type {Event} */ event) => {
    const { device } = /** @type {CustomEvent} */ (event).detail;
    const [model, network, group, firmware] = fleet.tags[fleet.tag[device]];
    told.textContent =
      `${fleet.names[device]}: ${stateLook(fleet.states[fleet.state[device]]).label}. ${model}, ${network}, group ${group}, ` +
      `firmware ${firmware}, ${fleet.boots[device]} boots, ${fleet.ops[device].toLocaleString("en")} flash operations.`;
    grid.selected = device;
  };
  grid.addEventListener("pick", tell);
  grid.addEventListener("look", tell);
}

/** @param {any} data */
function drawWorst(data) {
  data.worst.forEach((/** @type {any} */ one, /** @type {number} */ i) => {
    if (one.flash) {
      const classes = new Uint8Array(one.flash.bytes / one.flash.page_bytes);
      unpack(one.flash.classes, classes);
      const map = place("flash-map", `flash-${i}`);
      map.quiet = (/** @type {any} */ partition) => one.flash.quiet.includes(partition.name);
      map.classes = classes;
      map.flash = one.flash;
      const colours = PAGES[isDark() ? "dark" : "light"];
      const present = new Set(classes);
      legend(/** @type {HTMLElement} */ (document.getElementById(`flash-${i}`)), PAGE_LABELS.map((label, cls) => ({ label, colour: colours[cls] })).filter((_, cls) => present.has(cls)));
    }
    const list = place("event-timeline", `events-${i}`);
    list.events = one.events.map((/** @type {any[]} */ row) => ({ n: row[0], t: row[1], device: 0, seq: row[0], kind: row[2], data: row[3], say: row[4] }));
    list.show(one.events.length);
  });
}

embedded("report-data").then((data) => {
  drawJobs(data);
  drawTrends(data);
  drawFleet(data);
  drawWorst(data);
  document.documentElement.dataset.drawn = "yes";
});
