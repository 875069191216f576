'use strict';

/**
 * What lies in Twilio Sync: answers that wait for the Google Sheet, and how far they are written. A private function:
 * `answer_queue` loads it.
 *
 * Each name in the Sync service ends with the functions' domain:
 * - Sixteen lists, `answers-0` to `answers-15`. A submission belongs to one of them by its last digit, because Sync
 *   takes 20 writes a second for a list, and only 2 of items from 10 KiB on. Items are only added; they vanish after
 *   KEEP_SECONDS.
 * - The document `written`: for each list the index up to which its items are in the Sheet (`done`), and who is at it.
 * - The document `watcher`: which execution of the flow calls until the queue is empty.
 *
 * A submission that was put in twice, because Sync took in a lost one late, is sent once: what was put in more than
 * LATE_MS after it was named is looked for in its list, back to that time. And what comes after a missing index waits
 * for GAP_MS: Sync promises neither that its indexes have no gaps, nor that a reader sees every item at once.
 *
 * The risks that are accepted: an item that can be seen only GAP_MS after one that was put in behind it is not sent.
 * Where the document `written` is deleted and the lists are not, all their rows are sent again.
 *
 * No value is ever part of an error's message. No dependencies. Node.js 18 or later.
 */

const zlib = require('zlib');

const google = require(Runtime.getFunctions().google_sheet.path);

const SERVICES_URL = 'https://sync.twilio.com/v1/Services';
const SUBMISSION = /^\d{13}-[0-9a-f]{16}$/; // what encrypt_fields makes: milliseconds since 1970, and a random number

const LISTS = 16; // one hexadecimal digit; eight were too few for 1,000 answers of 10 KiB in a minute
const PAGE = 100; // items that Sync returns at once
const OVERLAP = 20; // of them, those that are done already: what was put in twice at once is seen there
const ITEM_CHARACTERS = 12000; // Sync takes 16 kB
const APPEND_ROWS = 500; // in one request to Google
const APPEND_BYTES = 1500000; // Google advises 2 MB
const KEEP_SECONDS = 90 * 24 * 3600;
const SEARCH_PAGES = 20;
const LATE_MS = 1500; // from a submission's name to its item; a second try is always later than its first one
const GAP_MS = 10000;
const CLOCK_MS = 60000; // how far two clocks at Twilio may differ, generously
const REQUEST_MS = 3000; // the longest that a request to Sync may take

const NOTHING_WRITTEN = { done: Array(LISTS).fill(-1), sids: Array(LISTS).fill(''), at: 0, rest: 0, mark: null };
const NOBODY = { id: '', until: 0 };

/** Sync could not be asked, or its answer was lost: the answers may or may not be there. */
class NotKept extends Error {}

/** Sync has certainly not taken the answers, and never will: a wrong setting. */
class Refused extends Error {}

/**
 * Reads the settings of Sync. The runtime gives every function the account's own credentials.
 *
 * @returns {{base: string, headers: object, name: string} | null} null where no service is set.
 */
function open(context) {
  const service = (context.SYNC_SERVICE_SID || '').trim();
  if (!service) {
    return null;
  }
  const credentials = Buffer.from(`${context.ACCOUNT_SID}:${context.AUTH_TOKEN}`).toString('base64');
  return {
    base: `${SERVICES_URL}/${encodeURIComponent(service)}`,
    headers: { Authorization: `Basic ${credentials}` },
    name: String(context.DOMAIN_NAME || 'survey').replace(/[^\w.-]/g, '_'),
  };
}

/** The submission's name as `encrypt_fields` made it; empty where it is anything else. */
const readSubmission = (text) => (SUBMISSION.test(text) ? text : '');

function get(sync, path, deadline) {
  return google.send(`${sync.base}/${path}`, { headers: sync.headers }, {
    deadline, longest: REQUEST_MS, mayRepeat: google.mayRead,
  });
}

/** Writes; repeated only where Sync certainly did nothing. */
function post(sync, path, form, deadline, headers = {}) {
  const options = { method: 'POST', headers: { ...sync.headers, ...headers }, body: new URLSearchParams(form) };
  return google.send(`${sync.base}/${path}`, options, {
    deadline, longest: REQUEST_MS, mayRepeat: (outcome) => outcome.status === 429 || outcome.sent === false,
  });
}

const items = (sync, list) => `Lists/answers-${list}.${sync.name}/Items`;

/** Whether Sync has done what it was asked, and says what we need to know; a stray 200 may come from a proxy. */
const tells = (outcome, name) => (outcome.status === 200 || outcome.status === 201) && Boolean(outcome.body)
  && outcome.body[name] !== undefined;

/** Whether Sync has understood a request and refuses it for good, not because it is busy. */
const isRefused = ({ status }) => status >= 400 && status < 500 && status !== 429 && status !== 408;

/**
 * Adds an item to a list, which is made where it is missing.
 *
 * @returns {Promise<number>} the item's index.
 * @throws {NotKept | Refused}
 */
async function add(sync, list, data, deadline) {
  const form = { Data: JSON.stringify(data), ItemTtl: String(KEEP_SECONDS) };
  let outcome = await post(sync, items(sync, list), form, deadline);
  let isThere = false;
  if (outcome.status === 404) {
    outcome = await post(sync, 'Lists', { UniqueName: `answers-${list}.${sync.name}` }, deadline);
    if (outcome.status === 201 || outcome.status === 409) {
      outcome = await post(sync, items(sync, list), form, deadline);
      isThere = true;
    }
  }
  if (tells(outcome, 'index')) {
    return outcome.body.index;
  }
  if (isRefused(outcome) && !(isThere && outcome.status === 404)) {
    throw new Refused(`Sync refused the answers with ${outcome.status}; check SYNC_SERVICE_SID`);
  }
  throw new NotKept(`Sync ${outcome.status ? `answered ${outcome.status}` : 'did not answer'}`);
}

/**
 * Reads a document, which is made where it is missing.
 *
 * @returns {Promise<{revision: string, data: object}>}
 * @throws {NotKept}
 */
async function read(sync, title, deadline) {
  const initial = title === 'written' ? NOTHING_WRITTEN : NOBODY;
  const name = `${title}.${sync.name}`;
  for (let made = false; ; made = true) {
    const outcome = await get(sync, `Documents/${name}`, deadline);
    if (tells(outcome, 'revision') && outcome.body.data) {
      return { name, revision: outcome.body.revision, data: outcome.body.data };
    }
    if (outcome.status !== 404 || made) {
      throw new NotKept('Sync did not say how far the answers are written');
    }
    await post(sync, 'Documents', { UniqueName: name, Data: JSON.stringify(initial) }, deadline);
  }
}

/**
 * Changes a document, unless another call has changed it since it was read.
 *
 * @returns {Promise<{revision: string, data: object} | null>} null where it is not known to be changed.
 */
async function move(sync, { name, revision, data }, changes, deadline) {
  const changed = { ...data, ...changes };
  const outcome = await post(sync, `Documents/${name}`, { Data: JSON.stringify(changed) }, deadline, {
    'If-Match': revision,
  });
  return tells(outcome, 'revision') ? { name, revision: outcome.body.revision, data: changed } : null;
}

/* ---------------------------------------------------------------- keeping */

/**
 * Puts a submission into its list, once. A row that is too long for one item has its parts put in before it.
 *
 * @param {Array<[string, string]>} cells name and text.
 * @param {boolean} again whether an earlier call may have put it in already.
 * @throws {NotKept | Refused}
 */
async function keep(sync, submission, cells, again, deadline) {
  const list = parseInt(submission.slice(-1), 16);
  if (again && await isKept(sync, list, submission, deadline)) {
    return;
  }
  // Tokens of one call begin alike, so that packing takes half of a row away.
  const packed = zlib.deflateRawSync(JSON.stringify(cells)).toString('base64');
  const [row, ...others] = packed.match(new RegExp(`.{1,${ITEM_CHARACTERS}}`, 'g'));
  const more = [];
  for (const part of others) {
    more.push(await add(sync, list, { part }, deadline));
  }
  await add(sync, list, { id: submission, row, more }, deadline);
}

/** Whether a submission is among the items of its list that are not older than it. */
async function isKept(sync, list, submission, deadline) {
  const { ids, isWhole } = await idsSince(sync, list, namedAt(submission), '', deadline);
  if (!isWhole && !ids.has(submission)) {
    throw new NotKept('the list in Sync is too long to see whether it has the answers');
  }
  return ids.has(submission);
}

/** When a submission was named, in milliseconds since 1970; NaN where it was not by `encrypt_fields`. */
const namedAt = (id) => (readSubmission(id) ? Number(id.slice(0, 13)) : NaN);

/**
 * Collects the submissions in a list from its end, or from an index, back to a time.
 *
 * @returns {Promise<{ids: Set<string>, isWhole: boolean}>} `isWhole` is false after SEARCH_PAGES.
 * @throws {NotKept}
 */
async function idsSince(sync, list, time, before, deadline) {
  const ids = new Set();
  let from = before;
  for (let pages = 0; pages < SEARCH_PAGES; pages += 1) {
    const more = from === '' ? '' : `&From=${from}&Bounds=exclusive`;
    const outcome = await get(sync, `${items(sync, list)}?Order=desc&PageSize=${PAGE}${more}`, deadline);
    if (outcome.status === 404) {
      return { ids, isWhole: true };
    }
    if (!tells(outcome, 'items')) {
      throw new NotKept('Sync did not say whether it has the answers');
    }
    const page = outcome.body.items;
    page.forEach(({ data }) => ids.add(data && data.id));
    const last = page[page.length - 1];
    if (!last || Date.parse(last.date_created) < time - CLOCK_MS) { // a page may be short, and not the last
      return { ids, isWhole: true };
    }
    from = last.index;
  }
  return { ids, isWhole: false };
}

/* ---------------------------------------------------------------- what waits */

/**
 * Reads one list's items from a little before the first that is not done.
 *
 * A list that was deleted and made anew begins again with 0. It is known by its SID, or by there being nothing where
 * the last ones that are done should be.
 *
 * @returns {Promise<{done: number, sid: string, page: object[]}>}
 */
async function readList(sync, list, done, sid, deadline) {
  const from = Math.max(0, done - OVERLAP + 1);
  const query = `?Order=asc&PageSize=${PAGE}&Bounds=inclusive&From=${from}`;
  const outcome = await get(sync, items(sync, list) + query, deadline);
  if (outcome.status === 404) {
    return { done: -1, sid: '', page: [] };
  }
  if (!tells(outcome, 'items')) {
    throw new NotKept('Sync did not say which answers wait');
  }
  const page = outcome.body.items;
  const isDoubtful = page.length === 0 ? from > 0 : Boolean(sid) && page[0].list_sid !== sid;
  if (!isDoubtful) {
    return { done, sid: page.length ? page[0].list_sid : sid, page };
  }
  const anew = await readList(sync, list, -1, '', deadline);
  return anew.sid === sid ? { done, sid, page } : anew;
}

/**
 * Takes the rows that are next, at most as many as fit into one request.
 *
 * @param {object} data what the document `written` says. Where it is marked, no more is taken than the mark says.
 * @returns {Promise<object>} `rows` in order; `upTo`, the index of the last item of each list that they take in, and
 *   `marked`, the same as the mark says; `sids`; `oldest`, when the first was put in; `waits`, whether anything does;
 *   `moves`, whether there is something to move on for.
 */
async function next(sync, data, deadline) {
  const lists = await Promise.all(data.done.map(async (done, list) => {
    const read = await readList(sync, list, done, data.sids[list], deadline);
    return { ...read, list, known: await knownIn(sync, list, read, deadline) };
  }));
  const limit = markedIn(data.mark, lists);
  const batch = {
    rows: [], upTo: lists.map(({ done }) => done), sids: lists.map(({ sid }) => sid), oldest: Date.now(), bytes: 0,
    waits: lists.some(({ done, page }) => page.some(({ index }) => index > done)),
  };
  for (const read of lists) {
    await take(sync, batch, read, limit && limit[read.list], deadline);
  }
  batch.moves = batch.upTo.some((index, list) => index > lists[list].done);
  batch.marked = limit && limit.map((index, list) => Math.max(index, lists[list].done));
  return batch;
}

/** Up to where rows may have been sent already, by the mark: nothing of a list that was made anew since then. */
function markedIn(mark, lists) {
  return mark && mark.upTo ? lists.map(({ sid }, list) => (sid === mark.sids[list] ? mark.upTo[list] : -1)) : null;
}

/** The submissions of a list that are done, as far as one that waits may be among them. */
async function knownIn(sync, list, { done, page }, deadline) {
  const late = page.filter(({ index, data, date_created: created }) => index > done && data
    && Date.parse(created) > namedAt(data.id) + LATE_MS).map(({ data }) => namedAt(data.id));
  const known = page.filter(({ index }) => index <= done).map(({ data }) => data && data.id);
  const before = late.length && done >= 0 ? await idsSince(sync, list, Math.min(...late), done + 1, deadline) : null;
  return new Set(before ? [...known, ...before.ids] : known);
}

/** Adds the items of one list to a batch, in order, until one does not fit, or may come after one not yet seen. */
async function take(sync, batch, { list, page, done, known }, limit, deadline) {
  for (const { index, data, date_created: created } of page.filter((item) => item.index > done)) {
    const isNext = index === batch.upTo[list] + 1 || Date.now() > Date.parse(created) + GAP_MS;
    if (limit === null ? !isNext : index > limit) {
      return;
    }
    if (data && data.id && !known.has(data.id)) {
      const cells = await unpack(sync, list, { index, data, created }, page, deadline);
      const bytes = Buffer.byteLength(JSON.stringify(cells));
      if (batch.rows.length && (batch.rows.length === APPEND_ROWS || batch.bytes + bytes > APPEND_BYTES)) {
        return;
      }
      known.add(data.id);
      if (cells) {
        batch.rows.push({ id: data.id, cells });
      }
      batch.bytes += bytes;
      batch.oldest = Math.min(batch.oldest, Date.parse(created));
    }
    batch.upTo[list] = index;
  }
}

/**
 * Puts a row together from its item and its parts; most of these are in the same page.
 *
 * @returns {Promise<Array<[string, string]> | null>} null where it can never be put together, which is an alert.
 * @throws {NotKept}
 */
async function unpack(sync, list, { index, data, created }, page, deadline) {
  let packed = data.row;
  try {
    for (const at of data.more) {
      const item = page.find((one) => one.index === at) || await part(sync, list, at, created, deadline);
      packed += item.data.part;
    }
    return JSON.parse(zlib.inflateRawSync(Buffer.from(packed, 'base64')).toString());
  } catch (error) {
    if (error instanceof NotKept) {
      throw error;
    }
    console.error(`publish_to_sheet: item ${index} of answers-${list} in Sync cannot be read, and is left out`);
    return null;
  }
}

/** Reads a part that is not in the page; null where it is gone. */
async function part(sync, list, index, created, deadline) {
  const outcome = await get(sync, `${items(sync, list)}/${index}`, deadline);
  if (tells(outcome, 'data')) {
    return outcome.body;
  }
  if (outcome.status === 404 && Date.now() > Date.parse(created) + GAP_MS) {
    return null;
  }
  throw new NotKept('Sync did not return all parts of an answer');
}

module.exports = { NOBODY, NotKept, Refused, keep, move, next, open, read, readSubmission };
