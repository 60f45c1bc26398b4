/**
 * Where each sector of a flash is drawn: partitions under one another, sectors in rows beside their names.
 *
 * Rules: pure geometry. The cell is the largest square that lets everything fit. Partitions that no entry of the film
 * touches take one row together, however big they are: what happens gets the room.
 */

const NAME_SIZE = 13;
const LABEL_WIDTH = 138;
const GAP = 6;
const CELL_MAX = 28;
const CELL_MIN = 4;
const FOLDED_HEIGHT = 15;

/**
 * @typedef {import("../film.js").Partition} Partition
 * @typedef {{partition: Partition, first: number, sectors: number, folded: boolean, y: number, height: number}} Room
 * @typedef {{rooms: Room[], cell: number, columns: number, left: number, height: number}} Plan
 */

/**
 * @param {{bytes: number, sector_bytes: number, partitions: Partition[]}} flash
 * @param {(room: Partition) => boolean} quiet whether a partition is folded @param {number} width @param {number} height
 * @returns {Plan}
 */
export function plan(flash, quiet, width, height) {
  const all = withGaps(flash);
  const left = width < 420 ? 84 : LABEL_WIDTH;
  for (let cell = CELL_MAX; ; cell--) {
    const columns = columnsFor(cell, width - left);
    /** @type {Room[]} */
    const rooms = [];
    let y = 2;
    for (const partition of all) {
      const first = partition.offset / flash.sector_bytes;
      const sectors = Math.ceil(partition.bytes / flash.sector_bytes);
      const folded = quiet(partition);
      const above = rooms[rooms.length - 1];
      if (folded && above?.folded) {
        above.sectors += sectors;
        above.partition = { ...above.partition, name: `${above.partition.name}, ${partition.name}`, bytes: above.partition.bytes + partition.bytes };
        continue;
      }
      const tall = folded ? FOLDED_HEIGHT : Math.max(NAME_SIZE + 5, Math.ceil(sectors / columns) * cell);
      rooms.push({ partition, first, sectors, folded, y, height: tall });
      y += tall + GAP;
    }
    if (y <= height || cell === CELL_MIN) return { rooms, cell, columns, left, height: y };
  }
}

/** @param {number} cell @param {number} width */
function columnsFor(cell, width) {
  const columns = Math.max(8, Math.floor(width / cell));
  return columns >= 16 ? columns - (columns % 8) : columns;
}

/** The partitions, and what lies between them. @param {{bytes: number, partitions: Partition[]}} flash @returns {Partition[]} */
function withGaps(flash) {
  const found = [];
  let at = 0;
  for (const partition of [...flash.partitions].sort((a, b) => a.offset - b.offset)) {
    if (partition.offset > at) found.push({ name: "(free)", offset: at, bytes: partition.offset - at, use: "no partition" });
    found.push(partition);
    at = partition.offset + partition.bytes;
  }
  if (at < flash.bytes) found.push({ name: "(free)", offset: at, bytes: flash.bytes - at, use: "no partition" });
  return found;
}

/** Where a sector is: x, y of its cell, or null in a folded room. @param {Plan} where @param {number} sector */
export function cellOf(where, sector) {
  const room = roomOf(where, sector);
  if (!room || room.folded) return null;
  const place = sector - room.first;
  const x = where.left + (place % where.columns) * where.cell;
  return { x, y: room.y + Math.floor(place / where.columns) * where.cell };
}

/** @param {Plan} where @param {number} sector */
export function roomOf(where, sector) {
  return where.rooms.find((room) => sector >= room.first && sector < room.first + room.sectors);
}

/** The sector under a point, or -1. @param {Plan} where @param {number} x @param {number} y */
export function sectorAt(where, x, y) {
  for (const room of where.rooms) {
    if (room.folded || y < room.y || y >= room.y + room.height || x < where.left) continue;
    const column = Math.floor((x - where.left) / where.cell);
    const place = Math.floor((y - room.y) / where.cell) * where.columns + column;
    if (column < where.columns && place < room.sectors) return room.first + place;
  }
  return -1;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes >= 1048576) return `${+(bytes / 1048576).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${+(bytes / 1024).toFixed(1)} KiB` : `${bytes} B`;
}

/** Names beside the rows. @param {CanvasRenderingContext2D} context @param {Plan} where @param {{text: string, faint: string, line: string, panel: string}} ink @param {number} width */
export function drawNames(context, where, ink, width) {
  context.textBaseline = "top";
  const small = where.left < LABEL_WIDTH;
  for (const room of where.rooms) {
    context.textAlign = "left";
    context.font = `600 ${small ? 11 : NAME_SIZE}px system-ui, sans-serif`;
    context.fillStyle = ink.text;
    if (!room.folded) context.fillText(room.partition.name, 0, room.y + 1, where.left - 8);
    else {
      context.fillStyle = ink.line;
      context.fillRect(where.left, room.y + 4, width - where.left - 2, FOLDED_HEIGHT - 7);
      context.font = "12px system-ui, sans-serif";
      const all = `not touched: ${room.partition.name} (${size(room.partition.bytes)})`;
      const count = room.partition.name.split(", ").length;
      const words = context.measureText(all).width + 16 < width - where.left ? all : `not touched: ${count} partitions (${size(room.partition.bytes)})`;
      context.fillStyle = ink.panel;
      context.fillRect(where.left + 6, room.y, context.measureText(words).width + 8, FOLDED_HEIGHT);
      context.fillStyle = ink.faint;
      context.fillText(words, where.left + 10, room.y + 2);
    }
    if (!room.folded && room.height > 2 * NAME_SIZE + 4) {
      context.font = `${small ? 10 : 12}px system-ui, sans-serif`;
      context.fillStyle = ink.faint;
      context.fillText(size(room.partition.bytes), 0, room.y + NAME_SIZE + 4, where.left - 8);
    }
  }
}
