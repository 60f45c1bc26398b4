/**
 * <event-timeline>: the events around a position as a list, with a lane sign, the time and one sentence each.
 *
 * `events` (shared, in order, grows), `filter(event)`, `lanes` the names of those shown; `show(n)` moves to a position.
 * Only what is near it is in the document, however long the film is. Tells `seek` {n} and shows an event's data when opened.
 */
import { LANES, laneOf, time } from "../words.js";
import { border } from "../film.js";
import { define } from "./base.js";

const BEFORE = 40;
const AFTER = 12;

export class EventTimeline extends HTMLElement {
  constructor() {
    super();
    /** @type {import("../film.js").FilmEvent[]} */
    this.events = [];
    /** @type {(event: import("../film.js").FilmEvent) => boolean} */
    this.filter = () => true;
    this.lanes = new Set(LANES.map((lane) => lane.name));
    this._list = document.createElement("ol");
    this._list.className = "timeline";
    this._told = "";
    this._open = 0;
  }

  connectedCallback() {
    if (this._list.isConnected) return;
    const bar = document.createElement("div");
    bar.className = "timeline-lanes";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Kinds of events");
    for (const lane of LANES) bar.append(this._laneButton(lane));
    this.append(bar, this._list);
  }

  /** @param {import("../words.js").Lane} lane */
  _laneButton(lane) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `lane lane-${lane.name}`;
    button.textContent = lane.label;
    button.setAttribute("aria-pressed", "true");
    button.onclick = () => {
      if (!this.lanes.delete(lane.name)) this.lanes.add(lane.name);
      button.setAttribute("aria-pressed", String(this.lanes.has(lane.name)));
      this._told = "";
      this.show(this._n ?? 0);
    };
    return button;
  }

  /** @param {number} n */
  show(n) {
    this._n = n;
    const near = this._near(n);
    const told = `${near.map((event) => event.n)}|${this._open}|${near.filter((event) => event.n <= n).at(-1)?.n}`;
    if (told === this._told) return;
    this._told = told;
    const now = near.filter((event) => event.n <= n).at(-1);
    this._list.replaceChildren(...near.map((event) => this._row(event, event === now, event.n > n)));
    if (!near.length) this._list.append(Object.assign(document.createElement("li"), { className: "timeline-none", textContent: "nothing yet" }));
    const current = this._list.querySelector(".now");
    if (current) this._list.scrollTop = /** @type {HTMLElement} */ (current).offsetTop - this._list.clientHeight * 0.6; // the list is positioned
  }

  /** @param {number} n */
  _near(n) {
    const wanted = (/** @type {import("../film.js").FilmEvent} */ event) => this.lanes.has(laneOf(event.kind).name) && this.filter(event);
    const here = border(this.events.length, (place) => this.events[place].n <= n);
    const found = [];
    for (let i = here - 1; i >= 0 && found.length < BEFORE; i--) if (wanted(this.events[i])) found.unshift(this.events[i]);
    const least = found.length + AFTER;
    for (let i = here; i < this.events.length && found.length < least; i++) if (wanted(this.events[i])) found.push(this.events[i]);
    return found;
  }

  /** @param {import("../film.js").FilmEvent} event @param {boolean} now @param {boolean} later */
  _row(event, now, later) {
    const item = document.createElement("li");
    const lane = laneOf(event.kind);
    item.className = `${now ? "now " : ""}${later ? "later" : ""}`;
    if (now) item.setAttribute("aria-current", "step");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "event";
    button.append(span(lane.sign, `sign lane-${lane.name}`), span(time(event.t), "at"), span(event.say || event.kind, "say"));
    button.onclick = () => {
      this._open = this._open === event.n ? 0 : event.n;
      this._told = "";
      this.dispatchEvent(new CustomEvent("seek", { detail: { n: event.n }, bubbles: true }));
      this.show(event.n);
    };
    item.append(button);
    if (event.n === this._open) {
      const data = document.createElement("pre");
      data.tabIndex = 0;
      data.textContent = `${event.kind}\n${JSON.stringify(event.data, plainer, 1)}`;
      item.append(data);
    }
    return item;
  }
}

/** Payloads are JSON in a string; people want to read what is in them. @param {string} key @param {unknown} value */
function plainer(key, value) {
  if (key !== "payload" || typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** @param {string} text @param {string} name */
function span(text, name) {
  const element = document.createElement("span");
  element.textContent = text;
  element.className = name;
  return element;
}

define("event-timeline", EventTimeline);
