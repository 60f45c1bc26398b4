/** Jobs as the console of a cloud shows them: a list, one job with its executions and its document, and a form. */
import { html, nothing } from "../vendor/lit-html.js";
import { STATUSES } from "../palette.js";
import { time } from "../words.js";
import { newJob } from "./job_form.js";

/** @typedef {import("../app.js").Page} Page */

/** Executions that one table shows; more are counted. */
const ROWS_MAX = 200;
/** In larger fleets not every record is an event (docs/film.md). */
const SMALL_FLEET = 200;

/** @param {Page} page */
export function jobsView(page) {
  return html`
    <div class="jobs-view">
      <section class="panel" aria-labelledby="jobs-title">
        <div class="panel-head">
          <h2 id="jobs-title">Jobs</h2>
          <button type="button" class="primary" id="new-job" @click=${() => openForm(page)}>Create job</button>
        </div>
        <div id="job-list"></div>
      </section>
      <section class="panel" aria-labelledby="job-title" id="job-detail">${page.making ? newJob(page) : oneJob(page)}</section>
    </div>
  `;
}

/** Jobs that there are at the position: those of the counts, of events, and of the scenario. @param {Page} page @returns {string[]} */
export function jobIds(page) {
  const known = new Set(Object.keys(page.scene.jobs(page.player)));
  for (const event of page.film.events) {
    if (event.n > page.player.n) break;
    const track = event.data?.track ?? "";
    if (track.startsWith("job/")) known.add(track.slice(4).replace(/@cloud$/, ""));
    else if (event.kind === "execution") known.add(event.data.job);
  }
  return [...known];
}

/** The form, and in it, once it is known, the document of a job that there is. @param {Page} page */
async function openForm(page) {
  const [job] = jobIds(page);
  page.set({ making: true, job: "" });
  const field = () => /** @type {HTMLTextAreaElement | null} */ (document.querySelector("#job-form textarea"));
  const blank = field()?.value;
  const known = job ? await page.document(job) : "";
  if (field()?.value === blank && /^[[{]/.test(known)) page.set({ example: known });
}

/** @param {Page} page */
function oneJob(page) {
  const job = page.job || jobIds(page)[0];
  if (!job) return html`<h2 id="job-title">No job yet</h2><p>A job appears here at the time at which the scenario creates it.</p>`;
  return html`
    <div class="panel-head">
      <h2 id="job-title">${job}</h2>
      <span id="job-status" class="chip"></span>
    </div>
    <div class="tabs" role="tablist" aria-label="Job">
      ${[["executions", "Job executions"], ["document", "Job document"]].map(
        ([tab, label]) => html`<button type="button" role="tab" id=${`tab-${tab}`} aria-controls="job-panel" aria-selected=${page.tab === tab} tabindex=${page.tab === tab ? 0 : -1}
          @click=${() => page.set({ tab })} @keydown=${(/** @type {KeyboardEvent} */ e) => turn(page, e)}>${label}</button>`,
      )}
    </div>
    <div role="tabpanel" id="job-panel" aria-labelledby=${`tab-${page.tab}`} tabindex="0">
      ${page.tab === "executions" ? html`<div id="job-funnel"></div><div id="executions" class="scroll"></div>` : html`<pre class="document" id="document"></pre>`}
    </div>
  `;
}

/** @param {Page} page @param {KeyboardEvent} event */
function turn(page, event) {
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  event.preventDefault();
  event.stopPropagation();
  page.set({ tab: page.tab === "executions" ? "document" : "executions" });
  document.getElementById(`tab-${page.tab}`)?.focus();
}

/** @param {Page} page */
export function paintJobs(page) {
  if (!page.player.readable()) return;
  const ids = jobIds(page);
  const list = document.getElementById("job-list");
  if (!list) return;
  const shown = page.job || ids[0];
  const told = JSON.stringify([ids, shown, page.making, page.scene.jobs(page.player)]);
  if (list.dataset.told !== told) {
    list.dataset.told = told;
    page.fill(list, jobList(page, ids, page.making ? "" : shown));
    if (ids.length && !page.making && !document.getElementById("executions") && !document.getElementById("document")) page.render();
  }
  if (page.making || !shown) return;
  const funnel = document.getElementById("job-funnel");
  if (funnel) {
    const bars = /** @type {any} */ (funnel.firstChild ?? funnel.appendChild(document.createElement("job-funnel")));
    bars.show(page.scene.jobs(page.player)[shown] ?? {});
    rows(page, shown);
  }
  const document_ = document.getElementById("document");
  if (document_) page.document(shown).then((text) => (document_.textContent = text));
  const chip = document.getElementById("job-status");
  if (chip) chip.textContent = jobStatus(page, shown);
}

/** @param {Page} page @param {string} job */
function jobStatus(page, job) {
  let status = "SCHEDULED";
  for (const event of page.film.events) {
    if (event.n > page.player.n) break;
    if (event.kind === "job" && (event.data.job ?? event.data.track ?? "").replace(/^job\//, "").replace(/@cloud$/, "") === job) status = event.data.new ?? "DELETED";
  }
  return status.replace("_", " ").toLowerCase();
}

/** @param {Page} page @param {string[]} ids @param {string} shown */
function jobList(page, ids, shown) {
  const counts = page.scene.jobs(page.player);
  return html`<table>
    <thead><tr><th scope="col">Name</th><th scope="col" class="num">Executions</th><th scope="col" class="num">Succeeded</th><th scope="col" class="num">Failed</th></tr></thead>
    <tbody>${ids.map((job) => {
      const of = counts[job] ?? {};
      const all = Object.values(of).reduce((a, b) => a + b, 0);
      return html`<tr class=${job === shown ? "chosen" : ""}>
        <td><button type="button" class="link" aria-current=${job === shown ? "true" : nothing} @click=${() => page.set({ job, making: false })}>${job}</button></td>
        <td class="num">${all}</td><td class="num">${of.SUCCEEDED ?? 0}</td><td class="num">${(of.FAILED ?? 0) + (of.TIMED_OUT ?? 0) + (of.REJECTED ?? 0)}</td>
      </tr>`;
    })}</tbody>
  </table>
  ${ids.length ? nothing : html`<p class="faint">None has been created by this time.</p>`}`;
}

/** @param {Page} page @param {string} job */
function rows(page, job) {
  const place = /** @type {HTMLElement} */ (document.getElementById("executions"));
  const found = page.scene.executions(job, page.player.n);
  const told = JSON.stringify(found);
  if (place.dataset.told === told && place.dataset.job === job) return;
  place.dataset.told = told;
  place.dataset.job = job;
  const { devices } = page.film.head;
  page.fill(place, html`<table>
    <thead><tr><th scope="col">Thing</th><th scope="col">Status</th><th scope="col">Last updated</th><th scope="col">Details</th></tr></thead>
    <tbody>${found.slice(0, ROWS_MAX).map((one) => {
      const look = STATUSES[one.status] ?? STATUSES.QUEUED;
      const name = devices[one.device]?.name ?? "?";
      return html`<tr>
        <td><button type="button" class="link" @click=${() => page.open(one.device)}>${name}</button></td>
        <td><span class="swatch" aria-hidden="true" style="background:${look.colour};color:${look.ink}">${look.sign}</span> ${look.label}</td>
        <td class="mono">${time(one.t, 1)}</td>
        <td>${Object.entries(one.details ?? {}).map(([key, value]) => html`<span class="detail">${key}: ${value}</span> `)}</td>
      </tr>`;
    })}</tbody>
  </table>
  ${found.length || page.film.head.devices.length <= SMALL_FLEET ? nothing : html`<p class="faint">In a fleet of this size executions are counted, not listed.</p>`}
  ${found.length > ROWS_MAX ? html`<p class="faint">and ${found.length - ROWS_MAX} more</p>` : nothing}`);
}
