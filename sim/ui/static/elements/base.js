/**
 * What all drawn elements share: one canvas that fills the element, and one frame for everything that is dirty.
 *
 * Rules: an element only marks itself dirty; the single requestAnimationFrame below paints whatever is. Nothing here or
 * in the elements needs a framework, a server or a style sheet: reports and notebooks use them as they are.
 */

/** @type {Set<Drawn>} */
const dirty = new Set();
let asked = false;

function frame() {
  asked = false;
  const now = [...dirty];
  dirty.clear();
  for (const element of now) if (element.isConnected) element.paintNow();
}

/** @param {Drawn} element */
function ask(element) {
  dirty.add(element);
  if (asked) return;
  asked = true;
  requestAnimationFrame(frame);
}

/** An element that draws itself. `paint(context, width, height)` gets CSS pixels; `whole` is true after a resize. */
export class Drawn extends HTMLElement {
  constructor() {
    super();
    this.canvas = document.createElement("canvas");
    this.canvas.style.cssText = "display:block;width:100%;height:100%";
    this.whole = true;
    this._width = 0;
    this._height = 0;
    this._ratio = 1;
    this._watch = new ResizeObserver(() => this.redraw());
    this._themed = () => this.redraw();
  }

  connectedCallback() {
    if (!this.canvas.isConnected) this.append(this.canvas);
    if (getComputedStyle(this).display === "inline") this.style.display = "block";
    this._watch.observe(this);
    window.addEventListener("themechange", this._themed);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this._themed);
    this.redraw();
  }

  disconnectedCallback() {
    this._watch.disconnect();
    window.removeEventListener("themechange", this._themed);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this._themed);
  }

  /** Everything is to be painted again. */
  redraw() {
    this.whole = true;
    ask(this);
  }

  /** Something is to be painted: the element knows what. */
  mark() {
    ask(this);
  }

  paintNow() {
    const width = this.clientWidth;
    const height = this.clientHeight;
    if (!width || !height) return;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    if (width !== this._width || height !== this._height || ratio !== this._ratio) {
      this._width = width;
      this._height = height;
      this._ratio = ratio;
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.whole = true;
    }
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const whole = this.whole;
    this.whole = false;
    this.paint(context, width, height, whole);
  }

  /** @param {CanvasRenderingContext2D} _context @param {number} _width @param {number} _height @param {boolean} _whole */
  paint(_context, _width, _height, _whole) {}

  /** Tell the page what the user did. @param {string} name @param {object} detail */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  /** Say what is drawn, for those who do not see it. @param {string} text */
  describe(text) {
    if (this.canvas.getAttribute("aria-label") === text) return;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", text);
  }
}

/** Define an element once; a report and a page may both bring it. @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (!customElements.get(name)) customElements.define(name, element);
}
