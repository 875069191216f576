'use strict';

/**
 * Google's side of `publish_to_sheet`: signing in, the header row, appending, and looking for rows.
 *
 * A private function: Twilio does not serve it, and `publish_to_sheet` loads it.
 *
 * - Values are stored as they are (RAW): nothing becomes a formula, a date or a number.
 * - Rows land below the last one and begin in column A, never shifted.
 * - No value, key or token is ever part of an error's message.
 *
 * No dependencies. Node.js 18 or later.
 */

const crypto = require('crypto');

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const SHEETS_URL = 'https://sheets.googleapis.com/v4/spreadsheets';
const SCOPE = 'https://www.googleapis.com/auth/spreadsheets';

const TOKEN = /^v2:[A-Za-z0-9+/]{80,}={0,2}$/; // what encrypt_fields makes; random, so no two are equal

const READ_MS = 3000; // the longest that one reading request may take
const LOOK_MS = 6000; // the same for a whole column, which may hold 100,000 tokens
const SMALLEST_MS = 300; // a request with less time left is not worth starting
const FIRST_PAUSE_MS = 250; // doubles with each repetition
const UNAVAILABLE_PAUSE_MS = 1000; // after a 503 Google asks for at most one request a second

/** What a look for a row returns where it returns no number. */
const NOT_THERE = 0;
const CANNOT_TELL = -1;

/** Errors of a connection that was never made: Google cannot have seen the request. */
const NEVER_SENT = new Set([
  'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * A failure in words for the survey's team. Its message never holds a value, a key or a token. `passes` says whether it
 * may pass by itself, as a busy Google does.
 */
class PublishError extends Error {}

/**
 * The access token of the last call, kept for the next one in the same container: one request less per row.
 * It holds for the account and key that it was made with, and until a minute before Google lets it end.
 */
let kept = { account: '', token: '', until: 0 };

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/* ---------------------------------------------------------------- settings */

/**
 * Reads a private key however it was pasted: with real line breaks, with `\n`, on one line, or in quotes.
 *
 * @param {string} text a PKCS#8 PEM, as in the `private_key` of a service account's key file.
 * @returns {crypto.KeyObject}
 * @throws {PublishError} where it is anything else.
 */
function readPrivateKey(text) {
  const pem = /-----BEGIN PRIVATE KEY-----([^-]*)-----END PRIVATE KEY-----/.exec(text);
  const base64 = pem ? pem[1].replace(/\\[nr]|\s/g, '') : '';
  try {
    return crypto.createPrivateKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    throw new PublishError('GOOGLE_PRIVATE_KEY is not a private key; copy "private_key" from the key file again');
  }
}

/**
 * Reads the settings.
 *
 * @returns {{email: string, key: crypto.KeyObject, account: string, sheet: string, tab: string}} `account` names
 *   one pair of email and key without containing either.
 * @throws {PublishError} where one is missing.
 */
function readSettings(context) {
  const [email, pem, sheet, tab] = [
    'GOOGLE_CLIENT_EMAIL', 'GOOGLE_PRIVATE_KEY', 'GOOGLE_SHEET_ID', 'GOOGLE_SHEET_TAB',
  ].map((name) => {
    const value = context[name];
    if (!value || !value.trim()) {
      throw new PublishError(`the environment variable ${name} is not set`);
    }
    return name === 'GOOGLE_SHEET_TAB' ? value : value.trim();
  });
  const account = crypto.createHash('sha256').update(`${email}\n${pem}`).digest('hex');
  return { email, key: readPrivateKey(pem), account, sheet, tab };
}

/* ---------------------------------------------------------------- requests */

/**
 * Sends one request and returns its outcome; it throws nothing.
 *
 * @param {number} limit milliseconds until it is given up, the answer's body included.
 * @returns {Promise<{status: number, body: object | null, after: number} | {sent: boolean}>} the answer (`body` is
 *   null where it is not JSON, `after` is Retry-After in milliseconds), or whether it may have reached Google.
 */
async function request(url, options, limit) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), limit);
  try {
    const answer = await fetch(url, { ...options, redirect: 'error', signal: controller.signal });
    const text = await answer.text();
    const after = Number(answer.headers.get('retry-after')) * 1000 || 0;
    return { status: answer.status, body: parse(text), after };
  } catch (error) {
    return { sent: !NEVER_SENT.has(error && error.cause && error.cause.code) };
  } finally {
    clearTimeout(timer);
  }
}

/** Parses JSON that is an object; anything else, such as the page of a proxy, is null. */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

const isDone = (outcome) => outcome.status === 200 && outcome.body !== null;
const isBusy = (outcome) => outcome.status === 429 || outcome.status === 503;
const isDown = (outcome) => outcome.status === undefined || outcome.status === 408 || outcome.status >= 500
  || (outcome.status === 200 && outcome.body === null);

/** Reading again does no harm, whatever happened to the first try. */
const mayRead = (outcome) => isBusy(outcome) || isDown(outcome);

/** Google certainly wrote nothing. */
const wroteNothing = (outcome) => outcome.status === 429 || outcome.sent === false || !isDown(outcome);

/** Appending again is worth a try; whether it would do harm is for `append` to see. */
const mayAppend = (outcome) => isBusy(outcome) || outcome.sent === false;

/** How long to wait before repetition number `tries`, in milliseconds: doubling, with jitter. */
function pauseAfter(outcome, tries) {
  const growing = FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.75 + Math.random() / 2);
  return Math.max(growing, outcome.after || 0, outcome.status === 503 ? UNAVAILABLE_PAUSE_MS : 0);
}

/**
 * Sends a request, and again with back-off while `mayRepeat` allows it and there is time.
 *
 * @param {{deadline: number, longest?: number, mayRepeat: Function}} limits `deadline` in milliseconds since 1970;
 *   `longest` is the most that one try may take.
 * @returns {Promise<object>} the last try's outcome (see `request`) with `tries`, their number.
 */
async function send(url, options, { deadline, longest = Infinity, mayRepeat }) {
  let outcome = { sent: false };
  for (let tries = 0; ; ) {
    const left = deadline - Date.now();
    if (left < SMALLEST_MS) {
      return { ...outcome, tries };
    }
    outcome = await request(url, options, Math.min(left, longest));
    tries += 1;
    const wait = pauseAfter(outcome, tries);
    if (!mayRepeat(outcome) || deadline - Date.now() < wait + SMALLEST_MS) {
      return { ...outcome, tries };
    }
    await pause(wait);
  }
}

const READING = 'reading the header row';
const APPENDING = 'appending the row';
const SIGNING_IN = 'signing in';

/** Step and status code → what to do. */
const ADVICE = {
  [`${SIGNING_IN} 400`]: 'copy GOOGLE_CLIENT_EMAIL and GOOGLE_PRIVATE_KEY from one key file, or make a new key',
  [`${SIGNING_IN} 401`]: 'the service account may be deleted; make a new key',
  [`${READING} 400`]: 'check GOOGLE_SHEET_TAB against the tab\'s title, and that it is a Google Sheet, no Excel file',
  [`${READING} 401`]: 'the service account was not accepted; make a new key',
  [`${READING} 403`]: 'share the Sheet as Editor with GOOGLE_CLIENT_EMAIL, and switch on the Google Sheets API',
  [`${READING} 404`]: 'check GOOGLE_SHEET_ID',
  [`${APPENDING} 400`]: 'the Sheet may be full: 10,000,000 cells, the empty ones counted',
  [`${APPENDING} 403`]: 'share the Sheet as Editor, not as Viewer, with GOOGLE_CLIENT_EMAIL',
};

/**
 * Says what went wrong, from the status code alone: Google's own text may quote a cell.
 *
 * @param {string} what the step.
 */
function explain(what, outcome) {
  const { status, tries } = outcome;
  const advice = status === 429 ? 'the quota is used up' : ADVICE[`${what} ${status}`];
  const answer = status === undefined || status === 200 ? 'Google did not answer' : `Google answered ${status}`;
  const error = new PublishError(`${what} failed: ${answer}${advice ? `; ${advice}` : ''} (tries: ${tries})`);
  error.passes = isBusy(outcome) || isDown(outcome);
  return error;
}

/* ---------------------------------------------------------------- Google */

/** Builds the signed statement by which a service account asks for an access token (RFC 7523). */
function assertion({ email, key }) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: email, scope: SCOPE, aud: TOKEN_URL, iat: now, exp: now + 3600 };
  const text = [{ alg: 'RS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${crypto.sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
}

/**
 * Returns an access token, the kept one while it is valid.
 *
 * @throws {PublishError} where Google gives none.
 */
async function accessToken(settings, deadline) {
  if (kept.account === settings.account && Date.now() < kept.until) {
    return kept.token;
  }
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion(settings),
  });
  const limits = { deadline, longest: READ_MS, mayRepeat: mayRead };
  const outcome = await send(TOKEN_URL, { method: 'POST', body: form }, limits);
  if (!isDone(outcome) || !outcome.body.access_token) {
    throw explain(SIGNING_IN, outcome);
  }
  const { access_token: token, expires_in: seconds } = outcome.body;
  kept = { account: settings.account, token, until: Date.now() + ((Number(seconds) || 0) - 60) * 1000 };
  return token;
}

/** The address of a range of the tab. The title is quoted, so that a tab called `A1` or `it's` is found too. */
function rangeUrl({ sheet, tab }, range, suffix) {
  const a1 = `'${tab.replace(/'/g, '\'\'')}'!${range}`;
  return `${SHEETS_URL}/${encodeURIComponent(sheet)}/values/${encodeURIComponent(a1)}${suffix}`;
}

/**
 * Reads the header row, and signs in for it. A kept access token that Google has withdrawn is replaced once.
 *
 * @returns {Promise<{names: string[], authorization: object}>} the names unchanged, blank ones among them, and
 *   the headers for further requests.
 * @throws {PublishError} where it cannot be read, or rows cannot be appended below it.
 */
async function readHeader(settings, deadline) {
  const url = rangeUrl(settings, '1:1', '?majorDimension=ROWS');
  const limits = { deadline, longest: READ_MS, mayRepeat: mayRead };
  for (let renewed = false; ; renewed = true) {
    const authorization = { Authorization: `Bearer ${await accessToken(settings, deadline)}` };
    const outcome = await send(url, { headers: authorization }, limits);
    if (outcome.status === 401 && !renewed) {
      kept = { account: '', token: '', until: 0 };
      continue;
    }
    if (!isDone(outcome)) {
      throw explain(READING, outcome);
    }
    return { names: headerIn(outcome.body), authorization };
  }
}

/**
 * Takes the names from Google's answer. Where A1 is blank, an appended row lands above the header or further right
 * (recorded by googleapis/google-api-nodejs-client#3391), so that nothing may be appended.
 *
 * @throws {PublishError} where all names are blank, or only A1 is.
 */
function headerIn(body) {
  const names = ((body.values || [])[0] || []).map(String);
  if (!names.some((name) => name.trim())) {
    throw new PublishError('the tab has no header row; write the columns\' names into row 1');
  }
  if (!names[0].trim()) {
    throw new PublishError('cell A1 is blank, so the row would land in the wrong place; the header must begin in A1');
  }
  return names;
}

/** A name as it is compared: blanks at its ends, and the way in which é is stored, make no difference. */
const comparable = (name) => name.normalize('NFC').trim();

/**
 * Puts each cell under the header of its name.
 *
 * @param {string[]} header the header row.
 * @param {Array<[string, string]>} cells name and text.
 * @returns {{row: string[], missing: string[], repeated: string[]}} the whole row; the names that have no column;
 *   the names that have several, of which the first was taken.
 */
function place(header, cells) {
  const columns = header.map(comparable);
  const row = header.map(() => '');
  const missing = [];
  const repeated = [];
  for (const [name, text] of cells) {
    const column = comparable(name) === '' ? -1 : columns.indexOf(comparable(name));
    if (column === -1 || row[column] !== '') {
      missing.push(name); // or its column is taken by a parameter that differs in blanks alone
      continue;
    }
    row[column] = text;
    if (columns.indexOf(comparable(name), column + 1) !== -1) {
      repeated.push(name);
    }
  }
  return { row, missing, repeated };
}

/** The letters of a column: 0 → A, 25 → Z, 26 → AA. */
function letters(column) {
  return (column >= 26 ? letters(Math.floor(column / 26) - 1) : '') + String.fromCharCode(65 + (column % 26));
}

/**
 * Looks for rows that Google may have written, by a token in them: no other row holds the same.
 *
 * @param {string[][]} rows the rows of one append, of which Google wrote all or none.
 * All tokens of a row are looked for, because somebody may have given two columns each other's names meanwhile.
 *
 * @returns {Promise<number>} the number of the first row that is there, NOT_THERE, or CANNOT_TELL where the column
 *   could not be read or no row holds a token.
 */
async function look(settings, authorization, rows, deadline, longest = READ_MS) {
  const column = Math.min(...rows.map((row) => row.findIndex((text) => TOKEN.test(text))).filter((at) => at >= 0));
  if (column === Infinity) {
    return CANNOT_TELL;
  }
  const range = `${letters(column)}:${letters(column)}`;
  const url = rangeUrl(settings, range, '?majorDimension=COLUMNS&fields=values');
  const outcome = await send(url, { headers: authorization }, { deadline, longest, mayRepeat: mayRead });
  const texts = isDone(outcome) ? (outcome.body.values || [])[0] : undefined;
  if (!texts) { // a column with a name in row 1 is never empty
    return CANNOT_TELL;
  }
  const tokens = new Set(rows.flat().filter((text) => TOKEN.test(text)));
  return texts.findIndex((text) => tokens.has(text)) + 1;
}

/** Sends one append; see `request` for what it returns. A 200 that names no range counts as a lost answer. */
async function appendOnce(settings, authorization, rows, limit) {
  const url = rangeUrl(settings, 'A1', ':append?valueInputOption=RAW&insertDataOption=INSERT_ROWS');
  const outcome = await request(url, {
    method: 'POST',
    headers: { ...authorization, 'Content-Type': 'application/json' },
    body: JSON.stringify({ majorDimension: 'ROWS', values: rows }),
  }, limit);
  return isDone(outcome) && !rangeIn(outcome.body) ? { ...outcome, body: null } : outcome;
}

/** The range that Google says it has written, without the tab. */
function rangeIn(body) {
  const range = String((body.updates || {}).updatedRange || '');
  return range.slice(range.lastIndexOf('!'));
}

/**
 * Reads from Google's answer where the row is.
 *
 * @throws {PublishError} where it does not begin in column A, below the header: the header was moved meanwhile.
 */
function landed(body) {
  const start = /!\$?([A-Z]+)\$?(\d+)/.exec(rangeIn(body));
  if (!start || start[1] !== 'A' || start[2] === '1') {
    throw new PublishError('the row was appended, but in the wrong place, and must be repaired by hand: '
      + 'the header must be in row 1, from column A on');
  }
  return Number(start[2]);
}

/** What the flow reads about a row that is in the Sheet; see `publishDirectly`. */
function written({ missing, repeated }, row) {
  return {
    status: missing.length ? 'written_with_missing_columns' : 'written',
    missing_columns: missing.join(','),
    repeated_columns: repeated.join(','),
    row,
  };
}

/** Logs names, never values. `console.warn` also raises an alert in Twilio's Debugger. */
function warn({ missing, repeated }, row) {
  for (const [what, names] of [
    ['these parameters have no column, so their values are not in the Sheet', missing],
    ['these names appear in the header more than once, and the first column was taken', repeated],
  ]) {
    if (names.length) {
      console.warn(`publish_to_sheet: row ${row}: ${what}: ${quoted(names)}`);
    }
  }
}

const quoted = (names) => names.map((name) => JSON.stringify(name)).join(', ');

module.exports = {
  APPENDING, CANNOT_TELL, LOOK_MS, NOT_THERE, PublishError, SMALLEST_MS, TOKEN, appendOnce, explain, isBusy, isDone,
  isDown, landed, look, mayAppend, mayRead, pause, pauseAfter, place, quoted, readHeader, readSettings, send, warn,
  written, wroteNothing,
};
