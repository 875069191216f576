'use strict';

/**
 * Leads one respondent through an exported flow as Twilio Studio does, with its limits: 1,000 steps, and the end of an
 * execution that runs the same widget ten times in a row (https://www.twilio.com/docs/studio/user-guide/studio-faq).
 */

const STEP_MS = 60;

class Execution {
  /** @param {object} world `clock` and `functions`. @param {Function} reply question widget → answer. */
  constructor(world, flow, reply) {
    Object.assign(this, { world, reply, widgets: {}, variables: {}, visited: [], said: [], steps: 0, row: 0 });
    this.states = new Map(flow.states.map((state) => [state.name, state]));
    this.finished = null; // when the last question was answered
    this.answered = null; // when the respondent was told how it ended
    this.ended = null; // why the execution ended
    this.step(flow.initial_state, 'incomingMessage');
  }

  step(from, event, input = '') {
    const next = follow(this.states.get(from), event, input);
    if (!next) { this.ended = 'end'; return; }
    this.steps += 1;
    this.row = next === this.visited[this.visited.length - 1] ? this.row + 1 : 1;
    this.visited.push(next);
    if (this.steps > 1000 || this.row >= 10) { this.ended = this.row >= 10 ? 'same widget' : 'steps'; return; }
    this.world.clock.after(STEP_MS, () => this.run(this.states.get(next)));
  }

  run({ name, type, properties }) {
    const { clock, functions } = this.world;
    const pairs = (list) => Object.fromEntries(list.map(({ key, value }) => [key, this.liquid(value)]));
    if (type === 'send-and-wait-for-reply') {
      const text = this.reply(name);
      if (text === undefined) { // not a question: the respondent only reads it
        this.said.push([name, clock.now]);
        clock.after(Number(properties.timeout) * 1000, () => this.step(name, 'timeout'));
        return;
      }
      this.widgets[name] = { inbound: { Body: text } };
      this.finished = clock.now;
      this.step(name, 'incomingMessage');
    } else if (type === 'run-function') {
      functions.call(properties.url.split('/').pop(), pairs(properties.parameters), (answer) => {
        this.widgets[name] = answer ? { parsed: answer.body } : {};
        this.step(name, answer && answer.status < 300 ? 'success' : 'fail');
      });
    } else if (type === 'split-based-on') {
      this.step(name, 'match', this.liquid(properties.input));
    } else if (type === 'set-variables') {
      Object.assign(this.variables, pairs(properties.variables));
      this.step(name, 'next');
    } else if (type === 'send-message') {
      this.said.push([name, clock.now]);
      this.answered = this.answered || clock.now;
      this.step(name, 'sent');
    } else {
      throw new Error(`no widget of the type ${type}`);
    }
  }

  /** Liquid, as far as the flow uses it: variables, `plus`, and a counter's `if`. */
  liquid(text) {
    const found = /^\{%- if ([\w.]+) -%\}(.*)\{%- else -%\}(.*)\{%- endif -%\}$/.exec(text);
    if (found) return this.liquid((this.look(found[1]) !== '' ? found[2] : found[3]).trim());
    return text.replace(/\{\{\s*([\w.]+)(?: \| plus: (\d+))?\s*\}\}/g, (_, name, plus) => (
      plus ? String(Number(this.look(name)) + Number(plus)) : this.look(name)));
  }

  look(name) {
    let value = { widgets: this.widgets, flow: { variables: this.variables } };
    for (const part of name.split('.')) value = value === undefined || value === null ? undefined : value[part];
    return value === undefined || value === null ? '' : String(value);
  }
}

function follow(state, event, input) {
  const fits = state.transitions.find((step) => step.event === event
    && (step.conditions || []).every(({ type, value }) => (type === 'is_blank' ? input === '' : value === input)));
  if (fits) return fits.next;
  return event === 'match' ? follow(state, 'noMatch', input) : undefined;
}

module.exports = { Execution };
