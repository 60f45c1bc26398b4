/**
 * <device-console>: what the device printed and logged up to a position, newest at the bottom.
 *
 * `events` (shared, in order, grows), `device` its number; `show(n)`. It holds the last LINES only.
 */
import { border } from "../film.js";
import { consoleLine, isSaid, time } from "../words.js";
import { define } from "./base.js";

const LINES = 300;

export class DeviceConsole extends HTMLElement {
  constructor() {
    super();
    /** @type {import("../film.js").FilmEvent[]} */
    this.events = [];
    this.device = 0;
    this._told = "";
    this._text = document.createElement("pre");
    this._text.className = "console";
    this._text.tabIndex = 0;
    this._text.setAttribute("role", "log");
    this._text.setAttribute("aria-live", "off");
    this._text.setAttribute("aria-label", "Console of the device");
  }

  connectedCallback() {
    if (!this._text.isConnected) this.append(this._text);
  }

  /** @param {number} n */
  show(n) {
    const lines = [];
    for (let i = border(this.events.length, (place) => this.events[place].n <= n) - 1; i >= 0 && lines.length < LINES; i--) {
      const event = this.events[i];
      if (event.device !== this.device) continue;
      if (isSaid(event.kind)) lines.unshift(`${time(event.t)}  ${consoleLine(event)}`);
      else if (event.kind === "boot" || event.kind === "power.cut") lines.unshift(`${time(event.t)}  —— ${event.say || event.kind}`);
    }
    const told = lines.join("\n") || "(nothing printed yet)";
    if (told === this._told) return;
    this._told = told;
    this._text.textContent = told;
    this._text.scrollTop = this._text.scrollHeight;
  }
}

define("device-console", DeviceConsole);
