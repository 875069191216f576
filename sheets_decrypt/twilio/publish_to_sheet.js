'use strict';

/**
 * A Twilio Function that writes a survey's answers into a Google Sheet: every parameter goes under the header of its
 * name.
 *
 * Environment variables:
 *   GOOGLE_CLIENT_EMAIL  the service account, with which the Sheet is shared as Editor
 *   GOOGLE_PRIVATE_KEY   its private key, with real line breaks or with `\n`
 *   GOOGLE_SHEET_ID      the spreadsheet's id: the part of its address between /d/ and /edit
 *   GOOGLE_SHEET_TAB     the title of the tab
 *   SYNC_SERVICE_SID     a Twilio Sync service that keeps answers until Google takes them; blank for none
 *
 * Parameters that are not columns; the exported flow sends them:
 *   _submission  names the answers of one respondent, made by `encrypt_fields`
 *   _tries       how often the flow has called before with this submission; blank at first
 *   _deliver     "yes": no new answers, only bring those that wait in Sync into the Sheet
 *
 * With Sync the answers are put there first (`answer_store`), and then brought into the Sheet (`answer_queue`), many at
 * once: Google takes 60 requests a minute, and one of them may append hundreds of rows. Without Sync, or without
 * `_submission`, one call writes one row or none, directly.
 *
 * What it promises:
 * - It answers within Twilio's ten seconds. "written" only where the row is known to be in the Sheet; "kept" and
 *   "kept_watch" only where Sync has the answers.
 * - A parameter without a column is not dropped in silence. The row is written, and the reply or the log names it.
 * - No value is ever logged or put into an error's message.
 *
 * When the direct way may repeat a try. Reading may always be repeated. Appending may be repeated at once only where
 * Google certainly wrote nothing: it answered 429, or the request never left. After anything else the row may be there,
 * and a second try could write it twice. Then the Sheet is read: a row that holds this submission's own token was
 * written, and the call succeeds. Where it is not there:
 * - after a 503, by which Google asks for another try, the row is sent again, and before each further try looked for;
 * - after a lost answer (a time-out, a broken connection, another 5xx), or where the Sheet cannot be read or the row
 *   holds no token to know it by, the call fails without another try.
 * The risks that stay: a row may appear after the last look. Its respondent was not thanked; or, after a 503, it is
 * there twice.
 *
 * It loads three private functions: `google_sheet`, `answer_store` and `answer_queue`. No other dependencies.
 * Node.js 18 or later.
 */

const NO_ANSWER = 'No Data'; // what `missing_values` of sheets-decrypt expects for an unanswered question
const CELL_CHARACTERS = 50000; // Google's limit

const BUDGET_MS = 8500; // of Twilio's 10 seconds; the rest is for starting up and for the way back to Studio
const CONFIRM_MS = 2000; // kept back while appending, to look whether a lost append was written
const LATE_MS = 4000; // before the flow calls again: what Sync takes in late must be seen then
const CONFIRM_PAUSE_MS = 600; // between two looks for a lost row; doubles
const LONGEST_CONFIRM_PAUSE_MS = 2400;

/** The private functions, by their paths. */
const google = require(Runtime.getFunctions().google_sheet.path);
const store = require(Runtime.getFunctions().answer_store.path);
const queue = require(Runtime.getFunctions().answer_queue.path);

const { PublishError } = google;

/* ---------------------------------------------------------------- parameters */

/** Parameters that say how to write, and are no columns. */
const CONTROLS = new Set(['_submission', '_tries', '_deliver', '_round']);

/** The text of one cell; a longer one would make Google refuse the row without saying which it was. */
function cell(name, value) {
  const text = value === undefined || value === null || value === '' ? NO_ANSWER : String(value);
  if (text.length > CELL_CHARACTERS) {
    throw new PublishError(`the parameter ${JSON.stringify(name)} is longer than a cell's 50,000 characters`);
  }
  return text;
}

/**
 * Reads the parameters that are to become cells.
 *
 * @param {object} event the call's parameters; Twilio's own entry `request` (headers and cookies) is left out.
 * @returns {Array<[string, string]>} name and text; an unanswered question's text is "No Data".
 * @throws {PublishError} where there are none, or one is not a single value: Twilio makes a list of a name that the
 *   widget holds twice, and the function cannot know which of the two is right.
 */
function readCells(event) {
  const cells = Object.entries(event).filter(([name, value]) => !CONTROLS.has(name)
    && !(name === 'request' && typeof value === 'object' && value !== null && !Array.isArray(value)));
  if (cells.length === 0) {
    throw new PublishError('no parameters are given, so no row can be written; add them to the widget');
  }
  return cells.map(([name, value]) => {
    if (Array.isArray(value)) {
      throw new PublishError(`the parameter ${JSON.stringify(name)} is given more than once`);
    }
    if (typeof value === 'object' && value !== null) {
      throw new PublishError(`the parameter ${JSON.stringify(name)} is not a single value`);
    }
    return [name, cell(name, value)];
  });
}

/* ---------------------------------------------------------------- the direct way */

/**
 * Looks for the row again and again: Google may still be at it.
 *
 * @returns {Promise<number>} the row's number; 0 where it was not found in time, or the row holds no token.
 */
async function findRow(settings, authorization, row, deadline) {
  if (!row.some((text) => google.TOKEN.test(text))) {
    return 0;
  }
  for (let wait = CONFIRM_PAUSE_MS; ; wait *= 2) {
    const found = await google.look(settings, authorization, [row], deadline);
    if (found > 0) {
      return found;
    }
    if (wait > LONGEST_CONFIRM_PAUSE_MS || deadline - Date.now() < wait + google.SMALLEST_MS) {
      return 0;
    }
    await google.pause(wait);
  }
}

/**
 * Appends the row once (see the top of this file).
 *
 * @returns {Promise<number>} the number of the row in the Sheet.
 * @throws {PublishError} where it is not known to be there, or landed in the wrong place.
 */
async function append(settings, authorization, row, deadline) {
  const until = deadline - CONFIRM_MS;
  let doubtful = false; // whether one of the tries may have written the row
  let outcome = { sent: false };
  let tries = 0;
  for (let known = google.NOT_THERE; known === google.NOT_THERE && until - Date.now() >= google.SMALLEST_MS;) {
    outcome = await google.appendOnce(settings, authorization, [row], until - Date.now());
    tries += 1;
    if (google.isDone(outcome)) {
      return google.landed(outcome.body);
    }
    doubtful = doubtful || !google.wroteNothing(outcome);
    const wait = google.pauseAfter(outcome, tries);
    if (!google.mayAppend(outcome) || until - Date.now() < wait + google.SMALLEST_MS) {
      break;
    }
    await google.pause(wait);
    known = doubtful ? await google.look(settings, authorization, [row], until) : google.NOT_THERE;
    if (known > 0) {
      return known;
    }
  }
  if (!doubtful) {
    throw google.explain(google.APPENDING, { ...outcome, tries });
  }
  const found = await findRow(settings, authorization, row, deadline);
  if (!found) {
    throw lost(outcome, tries);
  }
  return found;
}

/** Returns the error for a row of which it is not known whether it was written. */
function lost(outcome, tries) {
  const isLost = google.isDown(outcome) && !google.isBusy(outcome);
  const answer = isLost ? 'Google\'s answer was lost' : `Google answered ${outcome.status}`;
  return new PublishError(`${google.APPENDING} failed: ${answer}, and the row was not found afterwards; it was not `
    + `sent once more, so that it cannot be there twice (tries: ${tries})`);
}

/**
 * Writes one row without a queue.
 *
 * @param {boolean} again whether an earlier call, which has died, may have sent the row: then it is only looked for.
 * @returns {Promise<object>} what the flow reads: `status` is "written", or "written_with_missing_columns" with the
 *   parameters' names in `missing_columns`; `row` is the row's number.
 * @throws {PublishError}
 */
async function publishDirectly(context, cells, again, deadline) {
  const settings = google.readSettings(context);
  const { names, authorization } = await google.readHeader(settings, deadline);
  const placed = google.place(names, cells);
  if (placed.missing.length === cells.length) {
    throw new PublishError(`no parameter has a column in the tab; the parameters are ${google.quoted(placed.missing)}`);
  }
  const number = again
    ? await findRow(settings, authorization, placed.row, deadline)
    : await append(settings, authorization, placed.row, deadline);
  if (number === 0) {
    throw new PublishError('an earlier call did not end, and its row was not found in the Sheet');
  }
  google.warn(placed, number);
  return google.written(placed, number);
}

/* ---------------------------------------------------------------- the way through the queue */

/**
 * Puts the answers into Sync, and brings what waits there into the Sheet if the time has come.
 *
 * @returns {Promise<object>} `status` is "written" (see `publishDirectly`), "kept", "kept_watch" where no
 *   execution watches the queue yet, or "again" where the flow has to call once more.
 * @throws {PublishError}
 */
async function publishByQueue(sync, context, cells, { submission, again }, deadline) {
  try {
    await store.keep(sync, submission, cells, again, deadline);
  } catch (error) {
    if (error instanceof store.Refused) {
      console.error(`publish_to_sheet: ${error.message}`);
      return publishDirectly(context, cells, again, deadline);
    }
    if (!(error instanceof store.NotKept)) {
      throw error;
    }
    console.error(`publish_to_sheet: ${error.message}; the flow calls again`);
    await google.pause(Math.max(0, Math.min(LATE_MS, deadline - Date.now())));
    return { status: 'again' };
  }
  const mine = await queue.deliver(sync, context, submission, deadline);
  return mine || { status: await queue.isWatched(sync, deadline) ? 'kept' : 'kept_watch' };
}

/** Decides which way a call takes. */
async function answer(context, event, deadline) {
  const sync = store.open(context);
  const submission = store.readSubmission(event._submission);
  if (event._deliver && sync) {
    return queue.watch(sync, context, { submission, round: Number(event._round) || 0 }, deadline);
  }
  const cells = readCells(event);
  const again = Number(event._tries) > 0;
  return sync && submission
    ? publishByQueue(sync, context, cells, { submission, again }, deadline)
    : publishDirectly(context, cells, again, deadline);
}

/** Builds the answer that Studio reads: JSON with a status code. */
function reply(statusCode, body) {
  const response = new Twilio.Response();
  response.setStatusCode(statusCode);
  response.appendHeader('Content-Type', 'application/json');
  response.setBody(body);
  return response;
}

/**
 * What Twilio calls. Answers 200 with a `status` (see above). A failure is `{"status": "failed", "error": …}`: with 200
 * for a flow that sends `_submission` and branches on the status, so that its other path means a call that died; with
 * 500 for others, which takes their failure path. `console.error` also raises an alert in Twilio's Debugger.
 */
exports.handler = async function handler(context, event, callback) {
  let response;
  try {
    response = reply(200, await answer(context, event, Date.now() + BUDGET_MS));
  } catch (error) {
    // Only our own messages are known to hold no value.
    const message = error instanceof PublishError ? error.message : 'unexpected error';
    console.error(`publish_to_sheet: ${message}`);
    response = reply(store.readSubmission(event._submission) ? 200 : 500, { status: 'failed', error: message });
  }
  return callback(null, response);
};
