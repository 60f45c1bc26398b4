/**
 * The way to the server: films and tapes over HTTP, what grows over one WebSocket (docs/film.md).
 *
 * Rules: every request carries the token of the page's address. What the server refuses is thrown as an Error in its
 * own words. A socket that breaks is opened anew, and goes on after the last entry that is here.
 */
import { Film } from "./film.js";

const AGAIN_MS = 1500;
/** A film that has just begun is looked for so often, and then given up. */
const TRIES = 600;
const LOOK_MS = 100;

export class Link {
  constructor() {
    this.token = new URLSearchParams(location.search).get("t") ?? "";
    /** @type {Map<number, Film>} */
    this.films = new Map();
    /** @type {any[]} */
    this.listed = [];
    this.connected = false;
    /** Called when films are listed, grow, or the clock of a served cloud changes. @type {(what: string, value?: any) => void} */
    this.news = () => {};
    /** @type {WebSocket | null} */
    this._socket = null;
    this._followed = 0;
  }

  /** @param {string} path @param {object} [body] @returns {Promise<any>} */
  async ask(path, body) {
    const mark = path.includes("?") ? "&" : "?";
    const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const answer = await fetch(`${path}${mark}t=${encodeURIComponent(this.token)}`, options);
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error ?? told.message ?? `${path}: ${answer.status} ${answer.statusText}`);
    return told;
  }

  /** The film with its tape so far. @param {number} id @returns {Promise<Film>} */
  async film(id) {
    const known = this.films.get(id);
    if (known) return known;
    const head = await this.ask(`api/films/${id}`);
    const film = new Film(head);
    film.growing = Boolean(head.growing);
    this.films.set(id, film);
    await this._tape(id, film);
    return film;
  }

  /** @param {number} id @param {Film} film */
  async _tape(id, film) {
    const answer = await fetch(`api/films/${id}/tape?from=1&t=${encodeURIComponent(this.token)}`);
    if (!answer.ok || !answer.body) throw new Error(`the tape of film ${id} cannot be had: ${answer.status}`);
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) film.feed(part.value);
    this.news("grown", id);
  }

  /** A film that has only begun, once it is `there`, or ended before. @param {number} id @param {(film: Film) => boolean} there @returns {Promise<Film>} */
  async filmOnce(id, there) {
    for (let tries = 0; tries < TRIES; tries++) {
      const brief = this.listed.find((one) => one.id === id);
      if (brief?.failure) throw new Error(brief.failure);
      if (brief?.title) {
        const film = await this.film(id);
        this.follow(id);
        if (there(film) || !film.growing) return film;
      } else this.listed = await this.ask("api/films"); // it has no head before its process has begun
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    throw new Error(`future ${id} does not come so far`);
  }

  /** Watch a film grow. @param {number} id */
  follow(id) {
    this._followed = id;
    if (this._socket?.readyState === WebSocket.OPEN) this._ask();
  }

  _ask() {
    const film = this.films.get(this._followed);
    if (film?.growing) this.send({ follow: this._followed, from: film.edge + 1 });
  }

  /** @param {object} order */
  send(order) {
    if (this._socket?.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify(order));
  }

  open() {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${location.pathname}ws?t=${encodeURIComponent(this.token)}`);
    socket.binaryType = "arraybuffer";
    this._socket = socket;
    socket.onopen = () => {
      this.connected = true;
      this.news("link");
      this._ask();
    };
    socket.onmessage = (message) => {
      if (typeof message.data === "string") this._told(JSON.parse(message.data));
      else {
        this.films.get(this._followed)?.feed(message.data);
        this.news("grown", this._followed);
      }
    };
    socket.onclose = () => {
      this.connected = false;
      this.news("link");
      setTimeout(() => this.open(), AGAIN_MS);
    };
  }

  /** @param {any} told */
  _told(told) {
    if (told.films) {
      this.listed = told.films;
      for (const one of told.films) {
        const film = this.films.get(one.id);
        if (film && one.failure) Object.assign(film, { failure: one.failure, growing: false });
      }
      this.news("films", told.films);
    }
    if (told.filmed) this.news("filmed", told.filmed);
    if (told.clock) this.news("clock", told.clock);
    if (told.error) this.news("error", told.error);
  }
}
