/**
 * A film: the decoder of tapes, and what is true at a position of one (docs/film.md).
 *
 * Rules: no DOM, no network, no clock. A tape may come in pieces cut anywhere. Everything shown is a fold of the
 * entries up to a position `{n, t}`, so that going back is as easy as forward; keyframes make it as quick.
 */

export const PAGE_CLASSES = ["erased", "old", "new", "torn", "journal", "bad"];
export const OPS = ["erase", "program", "torn erase", "torn program"];
const EVENTS = 1, FLASH = 2, STATES = 3, ALL_STATES = 4, COUNTS = 5, END = 6;
/** ESTIMATE: between the program of a page (0.7 ms) and the erase of a sector (45 ms). */
const OP_SHOWN_US = 4000;
/** Up to so many devices every record of every device is an event. */
const SMALL_FLEET = 200;
/** Ends the name of a device's track in the cloud. */
const CLOUD = "@cloud";
const HEADER_BYTES = 5;
const ROOM = 1024;

/**
 * @typedef {{n: number, t: number, device: number, seq: number, kind: string, data: Record<string, any>, say: string}} FilmEvent
 * @typedef {{n: number, t: number, device: number, index: number, first: number, pages: number, op: number, cls: number}} FlashOp
 * @typedef {{name: string, offset: number, bytes: number, use: string}} Partition
 * @typedef {{part: string, bytes: number, sector_bytes: number, page_bytes: number, endurance: number,
 *   partitions: Partition[], first: string, wear?: string}} FlashHead
 * @typedef {{t: number, n: number, whole: boolean, device: Uint32Array, state: Uint8Array}} Tick
 */

/** Columns that grow together; `length` of them is filled. */
class Columns {
  constructor() {
    this.length = 0;
    this.n = new Uint32Array(ROOM);
    this.t = new Float64Array(ROOM);
    this.first = new Uint32Array(ROOM);
    this.pages = new Uint16Array(ROOM);
    this.op = new Uint8Array(ROOM);
    this.cls = new Uint8Array(ROOM);
  }

  /** @param {number} more */
  reserve(more) {
    if (this.length + more <= this.n.length) return;
    const room = Math.max(this.length + more, this.n.length * 2);
    this.n = grown(this.n, room);
    this.t = grown(this.t, room);
    this.first = grown(this.first, room);
    this.pages = grown(this.pages, room);
    this.op = grown(this.op, room);
    this.cls = grown(this.cls, room);
  }
}

/**
 * @template {Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array} T
 * @param {T} array @param {number} room @returns {T}
 */
function grown(array, room) {
  const more = /** @type {any} */ (new /** @type {any} */ (array.constructor)(room));
  more.set(array);
  return more;
}

/**
 * How many of `length` things in order are on this side of a border: `ok` is true of the first ones and of no other.
 * @param {number} length @param {(place: number) => boolean} ok
 */
export function border(length, ok) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ok(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of sorted numbers are at most `wanted`. @param {ArrayLike<number>} numbers @param {number} wanted @param {number} length */
export const upTo = (numbers, wanted, length) => border(length, (place) => numbers[place] <= wanted);

export class Film {
  /** @param {any} head the head of the film, as the server or a file gives it */
  constructor(head) {
    this.head = head;
    /** @type {FilmEvent[]} */
    this.events = [];
    this._numbers = new Map((head.devices ?? []).map((/** @type {any} */ one, /** @type {number} */ i) => [`${one.name}${CLOUD}`, i]));
    /** @type {Map<number, Columns>} */
    this.ops = new Map();
    /** @type {Tick[]} */
    this.ticks = [];
    this._small = (head.devices ?? []).length <= SMALL_FLEET && !head.live; // a served cloud had jobs before its film
    /** @type {any[]} */
    this.counts = [];
    /** @type {any} */
    this.result = head.result ?? null;
    this.growing = Boolean(head.growing);
    /** Why it broke off, for people; "" when it did not. */
    this.failure = head.failure ?? "";
    /** The number of the last entry that is here, and the time that is known to have passed. */
    this.edge = 0;
    this.edge_us = 0;
    this._times = new Float64Array(ROOM);
    this._owner = new Int32Array(ROOM).fill(-1);
    this._pending = new Uint8Array(0);
  }

  /** Take the next piece of the tape. @param {ArrayBuffer | Uint8Array} piece */
  feed(piece) {
    const before = this.edge;
    let bytes = piece instanceof Uint8Array ? piece : new Uint8Array(piece);
    if (this._pending.length) {
      const joined = new Uint8Array(this._pending.length + bytes.length);
      joined.set(this._pending);
      joined.set(bytes, this._pending.length);
      bytes = joined;
    }
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at);
      const end = at + HEADER_BYTES + view.getUint32(0, true);
      if (end > bytes.length) break;
      this._block(bytes[at + 4], bytes.slice(at + HEADER_BYTES, end));
      at = end;
    }
    this._pending = bytes.slice(at);
    for (let n = Math.max(1, before); n <= this.edge; n++) {
      if (this._times[n] < this._times[n - 1]) this._times[n] = this._times[n - 1];
    }
    this.edge_us = Math.max(this.edge_us, this._times[this.edge] ?? 0);
  }

  /** @param {number} kind @param {Uint8Array<ArrayBuffer>} body */
  _block(kind, body) {
    if (kind === EVENTS) this._takeEvents(JSON.parse(new TextDecoder().decode(body)));
    else if (kind === FLASH) this._takeOps(body.buffer);
    else if (kind === STATES || kind === ALL_STATES) this._takeStates(body.buffer, kind === ALL_STATES);
    else if (kind === COUNTS) {
      const counts = JSON.parse(new TextDecoder().decode(body));
      const last = this.counts[this.counts.length - 1];
      if (!this._small && !(last?.t > counts.t)) this.counts.push(counts); // an earlier one came twice
      this.edge_us = Math.max(this.edge_us, counts.t);
    } else if (kind === END) {
      this.result = JSON.parse(new TextDecoder().decode(body));
      this.edge_us = Math.max(this.edge_us, this.result.t ?? 0);
      this.growing = false;
    } // kinds are added: one that is not known here is skipped
  }

  /** @param {any[][]} rows */
  _takeEvents(rows) {
    for (const [n, t, number, seq, kind, data, say] of rows) {
      const device = number < 0 ? (this._numbers.get(data.track) ?? -1) : number; // a device's side of the cloud is about it
      const event = { n, t, device, seq, kind, data, say };
      const last = this.events.at(-1);
      if (!last || last.n < n) this.events.push(event);
      else {
        const place = this.eventsUpTo(n);
        if (this.events[place - 1]?.n === n) continue; // it came twice
        this.events.splice(place, 0, event);
      }
      this._note(n, t, -1);
      if (kind === "execution" && this._small) this._count(event);
    }
  }

  /** Of a small fleet every change of an execution is an event: finer counts than those of the groups. @param {FilmEvent} event */
  _count({ t, n, data }) {
    if (data.old === data.new) return;
    const last = this.counts[this.counts.length - 1];
    const of = { ...last?.jobs[data.job] };
    if (data.old) of[data.old] = (of[data.old] ?? 1) - 1;
    if (data.new) of[data.new] = (of[data.new] ?? 0) + 1;
    this.counts.push({ t, n, jobs: { ...last?.jobs, [data.job]: of } });
  }

  /** @param {ArrayBuffer} body */
  _takeOps(body) {
    const view = new DataView(body);
    const device = view.getUint32(0, true);
    const count = view.getUint32(4, true);
    const columns = this.opsOf(device);
    columns.reserve(count);
    const n0 = 8, t0 = n0 + 4 * count, first0 = t0 + 8 * count;
    const pages0 = first0 + 4 * count, op0 = pages0 + 2 * count, cls0 = op0 + count;
    for (let row = 0; row < count; row++) {
      const n = view.getUint32(n0 + 4 * row, true);
      const at = columns.length;
      if (at && columns.n[at - 1] >= n) continue; // it came twice
      columns.n[at] = n;
      columns.t[at] = view.getFloat64(t0 + 8 * row, true);
      columns.first[at] = view.getUint32(first0 + 4 * row, true);
      columns.pages[at] = view.getUint16(pages0 + 2 * row, true);
      columns.op[at] = view.getUint8(op0 + row);
      columns.cls[at] = view.getUint8(cls0 + row);
      columns.length++;
      this._note(n, columns.t[at], device);
    }
  }

  /** @param {ArrayBuffer} body @param {boolean} whole */
  _takeStates(body, whole) {
    const view = new DataView(body);
    const count = view.getUint32(12, true);
    const device = new Uint32Array(body.slice(16, 16 + 4 * count));
    const state = new Uint8Array(body, 16 + 4 * count, count);
    const tick = { t: view.getFloat64(0, true), n: view.getUint32(8, true), whole, device, state };
    if (this.ticks.length && this.ticks[this.ticks.length - 1].t > tick.t) return; // it came twice
    this.ticks.push(tick);
    this.edge_us = Math.max(this.edge_us, tick.t);
  }

  /** @param {number} n @param {number} t @param {number} owner */
  _note(n, t, owner) {
    if (n >= this._times.length) {
      const room = Math.max(n + 1, this._times.length * 2);
      const old = this._owner.length;
      this._times = grown(this._times, room);
      this._owner = grown(this._owner, room).fill(-1, old);
    }
    this._times[n] = t;
    this._owner[n] = owner;
    if (n > this.edge) this.edge = n;
  }

  /** @param {number} device */
  opsOf(device) {
    let columns = this.ops.get(device);
    if (!columns) this.ops.set(device, (columns = new Columns()));
    return columns;
  }

  /** The number of the last entry at or before a time. @param {number} t */
  at(t) {
    return upTo(this._times, t, this.edge + 1) - 1;
  }

  /**
   * The entry that is shown at a time while the film plays. Flash operations bear the instant of the call that made them,
   * though each takes a while: those of one instant are shown one after the other, until the next entry at the latest.
   * @param {number} t
   */
  shownAt(t) {
    const last = this.at(t);
    const instant = this._times[last];
    const first = border(last + 1, (place) => this._times[place] < instant);
    const rest = last < this.edge ? this._times[last + 1] - instant : Infinity;
    const count = last - first + 1;
    const spread = Math.min(rest, (count - 1) * OP_SHOWN_US);
    return spread > 0 ? Math.min(last, first + Math.floor((count * (t - instant)) / spread)) : last;
  }

  /** @param {number} n */
  timeOf(n) {
    return this._times[Math.max(0, Math.min(n, this.edge))];
  }

  /** How many events are at or before an entry. @param {number} n */
  eventsUpTo(n) {
    return border(this.events.length, (place) => this.events[place].n <= n);
  }

  /** The flash operation with this number, or null. @param {number} n @returns {FlashOp | null} */
  opAt(n) {
    const device = this._owner[n] ?? -1;
    if (device < 0) return null;
    const columns = this.opsOf(device);
    const index = upTo(columns.n, n, columns.length) - 1;
    if (index < 0 || columns.n[index] !== n) return null;
    return {
      n, t: columns.t[index], device, index, first: columns.first[index],
      pages: columns.pages[index], op: columns.op[index], cls: columns.cls[index],
    };
  }

  /** The event with this number, or null. @param {number} n */
  eventAt(n) {
    const event = this.events[this.eventsUpTo(n) - 1];
    return event && event.n === n ? event : null;
  }

  /**
   * The next entry of a class after n (before n, backwards), or 0 when there is none. Classes: `op` a flash operation
   * of the device, `message`, `boot`, `event`; -1 for the device is any.
   * @param {number} n @param {string} cls @param {number} device @param {boolean} [backwards]
   */
  step(n, cls, device, backwards = false) {
    if (cls === "op") {
      const columns = this.opsOf(device);
      const place = backwards ? upTo(columns.n, n - 1, columns.length) - 1 : upTo(columns.n, n, columns.length);
      return place >= 0 && place < columns.length ? columns.n[place] : 0;
    }
    const move = backwards ? -1 : 1;
    for (let i = backwards ? this.eventsUpTo(n - 1) - 1 : this.eventsUpTo(n); i >= 0 && i < this.events.length; i += move) {
      const event = this.events[i];
      if (belongs(event.kind, cls) && (device < 0 || event.device < 0 || event.device === device)) return event.n;
    }
    return 0;
  }

  /** The counts that hold at a position, or null. @param {{n: number, t: number}} at */
  countsAt(at) {
    return this.counts[border(this.counts.length, (place) => this.counts[place].t <= at.t && this.counts[place].n <= at.n) - 1] ?? null;
  }
}

const BOOT = /^(power\.|reset$|boot|bricked$|phase$|mini\.|update\.|app\.copied|reboot)/;
const MESSAGE = /^(mqtt\.|http)/;

/** Whether an event of a kind is one of a class of steps. @param {string} kind @param {string} cls */
export function belongs(kind, cls) {
  if (cls === "message") return MESSAGE.test(kind);
  if (cls === "boot") return BOOT.test(kind);
  return cls === "event";
}
