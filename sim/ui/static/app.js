/**
 * The dashboard: what is shown, which keys do what, and the frame in which everything moves.
 *
 * Rules: `render()` draws what seldom changes, with lit-html; `paint()` moves what changes with the position, at most
 * once a frame, and touches only the elements it knows. No state hides in the document.
 */
import { html, nothing, render } from "./vendor/lit-html.js";
import { Link } from "./link.js";
import { Player } from "./player.js";
import { Scene } from "./scene.js";
import { isDark } from "./palette.js";
import { pretty, time } from "./words.js";
import { isOff, loadPair } from "./acts.js";
import { dock, paintDock } from "./views/dock.js";
import { deviceView, paintDevice } from "./views/device.js";
import { fleetView, paintFleet } from "./views/fleet.js";
import { jobsView, paintJobs } from "./views/jobs.js";
import { compareView, paintCompare } from "./views/compare.js";
import { scenarioView } from "./views/scenario.js";
import { help, keyPressed, openHelp } from "./views/keys.js";
import "./elements/fleet-grid.js";
import "./elements/flash-map.js";
import "./elements/wear-map.js";
import "./elements/run-chart.js";
import "./elements/event-timeline.js";
import "./elements/film-strip.js";
import "./elements/device-console.js";
import "./elements/job-funnel.js";
import "./elements/film-scrubber.js";

const VIEWS = /** @type {Record<string, {label: string, view: (page: Page) => unknown, paint: (page: Page) => void}>} */ ({
  device: { label: "Device", view: deviceView, paint: paintDevice },
  fleet: { label: "Fleet", view: fleetView, paint: paintFleet },
  jobs: { label: "Jobs", view: jobsView, paint: paintJobs },
  compare: { label: "What if", view: compareView, paint: paintCompare },
  scenario: { label: "Run", view: scenarioView, paint: () => {} },
});
/** A run that has not begun is looked for so often. */
const LOOK_MS = 200;

export class Page {
  constructor() {
    this.link = new Link();
    this.player = new Player(() => this.paintSoon());
    // There are none until the first film has come, and nothing is drawn before that.
    /** @type {import("./film.js").Film} */ this.film = /** @type {any} */ (null);
    /** @type {Scene} */ this.scene = /** @type {any} */ (null);
    /** @type {Map<number, Scene>} */ this._scenes = new Map();
    this.filmId = 0;
    this.view = "device";
    this.device = 0;
    this.mode = "contents";
    this.job = "";
    this.tab = "executions";
    this.making = false;
    this.example = "";
    this.busy = false;
    this.formError = "";
    this.notice = "";
    this.sectorWords = "";
    this.chosenPage = -1;
    /** @type {number[]} */ this.pair = [1, 1];
    /** @type {any} */ this.diff = null;
    /** @type {any} */ this.clock = null;
    this._asked = false;
    this._off = false;
    this._documents = new Map();
  }

  async start() {
    document.addEventListener("keydown", (event) => keyPressed(this, event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.render());
    window.addEventListener("hashchange", () => this._route());
    this.link.news = (what, value) => this._news(what, value);
    try {
      await this._firstFilm();
    } catch (error) {
      this.fill(/** @type {HTMLElement} */ (document.getElementById("app")), html`<main class="failed-to-load"><h1>qpyota</h1><p role="alert">${/** @type {Error} */ (error).message}</p></main>`);
      return;
    }
    this.link.open();
  }

  /** The run may not have begun when its page is opened. */
  async _firstFilm() {
    for (;;) {
      this.link.listed = await this.link.ask("api/films");
      const begun = this.link.listed.findLast((one) => one.title && one.parent == null);
      if (begun) return this.showFilm(begun.id);
      const broken = this.link.listed.find((one) => one.failure);
      if (broken) throw new Error(broken.failure);
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  /** @param {string} what @param {any} value */
  _news(what, value) {
    if (what === "grown" && value === this.filmId) {
      this.player.grown();
      if (!this.film.growing) this.render();
    }
    if (what === "filmed") this._filmed(value).catch((error) => this.say(error.message));
    if (what === "error") this.say(value);
    if (what === "clock") this.clock = value;
    if (what === "films" && this.film.head.live && this.film.failure) this._next();
    if (what === "films" && this.view === "compare" && this.diff?.verdicts.includes(null)) loadPair(this);
    if (what !== "grown") this.render();
  }

  /** The same run with one more device in view: go there, to the same time. @param {number} id */
  async _filmed(id) {
    const { t } = this.player;
    await this.link.filmOnce(id, (film) => film.edge_us >= t);
    await this.showFilm(id);
    this.say("");
  }

  /** The film of a served cloud ends when its devices change; another one goes on. */
  _next() {
    const newest = this.link.listed.findLast((one) => one.title);
    if (newest && newest.id > this.filmId && newest.growing) this.showFilm(newest.id);
  }

  _route() {
    this.notice = "";
    const [view, device] = location.hash.slice(1).split("/").filter(Boolean);
    this.view = VIEWS[view] ? view : this.film.head.devices.length > 1 ? "fleet" : "device";
    const number = this.film.head.devices.findIndex((/** @type {any} */ one) => one.name === decodeURIComponent(device ?? ""));
    if (number >= 0) this._choose(number);
    if (this.view === "compare") loadPair(this);
    this.render();
  }

  /** @param {number} id @param {number} [n] */
  async showFilm(id, n = -1) {
    const film = await this.link.film(id);
    const first = !this.film;
    this.filmId = id;
    this.film = film;
    this.scene = this._sceneFor(id, film);
    this.sectorWords = "";
    this.player.show(film, first || n >= 0 || film.head.live ? -1 : this.player.t, n);
    this.player.device = this.device;
    this.link.follow(id);
    document.title = `${film.head.title} · qpyota`;
    if (first) this._route();
    this.render();
  }

  /** @param {number} id @param {import("./film.js").Film} film */
  _sceneFor(id, film) {
    let scene = this._scenes.get(id);
    if (!scene) this._scenes.set(id, (scene = new Scene(film)));
    return scene;
  }

  /** The scene of another film, if that is here. @param {number} id */
  sceneOf(id) {
    const film = this.link.films.get(id);
    return film ? this._sceneFor(id, film) : null;
  }

  // -- what the user does

  /** @param {Partial<Page>} change */
  set(change) {
    Object.assign(this, change);
    this.render();
  }

  /** @param {string} view */
  go(view) {
    location.hash = `#/${view}/${encodeURIComponent(this.film.head.devices[this.device]?.name ?? "")}`;
  }

  /** @param {number} device */
  open(device) {
    this._choose(device);
    this.go("device");
  }

  /** @param {number} device */
  choose(device) {
    this._choose(device);
    this.go(this.view);
  }

  /** @param {number} device */
  _choose(device) {
    this.device = this.player.device = device;
    this.sectorWords = "";
    this.chosenPage = -1;
  }

  /** @param {string} words */
  look(words) {
    const place = document.getElementById("looked");
    if (place) place.textContent = words;
  }

  /** @param {string} notice */
  say(notice) {
    this.set({ notice });
  }

  /** @param {number} device */
  filmDevice(device) {
    this.link.send({ film: device, of: this.filmId });
    this.say(`Filming ${this.film.head.devices[device].name}: the run is done again with its flash in view.`);
  }

  /** The document of a job as text. @param {string} job @returns {Promise<string>} */
  document(job) {
    const key = `${this.filmId} ${job}`;
    const injected = (this.film.head.injections ?? []).filter((/** @type {any} */ one) => one.what === "create_job");
    const known = [...this.film.head.jobs, ...injected].find((/** @type {any} */ one) => one.jobId === job)?.document;
    if (!known && this.clock?.paused) return Promise.resolve("not told while the time of the cloud stands");
    if (!this._documents.has(key)) {
      const asked = () => this.link.ask(`api/jobs/${encodeURIComponent(job)}`).then((told) => told.document, (error) => {
        this._documents.delete(key); // it may be told another time
        return error.message;
      });
      this._documents.set(key, known || !this.film.head.live ? Promise.resolve(known ?? "not known here") : asked());
    }
    return this._documents.get(key).then((/** @type {any} */ text) => pretty(text));
  }

  theme() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    window.dispatchEvent(new Event("themechange"));
    this.render();
  }

  /** @param {any} brief */
  nameOf(brief) {
    const { injection, id } = brief;
    if (!injection) return `${id} · as it was`;
    return `${id} · ${(injection.what ?? "changed").replaceAll("_", " ")} at entry ${injection.n ?? "?"}`;
  }

  // -- what is drawn

  /** @param {HTMLElement} place @param {unknown} content */
  fill(place, content) {
    render(content, place);
  }

  render() {
    if (!this.film) return;
    const { head } = this.film;
    const place = /** @type {HTMLElement} */ (document.getElementById("app"));
    place.querySelector(".loading")?.remove();
    const verdict = this.film.result?.verdict;
    render(
      html`
        <a class="skip" href="#main" @click=${(/** @type {Event} */ e) => skip(e)}>Skip to the content</a>
        <header class="top">
          <div class="title">
            <h1>${head.title}</h1>
            <span class="chip ${(verdict ?? "").toLowerCase()}" id="verdict">${verdict ?? (this.film.failure ? "broke off" : head.live ? "live" : "running")}</span>
            ${this.link.listed.length > 1 && !head.live
              ? html`<label class="field">Future
                  <select id="future" @change=${(/** @type {any} */ e) => this.showFilm(Number(e.target.value))}>
                    ${this.link.listed.map((one) => html`<option value=${one.id} ?selected=${one.id === this.filmId}>${this.nameOf(one)}</option>`)}
                  </select></label>`
              : nothing}
          </div>
          <nav aria-label="Views">
            ${Object.entries(VIEWS).map(([name, { label }]) => html`<a href=${`#/${name}/${encodeURIComponent(head.devices[this.device]?.name ?? "")}`} aria-current=${this.view === name ? "page" : nothing}>${label}</a>`)}
          </nav>
          <div class="tools">
            <button type="button" class="quiet" @click=${() => this.theme()}>${isDark() ? "Light" : "Dark"}</button>
            <button type="button" class="quiet" @click=${openHelp}>Help <kbd>?</kbd></button>
          </div>
        </header>
        <section class="headline" aria-label="Now">
          <time id="clock" class="clock">00:00</time>
          <p id="say" class="narration" aria-live=${this.player.playing || this.player.following ? "off" : "polite"}></p>
        </section>
        ${this.notice || this.film.failure
          ? html`<p class="notice" role="status">${this.notice || this.film.failure} <button type="button" class="quiet" @click=${() => this.set({ notice: "" })}>Close</button></p>`
          : nothing}
        <main id="main" tabindex="-1" @seek=${(/** @type {any} */ e) => this.player.seekEntry(e.detail.n)} @sector=${(/** @type {any} */ e) => this._sector(e.detail)}>
          ${VIEWS[this.view].view(this)}
        </main>
        ${dock(this)} ${help()}
      `,
      place,
    );
    this.paintSoon();
  }

  /** @param {{page: number, words: string}} told */
  _sector(told) {
    this.chosenPage = told.page;
    this.sectorWords = told.words;
    const place = document.getElementById("sector");
    if (place) this.render();
  }

  paintSoon() {
    if (this._asked) return;
    this._asked = true;
    requestAnimationFrame(() => {
      this._asked = false;
      this.paint();
    });
  }

  paint() {
    if (!this.film) return;
    const { player, film } = this;
    put("clock", time(player.t, 1));
    put("say", this.scene.sentence(this.view === "fleet" || this.view === "jobs" ? -1 : this.device, player.n));
    put("entry", `entry ${player.n.toLocaleString("en")} of ${film.edge.toLocaleString("en")}`);
    const play = document.getElementById("play");
    if (play && play.dataset.on !== String(player.playing || player.following)) this.render();
    if (film.head.live && this._off !== isOff(this)) {
      this._off = isOff(this);
      this.render();
    }
    paintDock(this);
    VIEWS[this.view].paint(this);
  }
}

/** @param {string} id @param {string} words */
function put(id, words) {
  const element = document.getElementById(id);
  if (element && element.textContent !== words) element.textContent = words;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

if (document.getElementById("app")) {
  const page = new Page();
  /** @type {any} */ (window).qpyota = page; // for a lab, which has this page in a frame
  page.start();
}
