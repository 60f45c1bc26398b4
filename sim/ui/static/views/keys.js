/** What keys do, and the page that says so. */
import { html } from "../vendor/lit-html.js";
import { corruptByte, cutPower, dropLink, holdTime } from "../acts.js";
import { CLASSES } from "../player.js";

/** @typedef {import("../app.js").Page} Page */

const KEYS = [
  ["Space", "play and pause"],
  ["→  ←", "step on and back: the next flash operation, message, boot phase or event"],
  ["Shift + →  ←", "step by the next class: flash op, message, boot phase, event"],
  ["1  2  3  4", "choose the class of a step"],
  ["+  −", "faster and slower"],
  ["Home  End", "start and end of the film"],
  ["c", "cut the power here"],
  ["d", "drop the link here"],
  ["x", "corrupt a byte of the chosen sector here"],
  ["h", "hold the time of a served cloud, and let it go"],
  ["f  j  w", "fleet, jobs, what if"],
  ["m", "contents or wear of the flash"],
  ["t", "dark or light"],
  ["?", "this page"],
];

/** A modal dialog: the browser keeps the focus in it, closes it with Escape, and gives the focus back. */
export function help() {
  const close = () => dialog()?.close();
  return html`
    <dialog class="help" id="help" aria-labelledby="help-title">
      <div class="panel-head"><h2 id="help-title">Keys</h2><button type="button" @click=${close}>Close</button></div>
      <dl class="keys">${KEYS.map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
      <p>A film is everything that could be observed in a run. Play it, step through it, go back: nothing is run again. Cutting the power,
      dropping the link or corrupting a byte runs the scenario again from its seed up to this very entry, and from there on differently.</p>
    </dialog>
  `;
}

const dialog = () => /** @type {HTMLDialogElement | null} */ (document.getElementById("help"));

export const openHelp = () => dialog()?.showModal();

/** Whether keys are for what has the focus. @param {EventTarget | null} target */
function takesKeys(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** @param {Page} page @param {KeyboardEvent} event */
export function keyPressed(page, event) {
  if (!page.film || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (dialog()?.open || takesKeys(event.target)) return;
  const onButton = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
  if (event.key === " " && onButton && event.target instanceof HTMLElement && event.target.id !== "play") return;
  const done = actions(page)[event.key];
  if (!done) return;
  event.preventDefault();
  done(event);
}

/** @param {Page} page @returns {Record<string, (event: KeyboardEvent) => void>} */
function actions(page) {
  const { player } = page;
  const choose = (/** @type {number} */ place) => {
    player.cls = CLASSES[(place + CLASSES.length) % CLASSES.length].name;
    page.render();
  };
  const step = (/** @type {boolean} */ back) => (/** @type {KeyboardEvent} */ event) => {
    const place = CLASSES.findIndex((one) => one.name === player.cls);
    player.step(back, event.shiftKey ? CLASSES[(place + 1) % CLASSES.length].name : player.cls);
  };
  return {
    " ": () => player.toggle(),
    ArrowRight: step(false),
    ArrowLeft: step(true),
    "1": () => choose(0), "2": () => choose(1), "3": () => choose(2), "4": () => choose(3),
    "+": () => { player.faster(1); page.render(); },
    "-": () => { player.faster(-1); page.render(); },
    Home: () => player.seek(0),
    End: () => player.seek(Infinity),
    c: () => cutPower(page),
    d: () => dropLink(page),
    x: () => corruptByte(page),
    h: () => { if (page.film.head.live) holdTime(page); },
    f: () => page.go("fleet"),
    j: () => page.go("jobs"),
    w: () => page.go("compare"),
    m: () => page.set({ mode: page.mode === "wear" ? "contents" : "wear" }),
    t: () => page.theme(),
    "?": openHelp,
  };
}
