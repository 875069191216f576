'use strict';

/**
 * How answers that wait in Twilio Sync get into the Google Sheet, many at once. A private function: `publish_to_sheet`
 * loads it. What lies in Sync is said in `answer_store`.
 *
 * Why a queue: Google takes 60 requests a minute from one account. With a loop in Studio alone 1,000 respondents would
 * need 17 minutes, all of them asking all the time; a few accounts would only divide that. One request takes 500 rows.
 *
 * How a row gets into the Sheet once, whatever dies in between:
 * 1. Whoever moves the document `written` on by its revision (If-Match) has the turn: no other asks Google meanwhile.
 * 2. The header is read, and `written` marked with the items that are being sent. Then they are appended in one
 *    request, which Google applies as a whole, and `done` is moved on.
 * 3. Where the mark is left behind, the rows may be in the Sheet or may still get there. They are looked for by their
 *    tokens. Once one of them is found, `done` is moved on as the mark says. Only where they are not there SETTLE_MS
 *    later, when Google has long ended the request, they are sent again.
 * 4. A call whose container was frozen between the mark and the append looks at the clock, and sends nothing.
 *
 * The risk that is accepted: rows that hold no token, because nothing was answered, cannot be looked for. After a lost
 * answer they may be there twice.
 *
 * No value is ever logged or put into an error's message. No dependencies. Node.js 18 or later.
 */

const google = require(Runtime.getFunctions().google_sheet.path);
const store = require(Runtime.getFunctions().answer_store.path);

const { PublishError } = google;
const { NotKept } = store;

const PACE_MS = 2000; // between two turns: at most 30 reads and 30 writes a minute of Google's 60
const LIFE_MS = 12000; // after which a call is certainly over: Twilio ends it after ten seconds
const LOOK_PAUSE_MS = 15000; // between two looks for the same rows
const SETTLE_MS = 200000; // Google ends a request after 180 seconds
const BUSY_REST_MS = 15000; // after a failure that passes by itself
const REFUSED_REST_MS = 60000; // after one that the team must mend: each is an alert
const TURN_MS = 4000; // a turn with less time left is not worth taking
const SEND_MS = 2000; // likewise an append
const WATCH_MS = 30000; // after which a watcher that does not call is given up
const SEEN_MS = 2000; // how long a container trusts what it has read
const LEAVE_MS = 3000; // longer than SEEN_MS: see `watch`
const LONG_MS = 60000; // an answer that waits longer is worth an alert when no execution watches the queue any more
const ROUNDS = 300; // of two steps each; an execution may have 1,000

/** What this container knows of the queue, so that a crowd does not read the same documents all the time. */
let seen = { name: '', due: 0, dueAt: 0, watched: 0, watchedAt: 0 };

/* ---------------------------------------------------------------- delivering */

/** When the next turn may be taken, in milliseconds since 1970. */
function dueAt({ at, rest, mark }) {
  const free = Math.max(at + PACE_MS, rest);
  if (!mark) {
    return free;
  }
  return Math.max(free, mark.since + LIFE_MS, mark.upTo ? (mark.looked || 0) + LOOK_PAUSE_MS : 0);
}

/**
 * Brings what waits into the Sheet, if the time has come and no other call is doing so.
 *
 * @param {string} submission whose row the caller asks about.
 * @returns {Promise<object | null>} what the flow reads where that row was written now; else null.
 */
async function deliver(sync, context, submission, deadline) {
  try {
    const written = await turn(sync, context, deadline);
    return (written && written.get(submission)) || null;
  } catch (error) {
    report(error); // whatever it is: the answers are kept, and the respondent is thanked
    return null;
  }
}

/** Logs what ended a turn. Only our own messages are known to hold no value. */
function report(error) {
  const message = error instanceof NotKept ? error.message : 'unexpected error';
  console.error(`publish_to_sheet: ${message}; the answers are kept in Sync, and brought into the Sheet later`);
}

/**
 * Takes one turn.
 *
 * @returns {Promise<Map<string, object> | null>} what was written, by submission; empty where nothing waits; null where
 *   it was not time, or did not succeed.
 */
async function turn(sync, context, deadline) {
  const now = Date.now();
  if ((seen.name === sync.name && now < seen.dueAt + SEEN_MS && now < seen.due) || deadline - now < TURN_MS) {
    return null;
  }
  const state = await store.read(sync, 'written', deadline);
  see(sync, { due: dueAt(state.data), dueAt: now });
  if (now < seen.due) {
    return null;
  }
  const batch = await store.next(sync, state.data, deadline);
  const { mark } = state.data;
  const doubt = Boolean(mark && mark.upTo);
  if (!batch.moves && !doubt) {
    return batch.waits ? null : new Map();
  }
  const held = await store.move(sync, state, {
    at: now, mark: doubt ? { ...mark, looked: now } : { since: now },
  }, deadline);
  see(sync, { due: now + PACE_MS, dueAt: now });
  return held && send({ sync, context, held, batch, doubt, deadline });
}

/** Remembers something about the queue for this container's next calls. */
function see(sync, changes) {
  const known = seen.name === sync.name ? seen : { name: sync.name, due: 0, dueAt: 0, watched: 0, watchedAt: 0 };
  seen = { ...known, ...changes };
}

/** Sends a batch whose turn we have. A failure is an alert; the answers stay where they are. */
async function send(work) {
  const { sync, batch, doubt, deadline } = work;
  let { held } = work;
  const { length } = batch.rows;
  const seconds = Math.round((Date.now() - batch.oldest) / 1000);
  if (length > 1 || seconds > 10) {
    console.log(`publish_to_sheet: ${length} answers or more wait in Sync, the oldest for ${seconds} s`);
  }
  try {
    const settings = google.readSettings(work.context);
    const { names, authorization } = await google.readHeader(settings, deadline);
    const placed = batch.rows.map(({ cells }) => placeAll(names, cells));
    const rows = placed.map(({ row }) => row);
    const found = doubt ? await google.look(settings, authorization, rows, deadline, google.LOOK_MS) : google.NOT_THERE;
    if (found > 0) {
      return await done(work, held, { placed, number: length === 1 ? found : '', upTo: batch.marked });
    }
    const hasTokens = rows.some((row) => row.some((text) => google.TOKEN.test(text)));
    const isSettled = !doubt || Date.now() >= held.data.mark.since + SETTLE_MS;
    if (!isSettled || (doubt && hasTokens && found === google.CANNOT_TELL)) {
      return null; // the mark stays, and the next look comes later
    }
    if (length === 0) { // nothing but parts, or submissions that were put in twice
      return await done(work, held, { placed, number: '', upTo: batch.upTo });
    }
    if (deadline - Date.now() < SEND_MS) {
      await store.move(sync, held, { mark: doubt ? held.data.mark : null }, deadline + SEND_MS / 2);
      return null;
    }
    const { upTo, sids } = batch;
    held = await store.move(sync, held, { mark: { since: Date.now(), upTo, sids } }, deadline);
    return held && await append({ ...work, held }, { settings, authorization, rows, placed });
  } catch (error) {
    if (!(error instanceof PublishError)) {
      throw error;
    }
    console.error(`publish_to_sheet: ${error.message}; ${length} answers or more are kept in Sync, and sent later`);
    const rest = Date.now() + (error.passes ? BUSY_REST_MS : REFUSED_REST_MS);
    await store.move(sync, held, { rest, mark: doubt ? held.data.mark : null }, deadline + SEND_MS / 2);
    return null;
  }
}

/** Appends the batch that `written` is marked with. */
async function append(work, { settings, authorization, rows, placed }) {
  const { sync, held, batch, deadline } = work;
  if (deadline - Date.now() < SEND_MS / 2) {
    await store.move(sync, held, { mark: null }, deadline + SEND_MS / 2);
    return null;
  }
  const outcome = await google.appendOnce(settings, authorization, rows, deadline - Date.now());
  if (google.isDone(outcome)) {
    let number = '';
    try {
      number = google.landed(outcome.body);
    } catch (error) {
      console.error(`publish_to_sheet: ${error.message}`); // they are there, and must not be sent again
    }
    return done(work, held, { placed, number, upTo: batch.upTo });
  }
  const error = google.explain(google.APPENDING, { ...outcome, tries: 1 });
  console.error(`publish_to_sheet: ${error.message}; ${batch.rows.length} answers or more are kept in Sync, and `
    + `${google.wroteNothing(outcome) ? 'sent' : 'looked for in the Sheet'} later`);
  if (google.wroteNothing(outcome)) {
    const rest = Date.now() + (error.passes ? BUSY_REST_MS : REFUSED_REST_MS);
    await store.move(sync, held, { rest, mark: null }, deadline + SEND_MS / 2);
  }
  return null;
}

/**
 * Puts a row's cells under the header.
 *
 * @throws {PublishError} where none of them has a column: the row would be empty, so that it and all after it wait.
 */
function placeAll(names, cells) {
  const placed = google.place(names, cells);
  if (placed.missing.length === cells.length) {
    throw new PublishError(`no parameter has a column in the tab; the parameters are ${google.quoted(placed.missing)}`);
  }
  return placed;
}

/** Moves `written` on, and says which names had no column. */
async function done({ sync, batch, deadline }, held, { placed, number, upTo }) {
  await store.move(sync, held, { done: upTo, sids: batch.sids, mark: null }, deadline + SEND_MS / 2);
  const missing = [...new Set(placed.flatMap((one) => one.missing))];
  const repeated = [...new Set(placed.flatMap((one) => one.repeated))];
  google.warn({ missing, repeated }, placed.length > 1 ? `${number} and the following` : number);
  return new Map(batch.rows.map(({ id }, at) => [id, google.written(placed[at], number === '' ? '' : number + at)]));
}

/* ---------------------------------------------------------------- watching */

/** Whether some execution of the flow calls until the queue is empty. */
async function isWatched(sync, deadline) {
  const now = Date.now();
  if (seen.name === sync.name && now < seen.watched && now < seen.watchedAt + SEEN_MS) {
    return true;
  }
  try {
    const { data } = await store.read(sync, 'watcher', deadline);
    see(sync, { watched: data.until, watchedAt: now });
    return now < data.until;
  } catch {
    return false;
  }
}

/**
 * One call of the execution that watches the queue, until it is empty or another one watches.
 *
 * Who leaves says so first, waits until no container trusts what it has read before, and looks once more: an answer
 * that was put in meanwhile, and whose execution relied on the watcher, is seen then.
 *
 * @returns {Promise<{status: string, round: number}>} "finished", or "waiting" for the flow to call again.
 */
async function watch(sync, context, { submission, round }, deadline) {
  const waiting = { status: 'waiting', round: round + 1 };
  try {
    const watcher = await store.read(sync, 'watcher', deadline);
    if (watcher.data.id !== submission && Date.now() < watcher.data.until) {
      return { status: 'finished', round };
    }
    const mine = await store.move(sync, watcher, { id: submission, until: Date.now() + WATCH_MS }, deadline);
    const { data } = await store.read(sync, 'written', deadline);
    const wait = dueAt(data) - Date.now();
    await google.pause(round < ROUNDS ? Math.max(0, Math.min(wait, deadline - Date.now())) : 0);
    if (deadline - Date.now() < TURN_MS + LEAVE_MS / 2 && round < ROUNDS) {
      return waiting;
    }
    const written = round < ROUNDS && await turn(sync, context, deadline);
    if (round < ROUNDS && !(mine && written && written.size === 0)) {
      await google.pause(written ? 0 : Math.max(0, Math.min(PACE_MS, deadline - Date.now()))); // rounds are few
      return waiting;
    }
    await store.move(sync, mine || watcher, store.NOBODY, deadline);
    await google.pause(LEAVE_MS);
    const { waits, oldest } = await store.next(sync, (await store.read(sync, 'written', deadline)).data, deadline);
    if (round >= ROUNDS && Date.now() - oldest > LONG_MS) {
      console.error('publish_to_sheet: the queue is not watched any more, and answers still wait in Sync; the next '
        + 'answer to the survey brings them into the Sheet');
    }
    return waits && round < ROUNDS ? waiting : { status: 'finished', round };
  } catch (error) {
    report(error);
    await google.pause(Math.max(0, deadline - Date.now()));
    return round < ROUNDS ? waiting : { status: 'finished', round };
  }
}

module.exports = { deliver, isWatched, watch };
