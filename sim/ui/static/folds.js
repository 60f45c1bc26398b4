/**
 * What is true at a position of a film, folded from its entries: the flash of a device, the states of the fleet.
 *
 * Rules: no DOM. A fold keeps keyframes, so that a seek costs the same wherever it leads. The arrays it shows are its
 * own and are changed in place: who draws them keeps the array and is told what was touched.
 */
import { border, upTo } from "./film.js";

/** @typedef {import("./film.js").Film} Film */
/** @typedef {import("./film.js").FlashHead} FlashHead */

/** Flash operations between two keyframes of a device's flash. */
export const KEYFRAME_EVERY = 1000;
/** Keyframes of one device in memory; with more operations they stand farther apart. */
const KEYFRAMES_MAX = 400;
/** Ticks of the fleet that are replayed one by one; a longer way goes from the last whole one. */
const TICKS_REPLAYED = 50;

/** @param {string} packed base64 of (u16 count, u8 value)* @param {Uint8Array | Uint16Array} into */
export function unpack(packed, into) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  let at = 0;
  for (let place = 0; place + 2 < bytes.length; place += 3) {
    const count = bytes[place] | (bytes[place + 1] << 8);
    into.fill(bytes[place + 2], at, at + count);
    at += count;
  }
  return into;
}

/** The flash of one device at a position: the class of every page, the erases of every sector. */
export class FlashFold {
  /** @param {Film} film @param {number} device @param {FlashFold} [sibling] of the same device: they share keyframes */
  constructor(film, device, sibling) {
    /** @type {FlashHead} */
    this.head = film.head.flash[device];
    this.film = film;
    this.device = device;
    this.per_sector = this.head.sector_bytes / this.head.page_bytes;
    this.classes = new Uint8Array(this.head.bytes / this.head.page_bytes);
    this.wear = new Uint16Array(this.head.bytes / this.head.sector_bytes);
    unpack(this.head.first, this.classes);
    if (this.head.wear) unpack(this.head.wear, this.wear);
    /** How many operations are folded in. */
    this.done = 0;
    this._keys = sibling?._keys ?? [{ done: 0, classes: this.classes.slice(), wear: this.wear.slice() }];
  }

  /**
   * Go to an entry. Tells what changed: `touched(first page, pages)` for each operation, or `jumped()` once.
   * @param {number} n @param {(first: number, pages: number) => void} [touched] @param {() => void} [jumped]
   */
  seek(n, touched, jumped) {
    const columns = this.film.opsOf(this.device);
    const wanted = upTo(columns.n, n, columns.length);
    const gap = Math.max(KEYFRAME_EVERY, Math.ceil(columns.length / KEYFRAMES_MAX));
    if (wanted < this.done || wanted - this.done > gap) {
      const key = this._keys[this._keyBefore(wanted)];
      if (wanted < this.done || key.done > this.done) {
        this.classes.set(key.classes);
        this.wear.set(key.wear);
        this.done = key.done;
      }
      this._replay(columns, wanted, gap, undefined);
      jumped?.();
    } else this._replay(columns, wanted, gap, touched);
    return this;
  }

  /** @param {number} wanted */
  _keyBefore(wanted) {
    let place = this._keys.length - 1;
    while (this._keys[place].done > wanted) place--;
    return place;
  }

  /** @param {ReturnType<Film["opsOf"]>} columns @param {number} wanted @param {number} gap @param {((first: number, pages: number) => void) | undefined} touched */
  _replay(columns, wanted, gap, touched) {
    const { classes, wear, per_sector } = this;
    while (this.done < wanted) {
      const i = this.done++;
      const first = columns.first[i];
      const pages = columns.pages[i];
      classes.fill(columns.cls[i], first, first + pages);
      if (!(columns.op[i] & 1)) {
        const last = Math.floor((first + pages - 1) / per_sector);
        for (let sector = Math.floor(first / per_sector); sector <= last; sector++) wear[sector]++;
      }
      touched?.(first, pages);
      if (this.done - this._keys[this._keys.length - 1].done >= gap) {
        this._keys.push({ done: this.done, classes: classes.slice(), wear: wear.slice() });
      }
    }
  }
}

/** The state of every device at a position. */
export class FleetFold {
  /** @param {Film} film */
  constructor(film) {
    this.film = film;
    this.states = new Uint8Array(film.head.devices.length);
    this.done = 0;
  }

  /** @param {{n: number, t: number}} at @param {(device: number, state: number) => void} [touched] @param {() => void} [jumped] */
  seek(at, touched, jumped) {
    const ticks = this.film.ticks;
    let wanted = border(ticks.length, (place) => ticks[place].t <= at.t);
    while (wanted > 0 && ticks[wanted - 1].t === at.t && ticks[wanted - 1].n > at.n) wanted--;
    let from = this.done;
    if (wanted < this.done || wanted - this.done > TICKS_REPLAYED) {
      from = wanted;
      while (from > 0 && !ticks[from - 1].whole) from--;
      if (from > 0) from--;
      else this.states.fill(0);
      jumped?.();
      touched = undefined;
    }
    for (let i = from; i < wanted; i++) {
      const { device, state } = ticks[i];
      for (let j = 0; j < device.length; j++) {
        this.states[device[j]] = state[j];
        touched?.(device[j], state[j]);
      }
    }
    this.done = wanted;
    return this;
  }
}
