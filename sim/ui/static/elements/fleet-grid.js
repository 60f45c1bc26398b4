/**
 * <fleet-grid>: one cell a device, coloured and signed by its state; made for 50,000 of them.
 *
 * `setDevices(names)`, `states` (names by number), `values` one byte a device (shared, changed in place). `touch(device)`
 * after a change, `all()` after a jump. Tells `pick` {device} on click and Enter.
 */
import { inks, stateLook } from "../palette.js";
import { Drawn, define } from "./base.js";

const SIGN_FROM_CELL = 13;
const CELL_MAX = 128;
const NAME_FROM_CELL = 90;
const SIGN_MAX = 54;
const SAY_EVERY_MS = 1000;

export class FleetGrid extends Drawn {
  constructor() {
    super();
    /** @type {string[]} */
    this._names = [];
    /** @type {import("../palette.js").Look[]} */
    this._looks = [];
    this.values = new Uint8Array(0);
    this._dirty = new Uint32Array(0);
    this._count = 0;
    this._marked = new Uint8Array(0);
    this._cell = 1;
    this._columns = 1;
    this._cursor = -1;
    this._selected = -1;
    this._said = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.canvas.tabIndex = 0;
    this.canvas.style.cursor = "pointer";
    this.canvas.onpointermove = (event) => {
      const device = this._at(event.offsetX, event.offsetY);
      this.canvas.title = device < 0 ? "" : this.words(device);
    };
    this.canvas.onclick = (event) => this._pick(this._at(event.offsetX, event.offsetY));
    this.canvas.onkeydown = (event) => this._key(event);
  }

  /** @param {string[]} names @param {string[]} states */
  setDevices(names, states) {
    this._names = names;
    this._looks = states.map(stateLook);
    this._dirty = new Uint32Array(names.length);
    this._marked = new Uint8Array(names.length);
    this._count = 0;
    this.redraw();
  }

  set selected(device) {
    for (const one of [this._selected, device]) if (one >= 0) this.touch(one);
    this._selected = device;
  }

  get selected() {
    return this._selected;
  }

  /** @param {number} device */
  touch(device) {
    if (this._marked[device]) return;
    this._marked[device] = 1;
    this._dirty[this._count++] = device;
    this.mark();
  }

  all() {
    this.redraw();
  }

  /** @param {number} device */
  words(device) {
    return `${this._names[device]}: ${this._looks[this.values[device]]?.label ?? "?"}`;
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {boolean} whole */
  paint(context, width, height, whole) {
    if (!this._names.length) return;
    if (whole) {
      this._fit(width, height);
      context.clearRect(0, 0, width, height);
      this._paintAll(context);
    } else {
      for (let i = 0; i < this._count; i++) this._cellOf(context, this._dirty[i]);
    }
    for (let i = 0; i < this._count; i++) this._marked[this._dirty[i]] = 0;
    this._count = 0;
    for (const device of [this._selected, this._cursor]) if (device >= 0) this._frame(context, device);
    this._summary();
  }

  /** The largest square that lets all fit. @param {number} width @param {number} height */
  _fit(width, height) {
    let cell = Math.min(CELL_MAX, Math.sqrt((width * height) / this._names.length));
    cell = cell > 4 ? Math.floor(cell) : cell;
    while (Math.ceil(this._names.length / Math.max(1, Math.floor(width / cell))) * cell > height) cell -= cell > 4 ? 1 : 0.1;
    this._cell = cell;
    this._columns = Math.max(1, Math.floor(width / cell));
  }

  /** One colour after the other, which is what a canvas is quick at. @param {CanvasRenderingContext2D} context */
  _paintAll(context) {
    if (this._cell >= SIGN_FROM_CELL) {
      for (let device = 0; device < this._names.length; device++) this._cellOf(context, device);
      return;
    }
    const side = this._cell > 3 ? this._cell - 1 : this._cell;
    for (let state = 0; state < this._looks.length; state++) {
      context.fillStyle = this._looks[state].colour;
      for (let device = 0; device < this.values.length; device++) {
        if (this.values[device] !== state) continue;
        context.fillRect((device % this._columns) * this._cell, Math.floor(device / this._columns) * this._cell, side, side);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} device */
  _cellOf(context, device) {
    const look = this._looks[this.values[device]];
    if (!look) return;
    const x = (device % this._columns) * this._cell;
    const y = Math.floor(device / this._columns) * this._cell;
    const side = this._cell > 3 ? this._cell - 1 : this._cell;
    context.fillStyle = look.colour;
    context.fillRect(x, y, side, side);
    if (this._cell < SIGN_FROM_CELL) return;
    context.fillStyle = look.ink;
    context.font = `${Math.min(SIGN_MAX, Math.round(this._cell * 0.7))}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(look.sign, x + side / 2, y + side / 2 + 1);
    if (this._cell < NAME_FROM_CELL) return;
    context.font = "600 13px system-ui, sans-serif";
    context.fillText(this._names[device], x + side / 2, y + side - 14, side - 10);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} device */
  _frame(context, device) {
    const x = (device % this._columns) * this._cell;
    const y = Math.floor(device / this._columns) * this._cell;
    context.strokeStyle = inks().text;
    context.lineWidth = this._cell > 8 ? 3 : 1;
    const inset = this._cell > 8 ? 1.5 : 0.5;
    context.strokeRect(x + inset, y + inset, Math.max(1, this._cell - 1 - 2 * inset), Math.max(1, this._cell - 1 - 2 * inset));
  }

  /** How many devices are in each state, by name, those that there are. */
  tally() {
    const counts = new Uint32Array(this._looks.length);
    for (let device = 0; device < this.values.length; device++) counts[this.values[device]]++;
    return this._looks.map((look, state) => ({ ...look, count: counts[state] })).filter((one) => one.count);
  }

  _summary() {
    if (performance.now() - this._said < SAY_EVERY_MS) return;
    this._said = performance.now();
    const told = this.tally().map((one) => `${one.count} ${one.label}`);
    this.describe(`${this._names.length} devices: ${told.join(", ")}. Arrow keys move, Enter opens a device.`);
  }

  /** @param {number} x @param {number} y */
  _at(x, y) {
    const column = Math.floor(x / this._cell);
    const device = Math.floor(y / this._cell) * this._columns + column;
    return column < this._columns && device < this._names.length ? device : -1;
  }

  /** @param {number} device */
  _pick(device) {
    if (device >= 0) this.tell("pick", { device });
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this._columns, ArrowDown: this._columns }[event.key];
    if (event.key === "Enter" && this._cursor >= 0) this._pick(this._cursor);
    if (move === undefined || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(this._names.length - 1, this._cursor < 0 ? 0 : this._cursor + move));
    if (this._cursor >= 0) this.touch(this._cursor);
    this._cursor = next;
    this.touch(next);
    this.canvas.title = this.words(next);
    this.tell("look", { device: next, words: this.words(next) });
  }
}

define("fleet-grid", FleetGrid);
