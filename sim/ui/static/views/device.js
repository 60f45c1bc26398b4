/** One device: what is in its flash, how it got there, what it said. */
import { html, nothing } from "../vendor/lit-html.js";
import { PAGES, PAGE_LABELS, isDark, stateLook } from "../palette.js";

/** @typedef {import("../app.js").Page} Page */

/** Devices that one list shows. */
const LISTED = 200;

/** @param {Page} page */
export function deviceView(page) {
  if (!page.film.head.devices.length) return html`<section class="panel empty"><p>There is no device yet: <code>qpyota dev new NAME --model EG915U</code> makes one.</p></section>`;
  const filmed = page.scene.isFilmed(page.device);
  return html`
    <div class="device-view">
      <section class="panel map-panel" aria-labelledby="map-title">
        <div class="panel-head">
          <h2 id="map-title">Flash</h2>
          ${which(page)}
          <span id="device-state" class="chip"></span>
          <div class="segments" role="group" aria-label="What the map shows">
            ${["contents", "wear"].map((mode) => html`<button type="button" aria-pressed=${page.mode === mode} @click=${() => page.set({ mode })}>${mode}</button>`)}
          </div>
        </div>
        ${filmed ? map(page) : notFilmed(page)}
      </section>
      <section class="panel side" aria-labelledby="timeline-title">
        <h2 id="timeline-title">Messages and events</h2>
        <event-timeline id="timeline"></event-timeline>
      </section>
      <section class="panel strip-panel" aria-labelledby="strip-title">
        <h2 id="strip-title">Starts and stops</h2>
        <film-strip id="strip"></film-strip>
      </section>
      <section class="panel console-panel" aria-labelledby="console-title">
        <h2 id="console-title">Console</h2>
        <device-console id="console"></device-console>
      </section>
    </div>
  `;
}

/** Which device: a list, or in a large fleet a field that completes names. @param {Page} page */
function which(page) {
  const { devices } = page.film.head;
  const name = devices[page.device]?.name;
  if (devices.length < 2) return html`<span class="pick">of ${name}</span>`;
  if (devices.length <= LISTED) {
    return html`<label class="pick">of <select id="device" @change=${(/** @type {any} */ e) => page.choose(Number(e.target.value))}>
      ${devices.map((/** @type {any} */ one, /** @type {number} */ i) => html`<option value=${i} ?selected=${i === page.device}>${one.name}</option>`)}
    </select></label>`;
  }
  const found = (/** @type {any} */ e) => {
    const number = devices.findIndex((/** @type {any} */ one) => one.name === e.target.value.trim());
    if (number >= 0) page.choose(number);
    else page.say(`There is no device ${e.target.value}.`);
  };
  return html`<label class="pick">of <input id="device" list="device-names" .value=${name} @change=${found}></label>
    <datalist id="device-names">${devices.slice(0, LISTED).map((/** @type {any} */ one) => html`<option value=${one.name}></option>`)}</datalist>`;
}

/** @param {Page} page */
function map(page) {
  const colours = PAGES[isDark() ? "dark" : "light"];
  const signs = ["", "", "", "×", "•", "×"];
  return html`
    ${page.mode === "wear" ? html`<wear-map id="wear"></wear-map>` : html`<flash-map id="map"></flash-map>`}
    ${page.mode === "wear"
      ? nothing
      : html`<ul class="legend">
          ${PAGE_LABELS.map((label, cls) => html`<li><span class="swatch" aria-hidden="true" style="background:${colours[cls]};color:${cls === 5 ? (isDark() ? "#000" : "#fff") : "#000"}">${signs[cls]}</span>${label}</li>`)}
        </ul>`}
    <p id="sector" class="sector" aria-live="polite">${page.sectorWords || "A cell is a sector of 4 KiB, its squares are pages. Click one to read it."}</p>
  `;
}

/** @param {Page} page */
function notFilmed(page) {
  const name = page.film.head.devices[page.device]?.name;
  return html`<div class="empty">
    <p>The flash of ${name} was not filmed: in a large fleet only some are.</p>
    <button type="button" class="primary" @click=${() => page.filmDevice(page.device)}>Film ${name}</button>
  </div>`;
}

/** What moves. @param {Page} page */
export function paintDevice(page) {
  const { scene, device, film } = page;
  if (!film.head.devices.length) return;
  const at = page.player;
  if (scene.isFilmed(device)) paintMap(page);
  if (!at.readable()) return;
  if (scene.isFilmed(device)) paintStrip(page);
  const chip = document.getElementById("device-state");
  if (chip) {
    const look = stateLook(scene.state(device, at));
    if (chip.textContent !== look.label) {
      chip.textContent = look.label;
      chip.style.cssText = `background:${look.colour};color:${look.ink}`;
    }
  }
  const timeline = /** @type {any} */ (document.getElementById("timeline"));
  if (!timeline) return;
  timeline.events = film.events;
  timeline.filter = (/** @type {any} */ event) => event.device === device || event.device < 0;
  timeline.show(at.n);
  const console = /** @type {any} */ (document.getElementById("console"));
  console.events = film.events;
  console.device = device;
  console.show(at.n);
}

/** @param {Page} page */
function paintMap(page) {
  const { scene, device } = page;
  const fold = scene.flash(device);
  const touched = scene.touched(device);
  const key = `${page.filmId} ${device} ${touched.size}`;
  const map = /** @type {any} */ (document.getElementById("map") ?? document.getElementById("wear"));
  const wear = map?.id === "wear";
  if (map && map.dataset.key !== key) {
    map.dataset.key = key;
    map.quiet = (/** @type {any} */ partition) => !touched.has(partition.name);
    map.classes = fold.classes;
    map.wear = fold.wear;
    map.flash = fold.head;
    map.all();
  }
  const per = fold.per_sector;
  const touch = wear ? (/** @type {number} */ first) => map.touch(Math.floor(first / per)) : (/** @type {number} */ first, /** @type {number} */ pages) => map.touch(first, pages);
  fold.seek(page.player.n, map && touch, map && (() => map.all()));
  if (map && !wear) {
    const last = scene.lastOf(device, page.player.n).op;
    if (map._last?.first !== last?.first || map._last?.pages !== last?.pages) map.last = last;
  }
}

/** @param {Page} page */
function paintStrip(page) {
  const { scene, device } = page;
  const strip = /** @type {any} */ (document.getElementById("strip"));
  if (!strip) return;
  strip.flash = page.film.head.flash[device];
  strip.thumb = (/** @type {number} */ n) => scene.flash(device, "strip").seek(n).classes;
  const stops = scene.stops(device);
  const key = `${page.filmId} ${device} ${stops.length}`;
  if (strip.dataset.key !== key) {
    strip.dataset.key = key;
    strip.setFrames(stops);
  }
  strip.show(page.player.n);
}
