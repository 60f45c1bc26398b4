/**
 * Where in a film the page is: a position, and how it moves.
 *
 * Rules: time here is the film's; pause, step, speed and seek never ask the server. A growing film is followed at its
 * edge until the user looks back. The position is `{n, t}`: entries up to n are shown, at film time t.
 */

export const SPEEDS = [0.1, 1, 5, 20, 60, 300, 1800];
const READ_MS = 90;
export const CLASSES = [
  { name: "op", label: "flash op" },
  { name: "message", label: "message" },
  { name: "boot", label: "boot phase" },
  { name: "event", label: "event" },
];

export class Player {
  /** @param {() => void} moved called after every change of the position, at most once a frame while playing */
  constructor(moved) {
    /** @type {import("./film.js").Film | null} */
    this.film = null;
    this.n = 0;
    this.t = 0;
    this.playing = false;
    this.following = false;
    this.speed = 20;
    this.cls = "op";
    this.device = 0;
    this._moved = moved;
    this._last = 0;
    this._read = 0;
    this._frame = (/** @type {number} */ now) => this._advance(now);
  }

  /** Show a film: from its edge while it grows, else from where the page was if that is in it. @param {import("./film.js").Film} film @param {number} [t] @param {number} [n] */
  show(film, t = -1, n = -1) {
    this.film = film;
    this.pause();
    if (n >= 0) this.seekEntry(n);
    else if (t >= 0) this.seek(t);
    else if (film.growing) this.follow();
    else this.seek(0);
  }

  /** More of the film is here. */
  grown() {
    if (!this.film) return;
    if (this.following) {
      this.n = this.film.edge;
      this.t = this.film.edge_us;
      this.following = this.film.growing;
    }
    this._moved();
  }

  get atEnd() {
    return !this.film || this.t >= this.film.edge_us;
  }

  toggle() {
    if (this.playing || this.following) this.pause();
    else this.play();
  }

  play() {
    if (!this.film) return;
    if (this.atEnd && this.film.growing) return this.follow();
    if (this.atEnd) this.seek(0);
    this.playing = true;
    this.following = false;
    this._last = 0;
    requestAnimationFrame(this._frame);
    this._moved();
  }

  pause() {
    this.playing = false;
    this.following = false;
    this._moved();
  }

  /** Stay at the edge of a growing film. */
  follow() {
    this.playing = false;
    this.following = true;
    this.grown();
  }

  /** Whether what is read, not watched, is to be shown anew: at rest always, while playing a few times a second. */
  readable() {
    const now = performance.now();
    if (this.playing && now - this._read < READ_MS) return false;
    this._read = now;
    return true;
  }

  /** @param {number} now */
  _advance(now) {
    if (!this.playing || !this.film) return;
    const passed = this._last ? Math.min(now - this._last, 250) : 0;
    this._last = now;
    this.t = Math.min(this.film.edge_us, this.t + passed * 1000 * this.speed);
    this.n = Math.max(this.n, this.film.shownAt(this.t));
    if (this.t >= this.film.edge_us) {
      this.playing = false;
      this.n = this.film.edge;
      if (this.film.growing) this.following = true;
    } else requestAnimationFrame(this._frame);
    this._moved();
  }

  /** @param {number} t */
  seek(t) {
    if (!this.film) return;
    this.following = false;
    this.t = Math.max(0, Math.min(this.film.edge_us, t));
    this.n = this.t >= this.film.edge_us ? this.film.edge : this.film.shownAt(this.t);
    this._moved();
  }

  /** @param {number} n */
  seekEntry(n) {
    if (!this.film) return;
    this.following = false;
    this.playing = false;
    this.n = Math.max(0, Math.min(this.film.edge, n));
    this.t = this.film.timeOf(this.n);
    this._moved();
  }

  /** One entry of a class on or back; whether there was one. @param {boolean} [backwards] @param {string} [cls] */
  step(backwards = false, cls = this.cls) {
    if (!this.film) return false;
    this.playing = this.following = false;
    const to = this.film.step(this.n, cls, this.device, backwards);
    if (to) this.seekEntry(to);
    else this._moved();
    return Boolean(to);
  }

  /** @param {number} by */
  faster(by) {
    const place = SPEEDS.findIndex((speed) => speed >= this.speed);
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place + by))];
    this._moved();
  }
}
