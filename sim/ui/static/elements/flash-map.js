/**
 * <flash-map>: every sector of a device's flash, every page in it, coloured by what is there now.
 *
 * `flash` is the head's description, `classes` one byte a page (shared, changed in place), `quiet(partition)` says which
 * partitions are folded. `touch(first, pages)` after a change, `all()` after a jump. Tells `sector` {sector, page, words} when
 * one is chosen by pointer or arrows.
 */
import { PAGES, PAGE_LABELS, inks, isDark } from "../palette.js";
import { Drawn, define } from "./base.js";
import { cellOf, drawNames, plan, roomOf, sectorAt, size } from "./layout.js";

/** A description that is read out must not change at every frame. */
const SAY_EVERY_MS = 1000;
const PAGES_SEEN_FROM = 14;
const TORN = 3, JOURNAL = 4;

export class FlashMap extends Drawn {
  constructor() {
    super();
    /** @type {any} */
    this._flash = null;
    this.classes = new Uint8Array(0);
    /** @type {(partition: import("../film.js").Partition) => boolean} */
    this.quiet = () => false;
    /** Sectors that are framed, because they differ from another flash. @type {Set<number>} */
    this.ringed = new Set();
    /** @type {Set<number>} */
    this._touched = new Set();
    /** @type {{first: number, pages: number} | null} */
    this._last = null;
    this._cursor = -1;
    this._ink = inks();
    this._dark = isDark();
    this._said = 0;
    /** @type {import("./layout.js").Plan | null} */
    this._plan = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.canvas.tabIndex = 0;
    this.canvas.onpointermove = (event) => this._hover(event.offsetX, event.offsetY);
    this.canvas.onpointerdown = (event) => this._point(event.offsetX, event.offsetY);
    this.canvas.onkeydown = (event) => this._key(event);
    this.canvas.onblur = () => this._moveTo(-1, false);
  }

  set flash(flash) {
    this._flash = flash;
    this.redraw();
  }

  get flash() {
    return this._flash;
  }

  get perSector() {
    return this._flash ? this._flash.sector_bytes / this._flash.page_bytes : 16;
  }

  /** Pages changed. @param {number} first @param {number} pages */
  touch(first, pages) {
    const last = Math.floor((first + pages - 1) / this.perSector);
    for (let sector = Math.floor(first / this.perSector); sector <= last; sector++) this._touched.add(sector);
    this.mark();
  }

  /** Everything may have changed. */
  all() {
    this.redraw();
  }

  /** The operation that happened last gets a frame; null for none. @param {{first: number, pages: number} | null} last */
  set last(last) {
    for (const one of [this._last, last]) if (one) this.touch(one.first, one.pages);
    this._last = last;
  }

  get height() {
    return this._plan?.height ?? 0;
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {boolean} whole */
  paint(context, width, height, whole) {
    if (!this._flash) return;
    this._ink = inks();
    this._dark = isDark();
    if (whole || !this._plan) {
      this._plan = plan(this._flash, this.quiet, width, height);
      context.clearRect(0, 0, width, height);
      drawNames(context, this._plan, this._ink, width);
      for (const room of this._plan.rooms) {
        for (let place = 0; !room.folded && place < room.sectors; place++) this._sector(context, room.first + place);
      }
    } else for (const sector of this._touched) this._sector(context, sector);
    this._touched.clear();
    this._ring(context);
    this._summary();
  }

  /** @param {CanvasRenderingContext2D} context @param {number} sector */
  _sector(context, sector) {
    const where = /** @type {import("./layout.js").Plan} */ (this._plan);
    const at = cellOf(where, sector);
    if (!at) return;
    const colours = PAGES[this._dark ? "dark" : "light"];
    const cell = where.cell;
    const inner = cell > 6 ? cell - 1 : cell;
    const per = this.perSector;
    context.fillStyle = this._ink.line;
    context.fillRect(at.x, at.y, cell, cell);
    const across = Math.ceil(Math.sqrt(per));
    const down = Math.ceil(per / across);
    let odd = -1;
    for (let page = 0, run = 0; page < per; page = run) {
      const cls = this.classes[sector * per + page];
      const row = Math.floor(page / across);
      for (run = page + 1; run < per && Math.floor(run / across) === row; run++) {
        if (this.classes[sector * per + run] !== cls) break;
      }
      if (cls >= TORN) odd = Math.max(odd === JOURNAL ? -1 : odd, cls === JOURNAL && odd >= 0 ? odd : cls);
      const x0 = Math.round(((page % across) * inner) / across);
      const x1 = Math.round((((page % across) + run - page) * inner) / across);
      const y0 = Math.round((row * inner) / down);
      const y1 = Math.round(((row + 1) * inner) / down);
      context.fillStyle = colours[cls] ?? "#f0f";
      context.fillRect(at.x + x0, at.y + y0, x1 - x0, y1 - y0);
    }
    if (odd >= TORN) this._sign(context, at.x, at.y, inner, odd);
    if (this.ringed.has(sector)) {
      context.strokeStyle = this._ink.accent;
      context.lineWidth = 2;
      context.strokeRect(at.x + 1, at.y + 1, Math.max(1, cell - 2), Math.max(1, cell - 2));
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} side @param {number} cls */
  _sign(context, x, y, side, cls) {
    const strong = this._dark ? "#fff" : "#000";
    context.strokeStyle = strong;
    context.lineWidth = side > 9 ? 1.5 : 1;
    if (cls === JOURNAL) {
      context.beginPath();
      context.arc(x + side / 2, y + side / 2, Math.max(1, side / 6), 0, 7);
      context.fillStyle = strong;
      context.fill();
    } else {
      if (side < PAGES_SEEN_FROM) {
        // A page of two pixels is not seen from the back of a room: the sector as a whole bears the colour then.
        context.fillStyle = PAGES[this._dark ? "dark" : "light"][cls];
        context.fillRect(x, y, side, side);
      }
      context.strokeStyle = cls === TORN ? "#000" : strong;
      context.strokeRect(x + 0.75, y + 0.75, side - 1.5, side - 1.5);
      context.beginPath();
      context.moveTo(x + 1, y + 1);
      context.lineTo(x + side - 1, y + side - 1);
      context.moveTo(x + side - 1, y + 1);
      context.lineTo(x + 1, y + side - 1);
      context.stroke();
    }
  }

  /** Frames around the last operation and around the cursor. @param {CanvasRenderingContext2D} context */
  _ring(context) {
    const where = /** @type {import("./layout.js").Plan} */ (this._plan);
    const frames = [];
    if (this._last) {
      const first = Math.floor(this._last.first / this.perSector);
      const last = Math.floor((this._last.first + this._last.pages - 1) / this.perSector);
      for (let sector = first; sector <= last; sector++) frames.push([sector, this._ink.text, 2]);
    }
    if (this._cursor >= 0) frames.push([this._cursor, this._ink.accent, 3]);
    for (const [sector, colour, thick] of frames) {
      const at = cellOf(where, /** @type {number} */ (sector));
      if (!at) continue;
      context.strokeStyle = /** @type {string} */ (colour);
      context.lineWidth = /** @type {number} */ (thick);
      const inset = /** @type {number} */ (thick) / 2;
      const side = Math.max(2, where.cell - 2 * inset);
      context.strokeRect(at.x + inset, at.y + inset, side, side);
    }
  }

  _summary() {
    if (performance.now() - this._said < SAY_EVERY_MS) return;
    this._said = performance.now();
    const counts = new Array(PAGE_LABELS.length).fill(0);
    for (const cls of this.classes) counts[cls]++;
    const told = PAGE_LABELS.map((label, cls) => `${counts[cls]} ${label}`).filter((_, cls) => counts[cls]);
    this.describe(`Flash map, pages: ${told.join(", ")}. Arrow keys move over sectors.`);
  }

  /** What is in a sector, in words. @param {number} sector */
  words(sector) {
    const where = /** @type {import("./layout.js").Plan} */ (this._plan);
    const room = roomOf(where, sector);
    const counts = new Array(PAGE_LABELS.length).fill(0);
    for (let page = 0; page < this.perSector; page++) counts[this.classes[sector * this.perSector + page]]++;
    const told = PAGE_LABELS.map((label, cls) => (counts[cls] ? `${counts[cls]} ${label}` : "")).filter(Boolean);
    const address = (sector * this._flash.sector_bytes).toString(16).padStart(6, "0");
    const name = room ? `${room.partition.name} + ${size((sector - room.first) * this._flash.sector_bytes)}` : "";
    return `sector ${sector} at 0x${address}, ${name}: ${told.join(", ")} pages`;
  }

  /** @param {number} x @param {number} y */
  _hover(x, y) {
    const sector = this._plan ? sectorAt(this._plan, x, y) : -1;
    this.canvas.title = sector >= 0 ? this.words(sector) : "";
  }

  /** @param {number} x @param {number} y */
  _point(x, y) {
    const sector = this._plan ? sectorAt(this._plan, x, y) : -1;
    if (sector >= 0) this._moveTo(sector, true, this._pageAt(sector, x, y));
  }

  /** Which page of a sector is under a point. @param {number} sector @param {number} x @param {number} y */
  _pageAt(sector, x, y) {
    const where = /** @type {import("./layout.js").Plan} */ (this._plan);
    const at = cellOf(where, sector);
    if (!at) return 0;
    const across = Math.ceil(Math.sqrt(this.perSector));
    const down = Math.ceil(this.perSector / across);
    const column = Math.min(across - 1, Math.floor(((x - at.x) / where.cell) * across));
    const row = Math.min(down - 1, Math.floor(((y - at.y) / where.cell) * down));
    return Math.min(this.perSector - 1, row * across + column);
  }

  /** @param {number} sector @param {boolean} tell @param {number} [page] of the sector */
  _moveTo(sector, tell, page = 0) {
    for (const one of [this._cursor, sector]) if (one >= 0) this._touched.add(one);
    this._cursor = sector;
    this.mark();
    if (!tell) return;
    const number = sector * this.perSector + page;
    const address = (number * this._flash.page_bytes).toString(16).padStart(6, "0");
    const words = `${this.words(sector)}. Chosen: page ${page} at 0x${address}, ${PAGE_LABELS[this.classes[number]]}.`;
    this.tell("sector", { sector, page: number, words });
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const columns = this._plan?.columns ?? 1;
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (move === undefined || !this._flash || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    const sectors = this._flash.bytes / this._flash.sector_bytes;
    const from = this._cursor < 0 ? Math.floor((this._last?.first ?? 0) / this.perSector) - move : this._cursor;
    this._moveTo(Math.max(0, Math.min(sectors - 1, from + move)), true);
  }
}

define("flash-map", FlashMap);
