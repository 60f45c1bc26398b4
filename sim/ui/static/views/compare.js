/** Two futures side by side: flash, executions and verdicts at the same time, and where they part. */
import { html, nothing } from "../vendor/lit-html.js";
import { compareWith } from "../acts.js";
import { STATUSES, stateLook } from "../palette.js";
import { opSentence } from "../words.js";

/** @typedef {import("../app.js").Page} Page */

/** @param {Page} page */
export function compareView(page) {
  const films = page.link.listed;
  if (films.length < 2) {
    return html`<section class="panel empty" aria-labelledby="compare-title">
      <h2 id="compare-title">What if?</h2>
      <p>There is one future so far. Go to a moment in it, then cut the power, drop the link or corrupt a byte there: the run is done
      again up to that very moment, and from there on differently. Both futures are then shown here side by side.</p>
    </section>`;
  }
  return html`
    <div class="compare-view">
      ${page.pair.map((id, side) => oneSide(page, id, side))}
      <section class="panel differ" aria-labelledby="differ-title">
        <h2 id="differ-title">Where they differ</h2>
        <div id="differ">${page.diff ? difference(page) : html`<p>Comparing …</p>`}</div>
      </section>
    </div>
  `;
}

/** @param {Page} page @param {number} id @param {number} side */
function oneSide(page, id, side) {
  const brief = page.link.listed.find((one) => one.id === id);
  return html`<section class="panel" aria-label=${`Future ${id}`}>
    <div class="panel-head">
      <label class="pick">${side ? "Right" : "Left"} <select @change=${(/** @type {any} */ e) => compareWith(page, side, Number(e.target.value))}>
        ${page.link.listed.map((one) => html`<option value=${one.id} ?selected=${one.id === id}>${page.nameOf(one)}</option>`)}
      </select></label>
      ${brief?.verdict ? html`<span class="chip ${brief.verdict.toLowerCase()}">${brief.verdict}</span>` : html`<span class="chip">running</span>`}
      <span id=${`state-${side}`} class="chip"></span>
    </div>
    <flash-map id=${`map-${side}`}></flash-map>
    <p class="narration" id=${`say-${side}`}></p>
    <ul class="outcomes" id=${`jobs-${side}`} aria-label="Its job executions"></ul>
  </section>`;
}

/** @param {Page} page */
function difference(page) {
  const { first, verdicts, flash, executions } = page.diff;
  const name = page.film.head.devices[page.device]?.name;
  const count = flash[name]?.length ?? 0;
  if (verdicts.includes(null)) return html`<p>One of them still runs; what they differ in is told when it is over.</p>`;
  const was = (/** @type {any} */ one) => one?.status?.toLowerCase().replace("_", " ") ?? "none";
  return html`
    <ul class="facts-list">
      <li>${first ? `They are one up to entry ${first.n - 1}. Then, left: ${told(page, 0, first.a)} Right: ${told(page, 1, first.b)}` : "They do not part: both are equal."}</li>
      <li>Verdicts: ${verdicts[0]} and ${verdicts[1]}.</li>
      <li>${count ? `In the end ${count} sectors of ${name} hold something else; they are framed above.` : `In the end the flash of ${name} is equal.`}</li>
      ${executions.map((/** @type {any} */ one) => html`<li>${one.device}, job ${one.job}: ${was(one.was[0])} and ${was(one.was[1])}.</li>`)}
    </ul>
  `;
}

/** An entry of one side in a sentence. @param {Page} page @param {number} side @param {any} entry */
function told(page, side, entry) {
  if (!entry) return "nothing more.";
  if (entry.say) return entry.say;
  const film = page.link.films.get(page.pair[side]);
  const op = film?.opAt(entry.n);
  return op && film ? opSentence(op, film.head.flash[op.device]) : `${entry.kind ?? "a flash operation"}.`;
}

/** @param {Page} page */
export function paintCompare(page) {
  page.pair.forEach((id, side) => {
    const scene = page.sceneOf(id);
    const map = /** @type {any} */ (document.getElementById(`map-${side}`));
    if (!map || !scene) return;
    const { device } = page;
    const n = scene.film.shownAt(page.player.t);
    const at = { n: id === page.filmId ? page.player.n : n, t: page.player.t };
    if (scene.isFilmed(device)) {
      const fold = scene.flash(device, `side ${side}`);
      const touched = new Set(page.pair.flatMap((one) => [...(page.sceneOf(one)?.touched(device) ?? [])]));
      const differing = page.diff?.flash[page.film.head.devices[device].name] ?? [];
      const key = `${id} ${device} ${touched.size} ${differing.length}`;
      if (map.dataset.key !== key) {
        map.dataset.key = key;
        map.quiet = (/** @type {any} */ partition) => !touched.has(partition.name);
        map.classes = fold.classes;
        map.ringed = new Set(differing);
        map.flash = fold.head;
      }
      fold.seek(at.n, (first, pages) => map.touch(first, pages), () => map.all());
    }
    text(`say-${side}`, scene.sentence(device, at.n));
    const look = stateLook(scene.state(device, at));
    const chip = text(`state-${side}`, look.label);
    if (chip) chip.style.cssText = `background:${look.colour};color:${look.ink}`;
    outcomes(page, /** @type {HTMLElement} */ (document.getElementById(`jobs-${side}`)), scene, at);
  });
}

/** How the executions of the device stand. @param {Page} page @param {HTMLElement} place @param {import("../scene.js").Scene} scene @param {{n: number, t: number}} at */
function outcomes(page, place, scene, at) {
  const found = Object.keys(scene.jobs(at)).flatMap((job) => scene.executions(job, at.n).filter((one) => one.device === page.device).map((one) => ({ job, ...STATUSES[one.status] })));
  const told = JSON.stringify(found);
  if (place.dataset.told === told) return;
  place.dataset.told = told;
  page.fill(place, found.map((one) => html`<li><span class="swatch" aria-hidden="true" style="background:${one.colour};color:${one.ink}">${one.sign}</span>${one.job}: ${one.label?.toLowerCase()}</li>`));
}

/** @param {string} id @param {string} words */
function text(id, words) {
  const element = document.getElementById(id);
  if (element && element.textContent !== words) element.textContent = words;
  return element;
}
