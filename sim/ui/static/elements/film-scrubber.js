/**
 * <film-scrubber>: the whole film as a bar: lanes of marks, and a handle at the position. A slider for the keyboard, too.
 *
 * `marks` [{t, lane, bad}], `end_us`, `position` in µs, `words` for the position. Tells `scrub` {t}.
 * Home, End, PageUp and PageDown move; arrows are the page's, for steps.
 */
import { inks } from "../palette.js";
import { LANES, time } from "../words.js";
import { Drawn, define } from "./base.js";

const PAGE_SHARE = 0.05;
const HANDLE = 9;

export class FilmScrubber extends Drawn {
  constructor() {
    super();
    /** @type {{t: number, lane: string, bad: boolean}[]} */
    this._marks = [];
    this._begin = 0;
    this._end = 1;
    this._position = 0;
    this._branched = -1;
    this._drag = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.tabIndex = 0;
    this.setAttribute("role", "slider");
    this.setAttribute("aria-label", "Position in the film");
    this.setAttribute("aria-valuemin", "0");
    this.setAttribute("aria-valuenow", "0");
    this.canvas.setAttribute("aria-hidden", "true");
    this.onpointerdown = (/** @type {PointerEvent} */ event) => {
      this._drag = true;
      this.setPointerCapture(event.pointerId);
      this._move(event);
    };
    this.onpointermove = (/** @type {PointerEvent} */ event) => this._drag && this._move(event);
    this.onpointerup = () => (this._drag = false);
    this.onkeydown = (/** @type {KeyboardEvent} */ event) => this._key(event);
  }

  /** @param {{t: number, lane: string, bad: boolean}[]} marks @param {number[]} span first and last µs @param {number} [branched_us] */
  setFilm(marks, [begin_us, end_us], branched_us = -1) {
    this._marks = marks;
    this._begin = begin_us;
    this._end = Math.max(begin_us + 1, end_us);
    this._branched = branched_us;
    this.setAttribute("aria-valuemax", String(Math.round(this._end / 1e6)));
    this.redraw();
  }

  set position(t) {
    if (t === this._position) return;
    this._position = t;
    this.setAttribute("aria-valuenow", String(Math.round(t / 1e6)));
    this.setAttribute("aria-valuetext", `${time(t, 1)} of ${time(this._end, 1)}`);
    this.mark();
  }

  get position() {
    return this._position;
  }

  /** @param {PointerEvent} event */
  _move(event) {
    const box = this.getBoundingClientRect();
    const share = (event.clientX - box.left - HANDLE) / (box.width - 2 * HANDLE);
    this.tell("scrub", { t: this._begin + Math.max(0, Math.min(1, share)) * (this._end - this._begin) });
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const page = (this._end - this._begin) * PAGE_SHARE;
    const to = { Home: this._begin, End: this._end, PageUp: this._position - page, PageDown: this._position + page }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.tell("scrub", { t: Math.max(this._begin, Math.min(this._end, to)) });
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {boolean} whole */
  paint(context, width, height, whole) {
    if (whole || !this._still) this._still = this._background(width, height);
    context.clearRect(0, 0, width, height);
    context.drawImage(this._still, 0, 0, width, height);
    const ink = inks();
    const x = this._at(this._position, width);
    context.fillStyle = ink.text;
    context.fillRect(x - 1.5, 0, 3, height);
    context.beginPath();
    context.arc(x, height / 2, HANDLE, 0, 7);
    context.fill();
    context.fillStyle = ink.ground;
    context.beginPath();
    context.arc(x, height / 2, HANDLE - 4, 0, 7);
    context.fill();
  }

  /** Where a time is. @param {number} t @param {number} width */
  _at(t, width) {
    return HANDLE + Math.max(0, (t - this._begin) / (this._end - this._begin)) * (width - 2 * HANDLE);
  }

  /** Marks are many and do not move: drawn once. @param {number} width @param {number} height */
  _background(width, height) {
    const still = document.createElement("canvas");
    still.width = Math.round(width * this._ratio);
    still.height = Math.round(height * this._ratio);
    const context = /** @type {CanvasRenderingContext2D} */ (still.getContext("2d"));
    context.scale(this._ratio, this._ratio);
    const ink = inks();
    context.fillStyle = ink.line;
    context.beginPath();
    context.roundRect(0, 0, width, height, 6);
    context.fill();
    const lanes = LANES.map((lane) => lane.name);
    const tall = (height - 8) / lanes.length;
    const at = (/** @type {number} */ t) => this._at(t, width);
    context.fillStyle = ink.faint;
    for (const mark of this._marks) {
      if (!mark.bad) context.fillRect(at(mark.t) - 0.75, 4 + lanes.indexOf(mark.lane) * tall, 1.5, tall - 1);
    }
    context.fillStyle = "#d55e00";
    for (const mark of this._marks) if (mark.bad) context.fillRect(at(mark.t) - 1.5, 2, 3, height - 4);
    if (this._branched >= 0) {
      context.strokeStyle = ink.accent;
      context.lineWidth = 2;
      context.setLineDash([4, 3]);
      context.strokeRect(at(this._branched), -2, 0, height + 4);
    }
    return still;
  }
}

define("film-scrubber", FilmScrubber);
