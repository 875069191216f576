'use strict';

/**
 * Runs the exported functions as Twilio does: in containers that are kept and thrown away, at most 30 calls at once,
 * ten seconds for each. A call can be killed at each of its awaits: before and after each request, or with the request
 * on its way. (A death in a pause leaves everything as one before the next request does.) Or it freezes there, and goes
 * on when its container is thawed, long after Studio has given it up.
 */

const fs = require('fs');
const path = require('path');
const vm = require('vm');

const LONGEST_MS = 10000;
const AT_ONCE = 30;
const LATE_MS = 3000; // how long a request travels whose sender has died
const NEVER = new Promise(() => {});

class Functions {
  /**
   * @param {object} world `clock`, `random`, `google`, `sync`, and `context`, the environment variables.
   * @param {string} folder the exported folder.
   * @param {Function} doom (number of the call, its name) → the await at which it dies, counted from 1; 0 for none.
   */
  constructor(world, folder, doom = () => 0) {
    Object.assign(this, { world, doom, calls: 0, under: 0, idle: [], log: [], awaits: [], longest: 0, most: 0 });
    this.scripts = new Map();
    for (const file of fs.readdirSync(path.join(folder, 'functions'))) {
      const source = fs.readFileSync(path.join(folder, 'functions', file), 'utf8');
      const names = 'exports, module, require, Runtime, Twilio, fetch, setTimeout, clearTimeout, Date, Math, console';
      const script = new vm.Script(`(function (${names}) {${source}\n})`, { filename: file });
      this.scripts.set(file.split('.')[0], script.runInThisContext());
    }
  }

  /** Calls a function; `then` gets `{status, body}`, or null where the call died, was refused or took too long. */
  call(name, event, then) {
    const { clock, random } = this.world;
    if (this.under >= AT_ONCE) {
      clock.after(30, () => then(null));
      return;
    }
    this.under += 1;
    this.most = Math.max(this.most, this.under);
    const number = this.calls += 1;
    const call = { number, name, dead: false, awaits: 0, dies: this.doom(number, name), began: clock.now };
    const container = this.idle.pop() || new Container(this);
    const end = (answer) => {
      if (call.over) return;
      Object.assign(call, { over: true, dead: !call.isFrozen });
      clock.cancel(call.limit);
      this.under -= 1;
      this.awaits[number] = call.awaits;
      this.longest = Math.max(this.longest, clock.now - call.began);
      if (answer) this.idle.push(container);
      then(answer);
    };
    call.end = end;
    call.limit = clock.after(LONGEST_MS, () => end(null));
    clock.after(container.isNew ? 300 + random() * 300 : 10 + random() * 20, () => container.run(call, event, end));
  }
}

/** One container: its modules keep what they remember from call to call. */
class Container {
  constructor(functions) {
    Object.assign(this, { functions, isNew: true, modules: new Map(), current: null, thaws: 0 });
  }

  run(call, event, end) {
    this.isNew = false;
    this.current = call;
    const { handler } = this.load(call.name);
    handler({ ...this.functions.world.context }, event, (error, response) => {
      if (!call.dead) end({ status: response.status, body: response.body });
    });
  }

  load(name) {
    if (!this.modules.has(name)) {
      const module = { exports: {} };
      this.modules.set(name, module);
      const { clock, random } = this.functions.world;
      const say = (level) => (text) => this.functions.log.push({ level, text, time: clock.now });
      class OurDate extends Date { static now() { return Math.floor(clock.now); } }
      const math = Object.create(Math, Object.getOwnPropertyDescriptors(Math));
      math.random = random;
      this.functions.scripts.get(name)(
        module.exports, module, (wanted) => (this.functions.scripts.has(wanted) ? this.load(wanted) : require(wanted)),
        { getFunctions: () => Object.fromEntries([...this.functions.scripts.keys()].map((path) => [path, { path }])) },
        { Response }, (...args) => this.fetch(...args), (action, wait) => this.timeout(action, wait),
        (entry) => clock.cancel(entry), OurDate, math, { log: say('log'), warn: say('warn'), error: say('error') },
      );
    }
    return this.modules.get(name).exports;
  }

  /** One await of the current call; true where it is the one at which the call dies. */
  dies(call) {
    call.awaits += 1;
    if (call.awaits === call.dies && this.functions.freeze) {
      call.isFrozen = true;
      this.thaws = this.functions.world.clock.now + this.functions.freeze * 1000;
    } else if (call.awaits === call.dies) {
      call.dead = true;
      // Studio sees it at once where the process died, or when the ten seconds are over.
      if (!this.functions.slowDeath) this.functions.world.clock.after(50, () => call.end(null));
    }
    return call.dead;
  }

  /** Runs an action at once, or when the container is thawed. */
  awake(action) {
    const { clock } = this.functions.world;
    if (clock.now < this.thaws) clock.at(this.thaws, action);
    else action();
  }

  timeout(action, wait) {
    const call = this.current;
    return this.functions.world.clock.after(wait, () => this.awake(() => { if (!call.dead) action(); }));
  }

  fetch(url, options) {
    const { clock, random, google, sync } = this.functions.world;
    const call = this.current;
    const isSent = !this.dies(call);
    if (!isSent && !this.functions.travels) return NEVER;
    const { host, pathname, search } = new URL(url);
    const isSync = host === 'sync.twilio.com';
    const [shortest, spread] = isSync ? [10, 40] : [60, 300];
    const there = shortest + random() * spread + (isSent ? 0 : random() * LATE_MS);
    const back = shortest + random() * spread;
    return new Promise((resolve, reject) => {
      options.signal.addEventListener('abort', () => { if (!call.dead) reject(new Error('aborted')); });
      const arrive = () => {
        // What was sent arrives, whether or not the sender still lives.
        const form = options.body instanceof URLSearchParams ? Object.fromEntries(options.body) : null;
        const json = typeof options.body === 'string' ? JSON.parse(options.body) : null;
        const answer = isSync
          ? this.functions.world.syncAnswer(options.method || 'GET', pathname.slice('/v1/Services/'.length) + search,
            options.headers, form)
          : google.answer(host, options.method || 'GET', pathname, json);
        if (!answer) return; // silence, until the sender gives up
        clock.after(back + (json ? json.values.length + google.delay() : 0), () => {
          if (call.dead || this.dies(call)) return;
          const text = JSON.stringify(answer.body);
          this.awake(() => resolve({ status: answer.status, headers: { get: () => null }, text: async () => text }));
        });
      };
      // Of a frozen call the time-out comes first, and what has not left by then never does.
      if (clock.now < this.thaws) clock.at(this.thaws + 1, () => { if (!options.signal.aborted) arrive(); });
      else clock.after(there, arrive);
    });
  }
}

class Response {
  setStatusCode(status) { this.status = status; }

  appendHeader() {}

  setBody(body) { this.body = JSON.parse(JSON.stringify(body)); }
}

module.exports = { Functions };
