/** The fleet: a cell a device, how many are in which state, and how the jobs get on. */
import { html } from "../vendor/lit-html.js";
import { STATUSES } from "../palette.js";

/** @typedef {import("../app.js").Page} Page */

/** Statuses that get a curve, in this order. */
const CURVES = ["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED"];

/** @param {Page} page */
export function fleetView(page) {
  const { devices } = page.film.head;
  return html`
    <div class="fleet-view">
      <section class="panel grid-panel" aria-labelledby="grid-title">
        <h2 id="grid-title">${devices.length.toLocaleString("en")} device${devices.length === 1 ? "" : "s"}</h2>
        <ul id="states" class="legend" aria-label="Devices by state"></ul>
        <fleet-grid id="grid" @pick=${(/** @type {any} */ e) => page.open(e.detail.device)} @look=${(/** @type {any} */ e) => page.look(e.detail.words)}></fleet-grid>
        <p id="looked" class="sector" aria-live="polite">Click a device to see its flash. With the keyboard: arrows, then Enter.</p>
      </section>
      <section class="panel jobs-panel" aria-labelledby="funnel-title">
        <h2 id="funnel-title">Job executions</h2>
        <div id="funnels"></div>
        <h3>Over time</h3>
        <run-chart id="curve" title="Executions by status over time"></run-chart>
      </section>
    </div>
  `;
}

/** @param {Page} page */
export function paintFleet(page) {
  const { scene, film } = page;
  const grid = /** @type {any} */ (document.getElementById("grid"));
  if (!grid) return;
  const fold = scene.fleet;
  if (grid.dataset.key !== String(page.filmId)) {
    grid.dataset.key = String(page.filmId);
    grid.values = fold.states;
    grid.setDevices(film.head.devices.map((/** @type {any} */ one) => one.name), film.head.states.map((/** @type {any} */ one) => one.name));
    grid.selected = page.device;
  }
  fold.seek(page.player, (device) => grid.touch(device), () => grid.all());
  states(grid);
  funnels(page);
}

/** @param {any} grid */
function states(grid) {
  const list = /** @type {HTMLElement} */ (document.getElementById("states"));
  const tally = grid.tally();
  const told = tally.map((/** @type {any} */ one) => `${one.count} ${one.label}`).join();
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.replaceChildren(
    ...tally.map((/** @type {any} */ one) => {
      const item = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.cssText = `background:${one.colour};color:${one.ink}`;
      swatch.textContent = one.sign;
      swatch.setAttribute("aria-hidden", "true");
      const count = document.createElement("strong");
      count.textContent = one.count.toLocaleString("en");
      item.append(swatch, count, one.label);
      return item;
    }),
  );
}

/** @param {Page} page */
export function funnels(page) {
  const place = document.getElementById("funnels");
  if (!place) return;
  const jobs = Object.entries(page.scene.jobs(page.player));
  if (!jobs.length && !place.children.length) place.textContent = "No job yet.";
  if (jobs.length && place.firstChild?.nodeType === Node.TEXT_NODE) place.textContent = "";
  while (jobs.length && place.children.length > jobs.length) place.lastChild?.remove();
  jobs.forEach(([job, counts], i) => {
    const funnel = /** @type {any} */ (place.children[i] ?? place.appendChild(document.createElement("job-funnel")));
    funnel.show(counts, job);
  });
  curve(page);
}

/** @param {Page} page */
function curve(page) {
  const chart = /** @type {any} */ (document.getElementById("curve"));
  if (!chart) return;
  const { counts } = page.film;
  const key = `${page.filmId} ${counts.length} ${page.film.growing}`;
  if (chart.dataset.key !== key) {
    chart.dataset.key = key;
    const every = Math.max(1, Math.floor(counts.length / 600));
    const points = counts.filter((_, i) => i % every === 0 || i === counts.length - 1);
    const sums = points.map((one) => total(one.jobs));
    const names = CURVES.filter((name) => sums.some((sum) => sum[name]));
    if (chart.dataset.names !== names.join()) {
      chart.dataset.names = names.join();
      chart.setSeries(names.map((name) => ({ label: STATUSES[name].label, colour: STATUSES[name].colour })));
    }
    if (!names.length) return;
    const ends = [page.film.edge_us / 1e6];
    chart.setData([[0, ...points.map((one) => one.t / 1e6), ...ends], ...names.map((name) => [0, ...sums.map((sum) => sum[name] ?? 0), sums[sums.length - 1][name] ?? 0])]);
  }
  chart.cursor = page.player.t / 1e6;
}

/** @param {Record<string, Record<string, number>>} jobs */
function total(jobs) {
  /** @type {Record<string, number>} */
  const sum = {};
  for (const counts of Object.values(jobs ?? {})) for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
