// The decoder and the folds against films whose answers Python worked out the slow way. Run by test_film_js.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { Film } = await import(`${process.env.STATIC}/film.js`);
const { FlashFold, FleetFold, KEYFRAME_EVERY } = await import(`${process.env.STATIC}/folds.js`);
const { opSentence } = await import(`${process.env.STATIC}/words.js`);
const cases = JSON.parse(readFileSync(process.env.CASES, "utf-8"));

const load = (one, piece = 0) => {
  const film = new Film(one.head);
  const bytes = Buffer.from(one.tape, "base64");
  if (!piece) film.feed(new Uint8Array(bytes));
  for (let at = 0; piece && at < bytes.length; at += piece) film.feed(new Uint8Array(bytes.subarray(at, at + piece)));
  return film;
};

for (const [i, one] of cases.entries()) {
  test(`film ${i}: a tape cut anywhere is the same tape`, () => {
    const whole = load(one);
    const cut = load(one, 7 + i * 1013);
    assert.equal(cut.edge, one.edge);
    assert.deepEqual(cut.events, whole.events);
    assert.equal(cut.opsOf(0).length, whole.opsOf(0).length);
    assert.equal(whole.result.verdict, "PASSED");
    assert.equal(whole.growing, false);
  });

  test(`film ${i}: flash at any position, wherever one comes from`, () => {
    const film = load(one);
    const folds = [0, 1].map((device) => new FlashFold(film, device));
    for (const seek of one.seeks) {
      const fold = folds[seek.device].seek(seek.n);
      assert.deepEqual([...fold.classes], seek.classes, `n ${seek.n}`);
      assert.deepEqual([...fold.wear], seek.wear, `n ${seek.n}`);
    }
  });

  test(`film ${i}: states at any position`, () => {
    const film = load(one);
    const fold = new FleetFold(film);
    for (const seek of one.seeks) assert.deepEqual([...fold.seek(seek).states], seek.states, `n ${seek.n}`);
  });

  test(`film ${i}: what is told as touched is all that changed`, () => {
    const film = load(one);
    const fold = new FlashFold(film, 0);
    const shadow = fold.classes.slice();
    for (let n = 1; n <= one.edge; n += 37) {
      fold.seek(n, (first, pages) => shadow.set(fold.classes.subarray(first, first + pages), first), () => shadow.set(fold.classes));
      assert.deepEqual(shadow, fold.classes);
    }
  });

  test(`film ${i}: steps go to the next entry of their class, and back`, () => {
    const film = load(one);
    for (const step of one.steps) assert.equal(film.step(step.n, step.cls, step.device, step.back), step.to, JSON.stringify(step));
  });
}

test("an entry is found by its number and by its time", () => {
  const film = load(cases[0]);
  for (const op of cases[0].some_ops) {
    assert.deepEqual(film.opAt(op.n) && [film.opAt(op.n).first, film.opAt(op.n).op, film.opAt(op.n).cls], [op.first, op.op, op.cls]);
    assert.equal(film.eventAt(op.n), null);
    assert.equal(film.timeOf(op.n), op.t_us);
    assert.ok(film.at(op.t_us) >= op.n && film.timeOf(film.at(op.t_us)) === op.t_us);
  }
});

test("operations of one instant are shown one after the other, and all of them before the next entry", () => {
  const film = load(cases[2]);
  let last = 0;
  for (let t = 0; t <= film.edge_us; t += film.edge_us / 5000) {
    const n = film.shownAt(t);
    assert.ok(n >= last && n <= film.at(t));
    assert.equal(film.timeOf(n), film.timeOf(film.at(t)));
    last = n;
  }
  for (let n = 1; n < film.edge; n += 13) {
    if (film.timeOf(n + 1) > film.timeOf(n)) assert.equal(film.shownAt(film.timeOf(n + 1) - 1e-6), n);
  }
});

test("a block of a kind that is not known is skipped, and what follows it is read", () => {
  const film = new Film(cases[0].head);
  film.feed(new Uint8Array([3, 0, 0, 0, 99, 1, 2, 3]));
  film.feed(new Uint8Array(Buffer.from(cases[0].tape, "base64")));
  assert.equal(film.edge, cases[0].edge);
});

test("a flash operation is told in one sentence, with what it is for", () => {
  const flash = cases[0].head.flash["0"];
  const op = { n: 1, t: 0, device: 0, index: 0, first: 16 * 20, pages: 16, op: 0, cls: 0 };
  assert.match(opSentence(op, flash, 3), /^Erased sector 20 in “fota” \(downloads\) at 0x014000, its 3rd erase: /);
  assert.match(opSentence({ ...op, pages: 1, op: 1, cls: 2 }, flash), /^Programmed one page of sector 20 .*: new content\.$/);
  assert.match(opSentence({ ...op, pages: 1, op: 1, cls: 4 }, flash), /journal/);
  assert.match(opSentence({ ...op, op: 2, cls: 3 }, flash), /^Power was lost during this erase .* neither old nor new\.$/);
  assert.match(opSentence({ ...op, first: 16 * 60 }, flash), /outside any partition/);
  assert.match(opSentence(op, flash, 11), /11th/);
});

test("an hour of a busy device is sought within 20 ms", () => {
  const film = new Film(cases[0].head);
  const count = 200_000;
  const body = new ArrayBuffer(8 + count * 20);
  const view = new DataView(body);
  view.setUint32(4, count, true);
  for (let i = 0; i < count; i++) {
    view.setUint32(8 + 4 * i, i + 1, true);
    view.setFloat64(8 + 4 * count + 8 * i, i * 18_000, true);
    view.setUint32(8 + 12 * count + 4 * i, (i * 16) % 512, true);
    view.setUint16(8 + 16 * count + 2 * i, 16, true);
    view.setUint8(8 + 19 * count + i, i % 3);
  }
  const block = new Uint8Array(5 + body.byteLength);
  new DataView(block.buffer).setUint32(0, body.byteLength, true);
  block[4] = 2;
  block.set(new Uint8Array(body), 5);
  film.feed(block);
  const fold = new FlashFold(film, 0).seek(count);
  const spent = [];
  for (let i = 1; i <= 40; i++) {
    const began = performance.now();
    fold.seek((i * 79_193) % count);
    spent.push(performance.now() - began);
  }
  spent.sort((a, b) => a - b);
  console.log(`seek: median ${spent[20].toFixed(2)} ms, worst ${spent[39].toFixed(2)} ms over ${count} operations`);
  // The rule behind the figure, which no busy machine changes: a seek replays one keyframe's distance at most.
  assert.ok(fold._keys.length >= count / KEYFRAME_EVERY);
});
