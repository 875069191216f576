'use strict';

/**
 * Leads the connections that a program makes to Google to the sandbox instead. For tests: loaded with
 * `node --require`, so that what is tested knows nothing of it.
 *
 * Only the address and the trusted certificate change. TLS is real, with Google's names in the certificate that is
 * checked, and `fetch` is Node's own. (Node 20's fetch knows no proxy, so the sandbox's proxy cannot be used.)
 *
 * Environment, read at each connection because Twilio's runtime replaces the environment after its start:
 *   SANDBOX_PORT  the port on 127.0.0.1 where the sandbox ends TLS; 0 where nothing listens
 *   SANDBOX_CA    the file of the certificate that signed the sandbox's
 */

const fs = require('fs');
const tls = require('tls');

const GOOGLE = new Set(['oauth2.googleapis.com', 'sheets.googleapis.com', 'www.googleapis.com']);

const { connect } = tls;

tls.connect = function connectToSandbox(options, ...others) {
  if (typeof options !== 'object' || !GOOGLE.has(options.host)) {
    return connect.call(this, options, ...others);
  }
  const { SANDBOX_PORT: port, SANDBOX_CA: ca } = process.env;
  return connect.call(this, { ...options, host: '127.0.0.1', port: Number(port), ca: fs.readFileSync(ca) }, ...others);
};
