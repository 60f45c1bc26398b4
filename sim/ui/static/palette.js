/**
 * Colours and signs of everything that is drawn. One place, so that page, report and legend agree.
 *
 * Rules: the hues are Okabe and Ito's, which people with any colour vision can tell apart, and nothing is told by hue
 * alone: states have a sign, page classes differ in lightness and the odd ones are hatched or crossed.
 */

/** @typedef {{colour: string, sign: string, label: string, ink: string}} Look */

/** @type {Record<string, Look>} By name of the state, as the film's head has it. */
export const STATES = {
  off: { colour: "#8a8f98", sign: "–", label: "off", ink: "#000" },
  booting: { colour: "#f0e442", sign: "↑", label: "booting", ink: "#000" },
  running: { colour: "#b8c4d0", sign: "·", label: "running", ink: "#000" },
  waiting: { colour: "#d5dbe1", sign: "z", label: "asleep", ink: "#000" },
  downloading: { colour: "#56b4e9", sign: "↓", label: "downloading", ink: "#000" },
  verifying: { colour: "#cc79a7", sign: "?", label: "verifying", ink: "#000" },
  applying: { colour: "#e69f00", sign: "≡", label: "applying", ink: "#000" },
  minimal: { colour: "#b07800", sign: "m", label: "minimal system", ink: "#000" },
  reporting: { colour: "#8fd3c0", sign: "→", label: "reporting", ink: "#000" },
  succeeded: { colour: "#009e73", sign: "✓", label: "succeeded", ink: "#000" },
  failed: { colour: "#d55e00", sign: "×", label: "failed", ink: "#000" },
  no_network: { colour: "#7a5195", sign: "∅", label: "no network", ink: "#fff" },
  bricked: { colour: "#1b1b1b", sign: "■", label: "bricked", ink: "#fff" },
};

/** @param {string} name @returns {Look} */
export const stateLook = (name) => STATES[name] ?? { colour: "#8a8f98", sign: "?", label: name, ink: "#000" };

/** Statuses of job executions, in the order of a funnel. @type {Record<string, Look>} */
export const STATUSES = {
  QUEUED: { colour: "#b8c4d0", sign: "·", label: "Queued", ink: "#000" },
  IN_PROGRESS: { colour: "#56b4e9", sign: "▸", label: "In progress", ink: "#000" },
  SUCCEEDED: { colour: "#009e73", sign: "✓", label: "Succeeded", ink: "#000" },
  FAILED: { colour: "#d55e00", sign: "×", label: "Failed", ink: "#000" },
  TIMED_OUT: { colour: "#e69f00", sign: "◷", label: "Timed out", ink: "#000" },
  REJECTED: { colour: "#cc79a7", sign: "⊘", label: "Rejected", ink: "#000" },
  CANCELED: { colour: "#8a8f98", sign: "–", label: "Canceled", ink: "#000" },
  REMOVED: { colour: "#6b7078", sign: "⌫", label: "Removed", ink: "#fff" },
};

/** By number of the page class: as film.js has them. */
export const PAGES = {
  light: ["#ffffff", "#a9b4c0", "#0072b2", "#d55e00", "#e69f00", "#000000"],
  dark: ["#141a22", "#5c6a79", "#56b4e9", "#ff7a1a", "#f5b82e", "#ffffff"],
};
export const PAGE_LABELS = ["erased", "old", "new", "torn", "journal", "bad"];

/** Whether the page is dark: what the user chose, else what the system says. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** What canvases draw text and lines with. */
export function inks() {
  return isDark()
    ? { text: "#e8edf2", faint: "#9aa7b4", line: "#33404d", ground: "#0f141a", panel: "#18202a", accent: "#7cc7f5" }
    : { text: "#14202b", faint: "#566573", line: "#d4dbe2", ground: "#f4f6f8", panel: "#ffffff", accent: "#0a5c8f" };
}

/** Lightness of wear: 0 never, 1 as much as the most worn sector shown. Cividis, sampled. @param {number} share */
export function wearColour(share) {
  const stops = ["#00224e", "#2a3f6d", "#575d6d", "#7d7c78", "#a59c74", "#d2c060", "#fee838"];
  return stops[Math.min(stops.length - 1, Math.floor(share * stops.length))];
}
