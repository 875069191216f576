'use strict';

/**
 * Simulates a survey at a crowd's speed: node simulate.js FOLDER < scenario.json > result.json
 *
 * A scenario: `respondents`, `seconds` (in which they finish, evenly), `seed`, `header`, `sync` (whether there is one),
 * `moods` (see google.js), `dies` ({call, await} for one call, or a {share} of all calls; {slow} where Studio notices
 * it by its ten seconds alone, {travels} where its last request arrives all the same, {freeze} where the call goes on
 * so many seconds later), `silent` (each so many-th says nothing), `length` and `letter` of an answer, `until`
 * (seconds, at most), `syncMoods` (see `syncIn`), `syncLag` (seconds, at most, until readers see some items of Sync),
 * `items` ({at} which second somebody puts {data} into each list of Sync), `listsDeletedAt` (the second in which
 * somebody deletes Sync's lists), `columns` (from a second on, another header), `context` (other environment
 * variables).
 */

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const { Clock, chance } = require('./clock.js');
const { Functions } = require('./functions.js');
const { Google } = require('./google.js');
const { Execution } = require('./studio.js');
const { Sync } = require('./sync.js');

const GOOGLE_KEY = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  .export({ type: 'pkcs8', format: 'pem' });

async function simulate(folder, scenario) {
  const flow = JSON.parse(fs.readFileSync(path.join(folder, 'studio_flow.json'), 'utf8'));
  const questions = flow.states.filter(({ name, type }) => type === 'send-and-wait-for-reply' && name !== 'one_moment')
    .map(({ name }) => name);
  const random = chance(scenario.seed || 1);
  const clock = new Clock();
  const google = new Google(clock, random, scenario);
  const lag = () => (random() < 0.3 ? random() * scenario.syncLag * 1000 : 0);
  const sync = new Sync(() => clock.now, undefined, scenario.syncLag ? lag : undefined);
  const world = { clock, random, google, sync };
  world.syncAnswer = (...request) => syncIn(scenario.syncMoods || [], world, request);
  world.context = {
    ENCRYPTION_PUBLIC_KEY: scenario.publicKey, GOOGLE_CLIENT_EMAIL: 'a@b', GOOGLE_PRIVATE_KEY: GOOGLE_KEY,
    GOOGLE_SHEET_ID: 'sheet', GOOGLE_SHEET_TAB: 'data', ACCOUNT_SID: 'AC', AUTH_TOKEN: 'x',
    DOMAIN_NAME: 'survey.twil.io',
    ...(scenario.sync === false ? {} : { SYNC_SERVICE_SID: sync.service }),
    ...scenario.context,
  };
  const dies = scenario.dies || {};
  const doom = (number) => (dies.share ? (random() < dies.share ? 1 + Math.floor(random() * (dies.within || 10)) : 0)
    : number === dies.call ? dies.await : 0);
  const functions = new Functions(world, folder, doom);
  Object.assign(functions, { slowDeath: Boolean(dies.slow), travels: Boolean(dies.travels), freeze: dies.freeze });
  world.functions = functions;
  const executions = [];
  for (const { from, header } of scenario.columns || []) {
    clock.at(clock.start + from * 1000, () => { google.rows[0] = header; });
  }
  for (const { at, data } of scenario.items || []) {
    const form = { Data: JSON.stringify(data), ItemTtl: '7776000' };
    clock.at(clock.start + at * 1000, () => sync.lists.forEach((list) => sync.add(list, form)));
  }
  if (scenario.listsDeletedAt) clock.at(clock.start + scenario.listsDeletedAt * 1000, () => sync.lists.clear());
  for (let number = 0; number < scenario.respondents; number += 1) {
    const at = clock.start + (number * scenario.seconds * 1000) / scenario.respondents;
    const isSilent = scenario.silent && number % scenario.silent === 0;
    clock.at(at, () => executions.push(new Execution(world, flow, (widget) => {
      if (!questions.includes(widget)) return undefined;
      if (isSilent && widget !== questions[questions.length - 1]) return '';
      return `${number} ${(scenario.letter || 'x').repeat(scenario.length || 5)}`;
    })));
  }
  await clock.run(clock.start + (scenario.until || 4 * 3600) * 1000);
  return report(scenario, { clock, google, sync, functions, executions });
}

/**
 * Sync's answer to a request in one of its bad times, each of which lasts from a second to another one:
 *   `down`     503 or silence; a part of what is refused is done all the same, some of it late
 *   `late`     some items are put in a minute later, and that is not answered
 *   `garbled`  some answers say nothing; half of these requests are done
 *   a number   that status, for each request that matches `match`
 */
function syncIn(moods, { clock, random, sync }, request) {
  const seconds = (clock.now - clock.start) / 1000;
  const isNow = ({ from = 0, to = Infinity, match = '' }) => seconds >= from && seconds < to
    && new RegExp(match).test(`${request[0]} ${request[1]}`);
  const { mood } = moods.find(isNow) || {};
  const dice = mood ? random() : 1;
  if (typeof mood === 'number') return { status: mood, body: {} };
  if (mood === 'down') {
    if (dice < 0.15) sync.answer(...request);
    else if (dice < 0.3) clock.after(random() * 5000, () => sync.answer(...request));
    return dice < 0.6 ? { status: 503, body: {} } : null;
  }
  if (mood === 'late' && dice < 0.3 && request[0] === 'POST' && request[1].endsWith('/Items')) {
    clock.after((60 + random() * 30) * 1000, () => sync.answer(...request));
    return null;
  }
  if (mood === 'garbled' && dice < 0.3) {
    const { status } = dice < 0.15 ? sync.answer(...request) : { status: request[0] === 'POST' ? 201 : 200 };
    return { status, body: {} };
  }
  return sync.answer(...request);
}

function report(scenario, { clock, google, sync, functions, executions }) {
  const rows = google.rows.slice(1);
  const key = scenario.header.indexOf('number'); // a plain column that holds the respondent's number
  const times = new Map();
  for (const row of rows) times.set(row[key], (times.get(row[key]) || 0) + 1);
  const wait = executions.map(({ answered, finished }) => (answered ? (answered - finished) / 1000 : Infinity));
  const first = executions.map(({ said, finished }) => (said.length ? (said[0][1] - finished) / 1000 : Infinity));
  const told = (name) => executions.filter(({ said }) => said.some(([widget]) => widget === name)).length;
  const levels = (level) => functions.log.filter((line) => line.level === level).map(({ text }) => text);
  return {
    respondents: executions.length,
    rows: rows.length,
    distinct: times.size,
    twice: [...times.values()].filter((count) => count > 1).length,
    thanked: told('thank_you'),
    not_saved: told('not_saved'),
    one_moment: told('one_moment'),
    longest_wait: Math.max(...wait),
    first_word: Math.max(...first),
    running: executions.filter(({ ended }) => ended === null).length,
    stopped: executions.filter(({ ended }) => ended === 'steps' || ended === 'same widget').length,
    most_steps: Math.max(...executions.map(({ steps }) => steps)),
    calls: functions.calls,
    awaits: functions.awaits,
    at_once: functions.most,
    longest_call: functions.longest / 1000,
    reads_a_minute: google.most(false),
    writes_a_minute: google.most(true),
    refused_by_google: google.refused,
    largest_request: google.largest,
    refused_by_sync: sync.refused,
    sync_requests: sync.requests,
    last_row: google.asked.length ? (google.asked[google.asked.length - 1].time - clock.start) / 1000 : 0,
    errors: [...new Set(levels('error'))].slice(0, 20),
    alerts: levels('error').length,
    warnings: levels('warn'),
    lengths: levels('log').slice(0, 5),
  };
}

async function main() {
  const { scenarios } = JSON.parse(fs.readFileSync(0, 'utf8'));
  const results = [];
  for (const scenario of scenarios) results.push(await simulate(process.argv[2], scenario));
  process.stdout.write(JSON.stringify(results));
}

module.exports = { simulate };
if (require.main === module) main();
