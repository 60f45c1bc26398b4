/** The controls below every view: the scrubber, play and step, speed, and what can be done here. */
import { html, nothing } from "../vendor/lit-html.js";
import { corruptByte, cutPower, dropLink, holdTime, isOff, nextThing } from "../acts.js";
import { CLASSES, SPEEDS } from "../player.js";
import { laneOf } from "../words.js";

/** @typedef {import("../app.js").Page} Page */

/** Marks on the scrubber are thinned to so many. */
const MARKS_MAX = 4000;

const icon = {
  play: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4l13 8-13 8z" /></svg>`,
  pause: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 4h4v16H6zM14 4h4v16h-4z" /></svg>`,
  next: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M5 4l10 8-10 8zM16 4h3v16h-3z" /></svg>`,
  back: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M19 4L9 12l10 8zM5 4h3v16H5z" /></svg>`,
};

/** @param {Page} page */
export function dock(page) {
  const { player, film } = page;
  const on = player.playing || player.following;
  return html`
    <footer class="dock">
      <film-scrubber id="scrubber" @scrub=${(/** @type {any} */ e) => player.seek(e.detail.t)}></film-scrubber>
      <div class="controls">
        <div class="group" role="group" aria-label="Play">
          <button type="button" class="round" aria-label="Step back" @click=${() => player.step(true)}>${icon.back}</button>
          <button type="button" id="play" class="round big" data-on=${String(on)} aria-label=${on ? "Pause" : "Play"} @click=${() => player.toggle()}>${on ? icon.pause : icon.play}</button>
          <button type="button" class="round" aria-label="Step" @click=${() => player.step()}>${icon.next}</button>
        </div>
        <label class="field">Step
          <select id="step-class" @change=${(/** @type {any} */ e) => (player.cls = e.target.value)}>
            ${CLASSES.map((one) => html`<option value=${one.name} ?selected=${one.name === player.cls}>${one.label}</option>`)}
          </select>
        </label>
        <label class="field">Speed
          <select id="speed" @change=${(/** @type {any} */ e) => (player.speed = Number(e.target.value))}>
            ${SPEEDS.map((speed) => html`<option value=${speed} ?selected=${speed === player.speed}>${speed} ×</option>`)}
          </select>
        </label>
        <span id="entry" class="entry"></span>
        ${film.growing && !player.following ? html`<button type="button" @click=${() => player.follow()}>Follow</button>` : nothing}
        ${film.head.live ? held(page) : nothing}
        <div class="group acts" role="group" aria-label="What if, from here">
          <span class="acts-title">${film.head.live ? "Now" : "What if, here"}</span>
          <button type="button" id="cut" class="danger" ?disabled=${page.busy} @click=${() => cutPower(page)}>${isOff(page) ? "Power on" : "Cut power"} <kbd>c</kbd></button>
          <button type="button" id="drop" ?disabled=${page.busy} @click=${() => dropLink(page)}>Drop link</button>
          ${film.head.live ? nothing : html`<button type="button" id="corrupt" ?disabled=${page.busy} @click=${() => corruptByte(page)}>Corrupt a byte</button>`}
        </div>
        ${page.link.connected ? nothing : html`<span class="chip failed" role="status">the server is gone; what is here can still be played</span>`}
      </div>
    </footer>
  `;
}

/** The clock of a served cloud. @param {Page} page */
function held(page) {
  const paused = Boolean(page.clock?.paused);
  return html`<div class="group" role="group" aria-label="The cloud's time">
    <button type="button" id="hold" aria-pressed=${paused} @click=${() => holdTime(page)}>${paused ? "Let time go" : "Hold time"} <kbd>h</kbd></button>
    <button type="button" id="tick" @click=${() => nextThing(page)}>Next thing</button>
  </div>`;
}

/** What moves in it: the handle, and the marks while a film grows. @param {Page} page */
export function paintDock(page) {
  const scrubber = /** @type {any} */ (document.getElementById("scrubber"));
  if (!scrubber) return;
  const { film, player } = page;
  const key = `${page.filmId} ${film.events.length} ${Math.round(film.edge_us / 1e5)}`;
  if (scrubber.dataset.key !== key) {
    scrubber.dataset.key = key;
    const every = Math.ceil(film.events.length / MARKS_MAX);
    const bad = (/** @type {string} */ kind) => kind === "power.cut" || kind === "bricked" || kind === "fault";
    const marks = film.events
      .filter((event, i) => i % every === 0 || bad(event.kind))
      .map((event) => ({ t: event.t, lane: laneOf(event.kind).name, bad: bad(event.kind) }));
    scrubber.setFilm(marks, [film.head.live ? film.timeOf(1) : 0, film.edge_us], film.head.branched_at ? film.timeOf(film.head.branched_at) : -1);
  }
  scrubber.position = player.t;
}
