/**
 * What the page has in its hand: the film shown, the folds of it, the device looked at; and what is true right now.
 *
 * Rules: no markup. Folds are made once for a film and a device and live as long as the film is shown.
 */
import { FleetFold, FlashFold } from "./folds.js";
import { upTo } from "./film.js";
import { opSentence } from "./words.js";

const LOOK_BACK = 5000;

export class Scene {
  /** @param {import("./film.js").Film} film */
  constructor(film) {
    this.film = film;
    this.fleet = new FleetFold(film);
    this._probe = new FleetFold(film);
    /** @type {Map<string, FlashFold>} */
    this._folds = new Map();
    /** @type {Map<number, {events: number, frames: import("./elements/film-strip.js").Frame[]}>} */
    this._stops = new Map();
    /** @type {Map<number, {done: number, names: Set<string>}>} */
    this._touched = new Map();
  }

  /** @param {number} device */
  isFilmed(device) {
    return Boolean(this.film.head.flash?.[device]);
  }

  /** The flash of a device; another `use` is another fold, which may stand elsewhere. @param {number} device @param {string} [use] */
  flash(device, use = "map") {
    const key = `${device} ${use}`;
    let fold = this._folds.get(key);
    if (fold) return fold;
    fold = new FlashFold(this.film, device, use === "map" ? undefined : this.flash(device));
    this._folds.set(key, fold);
    return fold;
  }

  /** Names of the partitions that operations of this film touch, as far as it is here. @param {number} device */
  touched(device) {
    let known = this._touched.get(device);
    if (!known) this._touched.set(device, (known = { done: 0, names: new Set() }));
    const columns = this.film.opsOf(device);
    const { partitions, page_bytes } = this.film.head.flash[device];
    for (; known.done < columns.length; known.done++) {
      const at = columns.first[known.done] * page_bytes;
      const room = partitions.find((/** @type {any} */ one) => at >= one.offset && at < one.offset + one.bytes);
      known.names.add(room ? room.name : "(free)");
    }
    return known.names;
  }

  /** Starts and stops of a device, for the film strip. @param {number} device @returns {import("./elements/film-strip.js").Frame[]} */
  stops(device) {
    const titles = /** @type {Record<string, string>} */ ({
      "power.on": "Power on", boot: "Boot", "mini.boot": "Mini system", "power.cut": "Power cut", bricked: "Bricked", "power.down": "Power down",
    });
    const known = this._stops.get(device);
    if (known?.events === this.film.events.length) return known.frames;
    const frames = this.film.events
      .filter((event) => event.device === device && titles[event.kind])
      .map((event) => ({
        n: event.n, t: event.t, why: event.say,
        title: event.kind === "boot" ? `Boot ${event.data.boot ?? ""}` : titles[event.kind],
        bad: event.kind === "power.cut" || event.kind === "bricked",
      }));
    this._stops.set(device, { events: this.film.events.length, frames });
    return frames;
  }

  /** The last thing that happened to a device, or to the jobs, up to an entry. @param {number} device @param {number} n */
  lastOf(device, n) {
    const columns = this.film.opsOf(device);
    const op = upTo(columns.n, n, columns.length) - 1;
    const opN = op >= 0 ? columns.n[op] : 0;
    let place = this.film.eventsUpTo(n) - 1;
    for (let looked = 0; place >= 0 && looked < LOOK_BACK; place--, looked++) {
      const event = this.film.events[place];
      if (event.n < opN) break;
      if (event.device === device || event.device < 0 || device < 0) return { n: event.n, event, op: null };
    }
    return opN ? { n: opN, event: null, op: this.film.opAt(opN) } : { n: 0, event: null, op: null };
  }

  /** In a sentence. @param {number} device @param {number} n */
  sentence(device, n) {
    const { event, op } = this.lastOf(device, n);
    if (op) {
      const flash = this.film.head.flash[op.device];
      const sector = Math.floor((op.first * flash.page_bytes) / flash.sector_bytes);
      return opSentence(op, flash, this.flash(op.device, "words").seek(n).wear[sector]);
    }
    return event ? event.say || event.kind : "Nothing has happened yet. Press play, or step.";
  }

  /** The state of a device at a position, by name. @param {number} device @param {{n: number, t: number}} at */
  state(device, at) {
    return this.film.head.states[this._probe.seek(at).states[device] ?? 0]?.name ?? "off";
  }

  /** Executions of a job at an entry, as far as events tell. @param {string} job @param {number} n */
  executions(job, n) {
    /** @type {Map<number, {device: number, status: string, t: number, queued: number, started: number, number: number, details: any}>} */
    const found = new Map();
    for (const event of this.film.events) {
      if (event.n > n) break;
      if (event.kind !== "execution" || event.data.job !== job) continue;
      const { device, data, t } = event;
      const before = found.get(device);
      if (data.new === null) found.delete(device);
      else if (data.old === null || !before) {
        found.set(device, { device, status: data.new, t, queued: t, started: 0, number: (before?.number ?? 0) + 1, details: data.details });
      } else Object.assign(before, { status: data.new, t, details: data.details, started: before.started || (data.new === "IN_PROGRESS" ? t : 0) });
    }
    return [...found.values()];
  }

  /** Numbers of executions by status for each job, from the counts of the film. @param {{n: number, t: number}} at @returns {Record<string, Record<string, number>>} */
  jobs(at) {
    return this.film.countsAt(at)?.jobs ?? {};
  }
}
