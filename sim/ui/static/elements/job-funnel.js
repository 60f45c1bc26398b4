/**
 * <job-funnel>: how many executions of a job are in each status: a bar, a sign and a number for each. Numbers are text.
 *
 * `show(counts)`: a mapping of status to number, AWS's names.
 */
import { STATUSES } from "../palette.js";
import { define } from "./base.js";

export class JobFunnel extends HTMLElement {
  /** @param {Record<string, number>} counts @param {string} [title] */
  show(counts, title = "") {
    const total = Object.values(counts).reduce((a, b) => a + b, 0);
    const rows = Object.entries(STATUSES).filter(([status]) => counts[status] || ["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED"].includes(status));
    const told = JSON.stringify([title, rows.map(([status]) => counts[status] ?? 0)]);
    if (told === this.dataset.told) return;
    this.dataset.told = told;
    this.replaceChildren(...(title ? [text("h3", title, "funnel-title")] : []), ...rows.map(([status, look]) => row(look, counts[status] ?? 0, total)));
  }
}

/** @param {import("../palette.js").Look} look @param {number} count @param {number} total */
function row(look, count, total) {
  const line = text("div", "", count ? "funnel-row" : "funnel-row none");
  const bar = text("span", "", "funnel-bar");
  const fill = text("span", "", "funnel-fill");
  fill.style.width = `${total ? (100 * count) / total : 0}%`;
  fill.style.background = look.colour;
  bar.append(fill);
  line.append(text("span", look.sign, "funnel-sign"), text("span", look.label, "funnel-label"), bar);
  line.append(text("span", count.toLocaleString("en"), "funnel-count"));
  /** @type {HTMLElement} */ (line.firstChild).style.cssText = `background:${look.colour};color:${look.ink}`;
  return line;
}

/** @param {string} tag @param {string} words @param {string} name */
function text(tag, words, name) {
  const element = document.createElement(tag);
  element.textContent = words;
  element.className = name;
  if (name === "funnel-sign") element.setAttribute("aria-hidden", "true");
  return element;
}

define("job-funnel", JobFunnel);
