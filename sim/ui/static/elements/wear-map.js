/**
 * <wear-map>: how often each sector was erased, as lightness, with the scale and the most worn sector in words.
 *
 * `flash` is the head's description, `wear` one count a sector (shared, changed in place), `quiet` as in <flash-map>.
 */
import { inks, wearColour } from "../palette.js";
import { Drawn, define } from "./base.js";
import { cellOf, drawNames, plan, roomOf, sectorAt } from "./layout.js";

const LEGEND_HEIGHT = 40;

export class WearMap extends Drawn {
  constructor() {
    super();
    /** @type {any} */
    this.flash = null;
    this.wear = new Uint16Array(0);
    /** @type {(partition: import("../film.js").Partition) => boolean} */
    this.quiet = () => false;
    /** @type {import("./layout.js").Plan | null} */
    this._plan = null;
    this._most = 1;
    /** @type {Set<number>} */
    this._touched = new Set();
  }

  connectedCallback() {
    super.connectedCallback();
    this.canvas.onpointermove = (event) => {
      const sector = this._plan ? sectorAt(this._plan, event.offsetX, event.offsetY) : -1;
      this.canvas.title = sector >= 0 ? `sector ${sector}: erased ${this.wear[sector]} times` : "";
    };
  }

  /** @param {number} sector */
  touch(sector) {
    this._touched.add(sector);
    this.mark();
  }

  all() {
    this.redraw();
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {boolean} whole */
  paint(context, width, height, whole) {
    if (!this.flash) return;
    const most = this.wear.reduce((a, b) => Math.max(a, b), 1);
    if (whole || !this._plan || most !== this._most) {
      this._most = most;
      this._plan = plan(this.flash, this.quiet, width, height - LEGEND_HEIGHT);
      context.clearRect(0, 0, width, height);
      drawNames(context, this._plan, inks(), width);
      for (let sector = 0; sector < this.wear.length; sector++) this._sector(context, sector);
    } else for (const sector of this._touched) this._sector(context, sector);
    this._touched.clear();
    this._legend(context, width, height);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} sector */
  _sector(context, sector) {
    const where = /** @type {import("./layout.js").Plan} */ (this._plan);
    const at = cellOf(where, sector);
    if (!at) return;
    const erased = this.wear[sector];
    const gap = where.cell > 6 ? 1 : 0;
    context.fillStyle = erased ? wearColour(Math.min(0.999, erased / this._most)) : inks().line;
    context.fillRect(at.x, at.y, where.cell - gap, where.cell - gap);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
  _legend(context, width, height) {
    const ink = inks();
    const where = /** @type {import("./layout.js").Plan} */ (this._plan);
    const sector = this.wear.indexOf(this._most);
    const top = height - LEGEND_HEIGHT + 6;
    context.clearRect(0, height - LEGEND_HEIGHT, width, LEGEND_HEIGHT);
    context.font = "13px system-ui, sans-serif";
    context.textBaseline = "top";
    context.fillStyle = ink.text;
    const name = sector >= 0 ? (roomOf(where, sector)?.partition.name ?? "") : "";
    const endurance = this.flash.endurance.toLocaleString("en");
    const words = sector < 0
      ? `no sector was erased yet; each endures ${endurance} erases`
      : `most worn: sector ${sector} in ${name}, ${this._most} of ${endurance} erases`;
    context.fillText(words, where.left, top + 14, width - where.left);
    const steps = 7;
    for (let step = 0; step < steps; step++) {
      context.fillStyle = wearColour(step / steps);
      context.fillRect(where.left + step * 24, top, 24, 10);
    }
    context.fillStyle = ink.faint;
    context.fillText(`1 … ${this._most} erases`, where.left + steps * 24 + 8, top - 2);
    this.describe(`Wear map: ${words}.`);
  }
}

define("wear-map", WearMap);
