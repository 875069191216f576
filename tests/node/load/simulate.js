'use strict';

/**
 * Simulates a survey at a crowd's speed: node simulate.js FOLDER < scenario.json > result.json
 *
 * A scenario: `respondents`, `seconds` (in which they finish, evenly), `seed`, `header`, `sync` (whether there is one),
 * `moods` (see google.js), `dies` ({call, await} for one call, or a {share} of all calls; {slow} where Studio notices
 * it by its ten seconds alone, {travels} where its last request arrives all the same), `silent` (each so many-th says
 * nothing), `length` (characters of an answer), `until` (seconds, at most), `syncMoods` (from when to when Sync is down),
 * `listsDeletedAt` (the second in which somebody deletes Sync's lists), `columns` (from a second on, another header),
 * `context` (other environment variables).
 */

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const { Clock, chance } = require('./clock.js');
const { Functions } = require('./functions.js');
const { Google } = require('./google.js');
const { Execution } = require('./studio.js');
const { Sync } = require('./sync.js');

const GOOGLE_KEY = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  .export({ type: 'pkcs8', format: 'pem' });

async function simulate(folder, scenario) {
  const flow = JSON.parse(fs.readFileSync(path.join(folder, 'studio_flow.json'), 'utf8'));
  const questions = flow.states.filter(({ name, type }) => type === 'send-and-wait-for-reply' && name !== 'one_moment')
    .map(({ name }) => name);
  const random = chance(scenario.seed || 1);
  const clock = new Clock();
  const google = new Google(clock, random, scenario);
  const sync = new Sync(() => clock.now);
  const world = { clock, random, google, sync };
  world.syncAnswer = (...request) => {
    const seconds = (clock.now - clock.start) / 1000;
    const isDown = (scenario.syncMoods || []).some(({ from, to }) => seconds >= from && seconds < to);
    if (!isDown) return sync.answer(...request);
    const dice = random();
    if (dice < 0.15) sync.answer(...request); // done, and the answer lost
    else if (dice < 0.3) clock.after(random() * 5000, () => sync.answer(...request)); // the same, later
    return dice < 0.6 ? { status: 503, body: {} } : null;
  };
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
  Object.assign(functions, { slowDeath: Boolean(dies.slow), travels: Boolean(dies.travels) });
  world.functions = functions;
  const executions = [];
  for (const { from, header } of scenario.columns || []) {
    clock.at(clock.start + from * 1000, () => { google.rows[0] = header; });
  }
  if (scenario.listsDeletedAt) clock.at(clock.start + scenario.listsDeletedAt * 1000, () => sync.lists.clear());
  for (let number = 0; number < scenario.respondents; number += 1) {
    const at = clock.start + (number * scenario.seconds * 1000) / scenario.respondents;
    const isSilent = scenario.silent && number % scenario.silent === 0;
    clock.at(at, () => executions.push(new Execution(world, flow, (widget) => {
      if (!questions.includes(widget)) return undefined;
      if (isSilent && widget !== questions[questions.length - 1]) return '';
      return `${number} ${'x'.repeat(scenario.length || 5)}`;
    })));
  }
  await clock.run(clock.start + (scenario.until || 4 * 3600) * 1000);
  return report(scenario, { clock, google, sync, functions, executions });
}

function report(scenario, { clock, google, sync, functions, executions }) {
  const rows = google.rows.slice(1);
  const key = scenario.header.indexOf('number'); // a plain column that holds the respondent's number
  const times = new Map();
  for (const row of rows) times.set(row[key], (times.get(row[key]) || 0) + 1);
  const wait = executions.map(({ answered, finished }) => (answered ? (answered - finished) / 1000 : Infinity));
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
