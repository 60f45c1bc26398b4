/**
 * What the user does to a run, at the position: in a run that is a film, a second future of it; in a served cloud, now.
 *
 * Rules: an act of a film is an injection (docs/film.md), the server makes the branch, and the page goes to it, to the
 * very entry. What the server refuses is shown in its own words.
 */

/** @typedef {import("./app.js").Page} Page */

/** How long the power stays off, and a link is gone, when a button says so. */
const OFF_FOR = "5s";
const LINK_GONE_FOR = "30s";
/** How often, and how soon, it is looked whether time stands again. */
const LOOKS = 40;
const LOOK_MS = 250;
/** Entries that come of an injection at once: that it happened, and what was made of it. */
const AFTER = 3;
/** @param {Page} page @param {Record<string, any>} injection */
async function branch(page, injection) {
  const { n } = page.player;
  const { id } = await page.link.ask(`api/films/${page.filmId}/branch`, { injection: { n, ...injection } });
  page.pair = [page.filmId, id];
  page.set({ notice: "The run is made again up to this entry …" });
  const film = await page.link.filmOnce(id, (one) => one.edge >= n + AFTER);
  await page.showFilm(id, Math.max(n, tornOp(film, n)));
  const refused = film.events.find((event) => event.n > n && event.n <= n + AFTER && event.kind === "order.refused");
  page.notice = refused ? `The cloud refused: ${refused.data.reason}` : `This is future ${id}, from entry ${n} on. Press play to see what becomes of it; “What if” shows both side by side.`;
}

/** The operation that a cut at an entry has torn, or 0. @param {import("./film.js").Film} film @param {number} n */
function tornOp(film, n) {
  for (let at = n; at <= n + AFTER; at++) if ((film.opAt(at)?.op ?? 0) >= 2) return at;
  return 0;
}

/** @param {Page} page @param {() => Promise<unknown>} act */
async function busy(page, act) {
  page.set({ busy: true, notice: "" });
  try {
    await act();
  } catch (error) {
    page.notice = /** @type {Error} */ (error).message;
  } finally {
    page.set({ busy: false });
  }
}

/** @param {Page} page */
const named = (page) => page.film.head.devices[page.device]?.name ?? "";

/** Whether the device is off now, at the edge of a served cloud. @param {Page} page */
export const isOff = (page) => Boolean(page.film.head.live) && page.scene.state(page.device, page.player) === "off";

/** Off, or on again where it is off in a served cloud. @param {Page} page */
export function cutPower(page) {
  const device = named(page);
  return busy(page, () => (page.film.head.live
    ? page.link.ask("api/orders", { do: "power", device, to: isOff(page) ? "on" : "cut" })
    : branch(page, { device, what: "power_cut", off_for: OFF_FOR })));
}

/** @param {Page} page */
export function dropLink(page) {
  const device = named(page);
  const to = page.scene.state(page.device, page.player) === "no_network" ? "up" : "down";
  return busy(page, () => (page.film.head.live
    ? page.link.ask("api/orders", { do: "net", device, to })
    : branch(page, { device, what: "link_loss", for: LINK_GONE_FOR })));
}

/** The time of a served cloud stands, or goes on. @param {Page} page */
export const holdTime = (page) => page.link.send({ clock: page.clock?.paused ? "resume" : "pause" });

/** The time of a served cloud goes on until something happens; how it stands is asked for until it stands. @param {Page} page */
export async function nextThing(page) {
  page.link.send({ clock: "step" });
  for (let looked = 0; looked < LOOKS; looked++) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    page.link.send({ clock: "show" });
    if (page.clock?.paused) return;
  }
}

/** One bit of the first byte of the chosen page, else of what was written last. @param {Page} page */
export function corruptByte(page) {
  const flash = page.film.head.flash[page.device];
  const last = flash ? page.scene.lastOf(page.device, page.player.n).op : null;
  const address = !flash ? -1 : page.chosenPage >= 0 ? page.chosenPage * flash.page_bytes : last ? last.first * flash.page_bytes : -1;
  if (address < 0) return page.say("Choose a place on the map first: a bit of the first byte of that page is flipped.");
  return busy(page, () => branch(page, { device: named(page), what: "flip_bit", address }));
}

/** @param {Page} page @param {Record<string, any>} job CreateJob's members */
export async function createJob(page, job) {
  if (page.clock?.paused) throw new Error("The time of the cloud stands, and it answers nobody: let it go first.");
  page.set({ busy: true });
  try {
    if (page.film.head.live) await page.link.ask("api/jobs", job);
    else await branch(page, { what: "create_job", ...job });
    page.set({ making: false, formError: "", job: job.jobId });
  } finally {
    page.set({ busy: false });
  }
}

/** Another film on one side of the comparison. @param {Page} page @param {number} side @param {number} id */
export function compareWith(page, side, id) {
  page.pair = page.pair.map((one, i) => (i === side ? id : one));
  return loadPair(page);
}

/** Both films of the comparison, and in what they differ. @param {Page} page */
export async function loadPair(page) {
  const ids = page.link.listed.map((one) => one.id);
  if (ids.length < 2) return;
  if (page.pair[0] === page.pair[1]) page.pair = [ids[0], ids[ids.length - 1]];
  page.diff = null;
  page.render();
  try {
    await Promise.all(page.pair.map((id) => page.link.film(id)));
    page.diff = await page.link.ask(`api/diff?a=${page.pair[0]}&b=${page.pair[1]}`);
  } catch (error) {
    page.notice = /** @type {Error} */ (error).message;
  }
  page.render();
}
