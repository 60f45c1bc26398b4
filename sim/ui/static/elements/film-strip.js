/**
 * <film-strip>: one picture for each time the device started or stopped: how its flash looked just then, and why.
 *
 * `setFrames([{n, t, title, why, bad}])`, `thumb(n)` gives the page classes there; `flash` the head's description.
 * Tells `seek` {n}.
 */
import { PAGES, isDark } from "../palette.js";
import { time } from "../words.js";
import { define } from "./base.js";

const WIDTH = 168;
const HEIGHT = 72;

/** @typedef {{n: number, t: number, title: string, why: string, bad: boolean}} Frame */

export class FilmStrip extends HTMLElement {
  constructor() {
    super();
    /** @type {any} */
    this.flash = null;
    /** @type {(n: number) => Uint8Array} */
    this.thumb = () => new Uint8Array(0);
    /** @type {Frame[]} */
    this._frames = [];
    this._told = "";
    this._themed = () => {
      this._told = "";
      this.setFrames(this._frames);
    };
  }

  connectedCallback() {
    window.addEventListener("themechange", this._themed);
  }

  disconnectedCallback() {
    window.removeEventListener("themechange", this._themed);
  }

  /** @param {Frame[]} frames */
  setFrames(frames) {
    this._frames = frames;
    const told = frames.map((frame) => frame.n).join();
    if (told === this._told) return;
    this._told = told;
    this.replaceChildren(...frames.map((frame) => this._card(frame)));
  }

  /** The frame that a position is in is marked. @param {number} n */
  show(n) {
    const now = this._frames.filter((frame) => frame.n <= n).length - 1;
    [...this.children].forEach((card, i) => {
      card.classList.toggle("now", i === now);
      card.classList.toggle("later", i > now);
      if (i === now) card.setAttribute("aria-current", "step");
      else card.removeAttribute("aria-current");
    });
  }

  /** @param {Frame} frame */
  _card(frame) {
    const card = document.createElement("button");
    card.type = "button";
    card.className = frame.bad ? "frame bad" : "frame";
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    canvas.setAttribute("aria-hidden", "true");
    this._draw(canvas, this.thumb(frame.n));
    const title = document.createElement("strong");
    title.textContent = frame.title;
    const why = document.createElement("span");
    why.textContent = `${time(frame.t, 1)}  ${frame.why}`;
    card.append(canvas, title, why);
    card.onclick = () => this.dispatchEvent(new CustomEvent("seek", { detail: { n: frame.n }, bubbles: true }));
    return card;
  }

  /** One pixel for a few pages: the oddest of them wins. @param {HTMLCanvasElement} canvas @param {Uint8Array} classes */
  _draw(canvas, classes) {
    const context = canvas.getContext("2d");
    if (!context || !classes.length) return;
    const side = 3;
    const columns = WIDTH / side;
    const per = classes.length / (columns * (HEIGHT / side));
    const colours = PAGES[isDark() ? "dark" : "light"];
    for (let cell = 0; cell < columns * (HEIGHT / side); cell++) {
      let most = 0;
      for (let page = Math.floor(cell * per); page < (cell + 1) * per; page++) most = Math.max(most, classes[page] ?? 0);
      context.fillStyle = colours[most];
      context.fillRect((cell % columns) * side, Math.floor(cell / columns) * side, side, side);
    }
  }
}

define("film-strip", FilmStrip);
