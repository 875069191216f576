'use strict';

/** A Google with one tab: signing in, the header, a column, appending, the quota of one account, and bad times. */
class Google {
  /**
   * @param {object} options `header`; `moods`: what goes wrong from when to when, in seconds after the start:
   *   `down` (503, broken connections, silence; a part of what is refused is written all the same, some of it late),
   *   `full` (400 to appends), `lost` (403 to everything), `renamed` (400 to everything), `slow` (an append's answer
   *   takes five seconds more); and for one `kind` of request (`token`, `header`, `look`, `append`) `silent` (no
   *   answer), `swallowed` (done, and no answer), `late` (the same, 100 seconds later), `empty` (200 and `{}`, though
   *   nothing is done) or a number (that status).
   */
  constructor(clock, random, { header, moods = [] }) {
    Object.assign(this, { clock, random, moods });
    this.rows = [header];
    this.asked = []; // time and kind of every request
    this.minute = {};
    this.refused = 0;
    this.largest = 0; // of the appends, in bytes
  }

  mood(wanted) {
    const seconds = (this.clock.now - this.clock.start) / 1000;
    const isNow = ({ kind, from = 0, to = Infinity }) => kind === wanted && seconds >= from && seconds < to;
    return (this.moods.find(isNow) || {}).mood;
  }

  /** @returns {{status, body, after} | null} null for silence. */
  answer(host, method, path, body) {
    const kind = host === 'oauth2.googleapis.com' ? 'token' : method === 'POST' ? 'append'
      : decodeURIComponent(path).includes('!1:1') ? 'header' : 'look';
    const one = this.mood(kind);
    if (one) {
      if (kind !== 'token') this.asked.push({ time: this.clock.now, writes: kind === 'append' });
      if (one === 'swallowed') this.append(body.values);
      if (one === 'late') this.clock.after(100000, () => this.append(body.values));
      if (one === 'empty') return { status: 200, body: {} };
      return typeof one === 'number' ? { status: one, body: {} } : null;
    }
    if (host === 'oauth2.googleapis.com') {
      return this.mood() === 'down' ? this.broken() : { status: 200, body: { access_token: 'x', expires_in: 3600 } };
    }
    const writes = method === 'POST';
    this.asked.push({ time: this.clock.now, writes });
    if (!this.counts(writes)) {
      this.refused += 1;
      return { status: 429, body: {} };
    }
    const mood = this.mood();
    if (mood === 'lost') return { status: 403, body: {} };
    if (mood === 'renamed') return { status: 400, body: {} };
    if (writes) return this.append(body.values, mood);
    if (mood === 'down') return this.broken();
    const range = /!(\w+):(\w+)$/.exec(decodeURIComponent(path.split('?')[0]));
    if (range[1] === '1') return { status: 200, body: { values: [this.rows[0]] } };
    const column = range[1].charCodeAt(0) - 65;
    return { status: 200, body: { values: [this.rows.map((row) => row[column] || '')] } };
  }

  /** How much longer an append's answer takes than usual, in milliseconds. */
  delay() { return this.mood() === 'slow' ? 5000 : 0; }

  /** 60 reads and 60 writes a minute, a minute beginning with the first request in it; refused ones count as well. */
  counts(writes) {
    const minute = this.minute[writes] || { began: -Infinity, used: 0 };
    if (this.clock.now - minute.began >= 60000) Object.assign(minute, { began: this.clock.now, used: 0 });
    minute.used += 1;
    this.minute[writes] = minute;
    return minute.used <= 60;
  }

  broken() {
    const dice = this.random();
    if (dice < 0.4) return { status: 503, body: {} };
    return dice < 0.7 ? { status: 500, body: {} } : null;
  }

  append(values, mood) {
    this.largest = Math.max(this.largest, Buffer.byteLength(JSON.stringify({ values })));
    if (mood === 'full') return { status: 400, body: {} };
    const write = () => {
      const first = this.rows.length + 1;
      this.rows.push(...values);
      return { status: 200, body: { updates: { updatedRange: `'data'!A${first}:Z${first + values.length - 1}` } } };
    };
    if (mood !== 'down') return write();
    const dice = this.random();
    if (dice < 0.2) write();
    else if (dice < 0.4) this.clock.after(this.random() * 170000, write); // Google ends a request after 180 seconds
    return this.broken();
  }

  /** The most requests in any 60 seconds. */
  most(writes) {
    const times = this.asked.filter((one) => one.writes === writes).map((one) => one.time);
    let most = 0;
    for (let first = 0, last = 0; last < times.length; last += 1) {
      while (times[last] - times[first] >= 60000) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }
}

module.exports = { Google };
