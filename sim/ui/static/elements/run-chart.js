/**
 * <run-chart>: curves over simulated time, drawn by uPlot. `setSeries(labels, colours)`, then `setData([x, ...ys])` in
 * seconds; `cursor` is the time now. Lines also differ in their dashes, for those who do not see the colours.
 */
import { inks } from "../palette.js";
import { define } from "./base.js";

const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 2], [12, 4], [4, 4]];

/** @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const text = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return whole < 3600 ? text.slice(3) : text;
}

export class RunChart extends HTMLElement {
  constructor() {
    super();
    /** @type {uPlot | null} */
    this._plot = null;
    /** @type {{label: string, colour: string}[]} */
    this._series = [];
    /** @type {any[]} */
    this._data = [];
    this._cursor = -1;
    this._bars = false;
    /** @type {(value: number) => string} */
    this._x = clock;
    this._watch = new ResizeObserver(() => this._resize());
    this._themed = () => this._make();
    this._asked = false;
  }

  connectedCallback() {
    this.style.display = "block";
    this.setAttribute("role", "img");
    this._watch.observe(this);
    window.addEventListener("themechange", this._themed);
    this._make();
  }

  disconnectedCallback() {
    this._watch.disconnect();
    window.removeEventListener("themechange", this._themed);
    this._plot?.destroy();
    this._plot = null;
  }

  /** @param {{label: string, colour: string}[]} series @param {{bars?: boolean, x?: (value: number) => string}} [how] */
  setSeries(series, how = {}) {
    this._series = series;
    this._bars = how.bars ?? false;
    this._x = how.x ?? clock;
    this._make();
  }

  /** @param {any[]} data x and a column for each series */
  setData(data) {
    this._data = data;
    if (this._plot) this._plot.setData(data);
    else this._make();
    const last = this._series.map((one, i) => `${one.label} ${data[i + 1]?.at?.(-1) ?? 0}`);
    this.setAttribute("aria-label", `${this.title || "Chart"}: ${last.join(", ")}`);
  }

  /** @param {number} seconds */
  set cursor(seconds) {
    this._cursor = seconds;
    if (this._asked || !this._plot) return;
    this._asked = true;
    requestAnimationFrame(() => {
      this._asked = false;
      this._plot?.redraw(false);
    });
  }

  _resize() {
    if (!this._plot) this._make();
    else this._plot.setSize(this._room());
  }

  _room() {
    return { width: Math.max(160, this.clientWidth), height: Math.max(90, this.clientHeight - (this._series.length > 1 ? 30 : 6)) };
  }

  _make() {
    if (!this.isConnected || !this._series.length || !this._data.length || !this.clientWidth) return;
    this._plot?.destroy();
    const ink = inks();
    const axis = { stroke: ink.faint, grid: { stroke: ink.line, width: 1 }, ticks: { stroke: ink.line, width: 1 }, font: "13px system-ui, sans-serif" };
    const bars = this._bars ? { paths: uPlot.paths.bars({ size: [0.9, 60], align: 1 }), points: { show: false } } : { paths: uPlot.paths.stepped({ align: 1 }) };
    this._plot = new uPlot(
      {
        ...this._room(),
        legend: { show: this._series.length > 1, live: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: (/** @type {unknown} */ _u, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(1, high * 1.05)] } },
        axes: [
          { ...axis, values: (/** @type {unknown} */ _u, /** @type {number[]} */ marks) => marks.map(this._x) },
          { ...axis, size: 54, values: (/** @type {unknown} */ _u, /** @type {number[]} */ marks) => marks.map((mark) => (Number.isInteger(mark) ? mark.toLocaleString("en") : "")) },
        ],
        series: [
          {},
          ...this._series.map((one, i) => ({
            label: one.label, stroke: one.colour, width: 2.5, dash: this._bars ? [] : DASHES[i % DASHES.length],
            fill: this._bars ? one.colour : undefined, points: { show: false }, ...bars,
          })),
        ],
        hooks: { draw: [(/** @type {uPlot} */ plot) => this._now(plot)] },
      },
      this._data,
      this,
    );
  }

  /** @param {uPlot} plot */
  _now(plot) {
    if (this._cursor < 0) return;
    const x = plot.valToPos(this._cursor, "x", true);
    const { left, top, width, height } = plot.bbox;
    if (x < left || x > left + width) return;
    plot.ctx.save();
    plot.ctx.strokeStyle = inks().text;
    plot.ctx.lineWidth = 2;
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, top);
    plot.ctx.lineTo(x, top + height);
    plot.ctx.stroke();
    plot.ctx.restore();
  }
}

define("run-chart", RunChart);
