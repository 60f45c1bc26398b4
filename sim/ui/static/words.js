/**
 * Words for what a film holds: times, lanes of events, and the sentence of a flash operation.
 *
 * Rules: an event brings its own sentence (`say`); only flash operations, of which there are thousands, are put into
 * words here, from the head's description of the flash.
 */
import { OPS } from "./film.js";

/** @param {number} t_us @param {number} [digits] */
export function time(t_us, digits = 3) {
  const whole = Math.floor(t_us / 1e6);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  const text = (whole < 3600 ? parts.slice(1) : parts).join(":");
  return digits ? `${text}.${String(Math.floor(t_us % 1e6)).padStart(6, "0").slice(0, digits)}` : text;
}

/** @typedef {{name: string, sign: string, label: string, test: RegExp}} Lane */

/** Lanes of the timeline, from the cloud down to the device. @type {Lane[]} */
export const LANES = [
  { name: "job", sign: "J", label: "jobs", test: /^(job|execution)/ },
  { name: "mqtt", sign: "M", label: "MQTT", test: /^mqtt\./ },
  { name: "http", sign: "H", label: "HTTP", test: /^http/ },
  { name: "power", sign: "P", label: "power, boot", test: /^(power\.|reset$|boot|bricked$|mini\.|link\.|fault|psm)/ },
  { name: "update", sign: "U", label: "update", test: /^(phase$|update\.|app\.|fota\.|backup\.)/ },
  { name: "script", sign: "S", label: "script", test: /./ },
];

/** @param {string} kind @returns {Lane} */
export const laneOf = (kind) => /** @type {Lane} */ (LANES.find((lane) => lane.test.test(kind)));

const SAYS = /^(print|log|warning|traceback|console|console\.in|exit|uart\.in|uart\.out|hung)$/;

/** Whether an event is something that the script or the console said. @param {string} kind */
export const isSaid = (kind) => SAYS.test(kind);

/** What a console line reads. @param {import("./film.js").FilmEvent} event */
export function consoleLine(event) {
  const { kind, data } = event;
  if (kind === "log") return `[${data.level}] ${data.name}: ${data.text}`;
  if (kind === "uart.in" || kind === "uart.out") return `UART${data.port ?? ""} ${kind === "uart.in" ? "<" : ">"} ${data.bytes ?? ""} bytes`;
  return String(data.text ?? data.line ?? event.say ?? kind);
}

/**
 * What a flash operation did and why, in one sentence.
 * @param {import("./film.js").FlashOp} op @param {import("./film.js").FlashHead} flash @param {number} [erases] of that sector, this one included
 */
export function opSentence(op, flash, erases = 0) {
  const per = flash.sector_bytes / flash.page_bytes;
  const sector = Math.floor(op.first / per);
  const address = op.first * flash.page_bytes;
  const room = flash.partitions.find((one) => address >= one.offset && address < one.offset + one.bytes);
  const where = room ? `in “${room.name}”${room.use ? ` (${room.use})` : ""}` : "outside any partition";
  const at = `0x${address.toString(16).padStart(6, "0")}`;
  if (op.op === 0) {
    const times = erases > 1 ? `, its ${ordinal(erases)} erase` : "";
    const many = op.pages > per ? `${op.pages / per} sectors from ${sector}` : `sector ${sector}`;
    return `Erased ${many} ${where} at ${at}${times}: bits can only be cleared, so old content must go before new is written.`;
  }
  if (op.op === 1) {
    const many = op.pages > 1 ? `${op.pages} pages` : "one page";
    const what = op.cls === 4 ? "a record of the journal, so that a restart knows where to go on" : op.cls === 0 ? "nothing but ones" : "new content";
    return `Programmed ${many} of sector ${sector} ${where} at ${at}: ${what}.`;
  }
  return `Power was lost during this ${OPS[op.op].slice(5)} of sector ${sector} ${where} at ${at}: what is there now is neither old nor new.`;
}

/** @param {number} number */
function ordinal(number) {
  const ending = number % 100 > 10 && number % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number}${ending}`;
}

/** JSON in lines, whether it comes as a value or as text; other text as it is. @param {unknown} text @returns {string} */
export function pretty(text) {
  if (typeof text !== "string") return JSON.stringify(text, null, 2);
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
