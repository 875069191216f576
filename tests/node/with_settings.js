'use strict';

/**
 * Calls a Twilio Function as if its environment had other settings, in a container of its own. For tests: starting a
 * runtime for each setting takes a second.
 *
 * Headers of the request:
 *   X-Function  the function's name
 *   X-Settings  the settings that differ, as JSON; null for one that is missing
 */

exports.handler = function withSettings(context, event, callback) {
  const { 'x-function': name, 'x-settings': settings } = event.request.headers;
  const changed = { ...context, ...JSON.parse(settings) };
  for (const key of Object.keys(changed).filter((each) => changed[each] === null)) {
    delete changed[key];
  }
  const functions = Runtime.getFunctions();
  for (const { path } of Object.values(functions)) {
    delete require.cache[path];
  }
  require(functions[name].path).handler(changed, event, callback);
};
