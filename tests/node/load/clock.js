'use strict';

/** A clock of its own: nothing waits, time jumps to the next thing that happens. And chance that can be repeated. */
class Clock {
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.now = start;
    this.start = start;
    this.queue = []; // a binary heap by time, then by order
    this.count = 0;
  }

  /** Runs `action` at a time; returns a handle for `cancel`. */
  at(time, action) {
    const entry = { time: Math.max(time, this.now), order: this.count += 1, action };
    this.push(entry);
    return entry;
  }

  after(milliseconds, action) { return this.at(this.now + milliseconds, action); }

  cancel(entry) { if (entry) entry.action = null; }

  push(entry) {
    const { queue } = this;
    let at = queue.push(entry) - 1;
    while (at > 0 && before(queue[at], queue[(at - 1) >> 1])) {
      const parent = (at - 1) >> 1;
      [queue[at], queue[parent]] = [queue[parent], queue[at]];
      at = parent;
    }
  }

  pop() {
    const { queue } = this;
    const first = queue[0];
    const last = queue.pop();
    if (queue.length) {
      queue[0] = last;
      for (let at = 0; ;) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let least = at;
        if (left < queue.length && before(queue[left], queue[least])) least = left;
        if (right < queue.length && before(queue[right], queue[least])) least = right;
        if (least === at) break;
        [queue[at], queue[least]] = [queue[least], queue[at]];
        at = least;
      }
    }
    return first;
  }

  /** Lets everything happen until nothing is left, or a time is reached. */
  async run(until = Infinity) {
    while (this.queue.length && this.queue[0].time <= until) {
      const { time, action } = this.pop();
      if (action) {
        this.now = time;
        action();
        await new Promise(setImmediate); // whoever waited for it goes on now
      }
    }
  }
}

const before = (one, other) => one.time < other.time || (one.time === other.time && one.order < other.order);

/** Numbers from 0 to 1 from a seed (mulberry32). */
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

module.exports = { Clock, chance };
