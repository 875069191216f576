'use strict';

/**
 * Leads the connections that a program makes to Google and to Twilio Sync to stand-ins. For tests: loaded with
 * `node --require`, so that what is tested knows nothing of it.
 *
 * Only the address and the trusted certificate change. TLS is real, with the true names in the certificate that is
 * checked, and `fetch` is Node's own. (Node 20's fetch knows no proxy, so the sandbox's proxy cannot be used.)
 *
 * Environment, read at each connection because Twilio's runtime replaces the environment after its start:
 *   SANDBOX_PORT  the port on 127.0.0.1 where the sandbox ends TLS; 0 where nothing listens
 *   SANDBOX_CA    the file of the certificate that signed the sandbox's
 *   SYNC_PORT, SYNC_CA  the same for Sync
 */

const fs = require('fs');
const tls = require('tls');

const STAND_INS = {
  'oauth2.googleapis.com': 'SANDBOX',
  'sheets.googleapis.com': 'SANDBOX',
  'www.googleapis.com': 'SANDBOX',
  'sync.twilio.com': 'SYNC',
};

const { connect } = tls;

tls.connect = function connectToStandIn(options, ...others) {
  const name = typeof options === 'object' ? STAND_INS[options.host] : undefined;
  if (!name) {
    return connect.call(this, options, ...others);
  }
  const { [`${name}_PORT`]: port, [`${name}_CA`]: ca } = process.env;
  return connect.call(this, { ...options, host: '127.0.0.1', port: Number(port), ca: fs.readFileSync(ca) }, ...others);
};
