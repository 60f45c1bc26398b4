/**
 * A lab in the browser: predict, change, run, look. The dashboard is a frame beside it; goals are ticked at the place in
 * its film where they hold.
 *
 * Rules: the server keeps the work; this page shows what it says and sends what the student does. What is typed is never
 * thrown away by drawing anew: fields are made once, and drawn again only when another file or lab is shown.
 */
import { html, nothing, render } from "./vendor/lit-html.js";
import { Link } from "./link.js";

const LOOK_MS = 400;
const TICK_MS = 150;

class LabPage {
  constructor() {
    this.link = new Link();
    /** @type {any} */ this.lab = null;
    this.file = 0;
    /** @type {Map<string, string>} */ this.typed = new Map();
    /** @type {Map<string, string>} */ this.said = new Map();
    this.problem = "";
    this.notice = "";
    this.busy = false;
    this.t_us = -1;
    this.shownFilm = 0;
    this.frame = /** @type {HTMLIFrameElement} */ (document.getElementById("device"));
  }

  async start() {
    await this._do("api/lab", undefined);
    document.title = `${this.lab.title} · qpyota`;
    setInterval(() => this._tick(), TICK_MS);
    if (this.lab.looking) this._wait();
  }

  /** @param {string} path @param {object | undefined} body */
  async _do(path, body) {
    this.problem = "";
    this.notice = "";
    try {
      const told = await this.link.ask(path, body);
      if (told.title) this.lab = told;
      if (told.aside) this.notice = `Your work so far is in ${told.aside}.`;
    } catch (error) {
      this.problem = /** @type {Error} */ (error).message;
    }
    this.draw();
    return !this.problem;
  }

  async check() {
    const open = this.lab.predict.filter((/** @type {any} */ one) => !(this.said.get(one.name) ?? one.said ?? "").trim());
    this.problem = open.length ? `First say what you expect; any answer will do. ${open.length} to go.` : "";
    this.busy = !open.length;
    this.draw();
    if (open.length) return;
    let good = await this._do("api/lab/predict", Object.fromEntries(this.said));
    for (const [name, text] of this.typed) good = good && (await this._do("api/lab/file", { name, text }));
    if (good) this.typed.clear();
    if (good) good = await this._do("api/lab/check", {});
    this.busy = false;
    this.draw();
    if (good) this._wait();
  }

  async reset() {
    if (!confirm("Begin anew? Your work is put aside, not deleted.")) return;
    this.typed.clear();
    this.said.clear();
    await this._do("api/lab/reset", {});
  }

  /** Until the run is over. */
  async _wait() {
    this._showFilm();
    while (this.lab.looking) {
      await new Promise((done) => setTimeout(done, LOOK_MS));
      await this._do("api/lab", undefined);
      if (this.problem) return;
    }
    this.draw();
  }

  /** Have the dashboard show the film of this run, as soon as there is something of it. */
  async _showFilm() {
    const film = this.lab.film;
    if (!film || film === this.shownFilm) return;
    this.shownFilm = film;
    while (this.shownFilm === film) {
      const films = await this.link.ask("api/films").catch(() => []);
      if (films.some((/** @type {any} */ one) => one.id === film && one.title)) break;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    if (this.frame.hidden) {
      this.frame.src = `./?t=${encodeURIComponent(this.link.token)}`;
      this.frame.hidden = false;
    }
    while (this.shownFilm === film && this._dashboard?.filmId !== film) {
      const inside = this._dashboard;
      if (inside?.film) await inside.showFilm(film).catch(() => {});
      else await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    const { player } = this._dashboard;
    if (player.film.growing) player.follow();
    else player.seek(player.film.edge_us);
  }

  /** @returns {any} the dashboard's page */
  get _dashboard() {
    return /** @type {any} */ (this.frame.contentWindow)?.qpyota;
  }

  _tick() {
    const inside = this._dashboard;
    const t_us = inside?.film && inside.filmId === this.shownFilm ? inside.player.t : -1;
    if (t_us !== this.t_us) {
      this.t_us = t_us;
      this.draw();
    }
  }

  /** Whether a goal holds where the film is, and whether that is the last word. @param {any} goal */
  state(goal) {
    if (!goal?.changes) return { held: false, last: false };
    const end_us = this.lab.found.virtual_s * 1e6;
    const last = this.t_us < 0 || this.t_us >= end_us - 1e6;
    if (last) return { held: goal.held, last };
    let held = false;
    for (const [at_us, holds] of goal.changes) if (at_us <= this.t_us) held = holds;
    return { held, last };
  }

  draw() {
    const root = /** @type {HTMLElement} */ (document.getElementById("lab"));
    if (!this.lab) {
      render(html`<h1>qpyota</h1><p role="alert">${this.problem}</p>`, root);
      return;
    }
    if (root.querySelector(".loading")) root.replaceChildren();
    render(this.view(), root);
    for (const part of root.querySelectorAll("[data-html]")) fill(/** @type {HTMLElement} */ (part));
  }

  view() {
    const { lab } = this;
    const states = lab.goals.map((/** @type {any} */ _, /** @type {number} */ i) => this.state(lab.found?.goals?.[i]).held);
    return html`
      <div class="score" aria-hidden="true">${states.map((/** @type {boolean} */ held) => html`<span class="tick ${held ? "held" : ""}">${held ? "✓" : ""}</span>`)}
        ${states.filter(Boolean).length} of ${states.length} goals</div>
      <h1>${lab.title}</h1>
      <p class="faint">${lab.minutes} minutes · your files are in <code>${lab.folder}</code></p>
      <div class="text" data-html=${lab.text}></div>
      ${lab.predict.length ? html`<h2>What do you expect?</h2>${lab.predict.map((/** @type {any} */ one) => this.question(one))}` : nothing}
      <h2>Your files</h2>
      ${lab.keys.length ? html`<p>In scenario.yaml this is yours: ${lab.keys.map((/** @type {string} */ key) => html`<code>${key}</code> `)}</p>` : nothing}
      ${this.files()}
      <div class="deeds">
        <button id="run" class="primary" ?disabled=${this.busy || lab.looking} @click=${() => this.check()}>${lab.looking ? "The run goes on …" : "Run it"}</button>
        <button id="hint" ?disabled=${!lab.hints_left} @click=${() => this._do("api/lab/hint", {})}>Hint (${lab.hints_left} left)</button>
        <button id="reset" ?disabled=${this.busy || lab.looking} @click=${() => this.reset()}>Begin anew</button>
      </div>
      <div role="status" id="told">
        ${this.problem ? html`<p class="problem">${this.problem}</p>` : nothing}
        ${this.notice ? html`<p>${this.notice}</p>` : nothing}
        ${lab.found?.problem ? html`<pre class="problem">${lab.found.problem}</pre>` : nothing}
      </div>
      ${lab.hints.length ? html`<h2>Hints</h2><ol id="hints">${lab.hints.map((/** @type {string} */ hint) => html`<li data-html=${hint}></li>`)}</ol>` : nothing}
      <h2>Goals</h2>
      <ul class="goals" id="goals">${lab.goals.map((/** @type {any} */ goal, /** @type {number} */ i) => this.goal(goal, lab.found?.goals?.[i]))}</ul>
      ${(lab.found?.explanations ?? []).map((/** @type {string} */ said) => html`<p>${said}.</p>`)}
      ${(lab.found?.notes ?? []).map((/** @type {string} */ said) => html`<p class="faint">${said}.</p>`)}
      ${lab.after ? html`<section class="done" id="done"><h2>Passed</h2><div data-html=${lab.after}></div></section>` : nothing}`;
  }

  /** @param {any} one */
  question(one) {
    const said = this.said.get(one.name) ?? one.said ?? "";
    const told = this.lab.found?.predicted?.find((/** @type {any} */ other) => other.name === one.name);
    const set = (/** @type {Event} */ event) => this.said.set(one.name, /** @type {HTMLInputElement} */ (event.target).value);
    const field = one.choices.length
      ? html`<div class="choices">${one.choices.map((/** @type {string} */ choice) => html`<label><input type="radio" name=${one.name} value=${choice} ?checked=${said.toLowerCase() === choice.toLowerCase()} @change=${set}> ${choice}</label>`)}</div>`
      : html`<input type="text" name=${one.name} value=${said} aria-label=${one.ask} autocomplete="off" @input=${set}>`;
    const answer = told
      ? html`<p class="answer ${told.right ? "right" : "wrong"}"><strong>${told.right ? "✓ Right" : "✗ Not quite"}:</strong> you said ${told.said}; it was ${told.was}. ${told.why}</p>`
      : nothing;
    return html`<fieldset><legend>${one.ask}</legend>${field}${answer}</fieldset>`;
  }

  files() {
    const { files } = this.lab;
    const shown = files[Math.min(this.file, files.length - 1)];
    if (!shown) return html`<p class="problem">None of your files is there.</p>`;
    const text = this.typed.get(shown.name) ?? shown.text;
    return html`
      <div class="files">${files.map((/** @type {any} */ one, /** @type {number} */ i) => html`<button aria-pressed=${String(one === shown)} @click=${() => { this.file = i; this.draw(); }}>${one.name}</button>`)}</div>
      <textarea id="editor" aria-label=${shown.name} spellcheck="false" .value=${text} @input=${(/** @type {Event} */ event) => this.typed.set(shown.name, /** @type {HTMLTextAreaElement} */ (event.target).value)}></textarea>`;
  }

  /** @param {any} goal @param {any} found */
  goal(goal, found) {
    const { held, last } = this.state(found);
    const more = !found ? "" : held ? (last ? goal.why : "so far") : last ? found.detail : "not yet";
    return html`<li class=${held ? "held" : "open"}>
      <span class="tick" aria-hidden="true">${held ? "✓" : ""}</span>
      <span><span class="visually-hidden">${held ? "Reached: " : "Open: "}</span>${goal.say}<br><span class="more">${more}</span></span></li>`;
  }
}

/** What the server made of Markdown; it lets no HTML of the text through. @param {HTMLElement} part */
function fill(part) {
  const text = part.dataset.html ?? "";
  if (part.dataset.filled === text) return;
  part.dataset.filled = text;
  part.innerHTML = text;
}

new LabPage().start();
