'use strict';

/**
 * Serves Sync over TLS until it is ended: node serve_sync.js server.pem; prints its port. Every id of a service, IS and 32
 * digits, has a service of its own.
 */

const fs = require('fs');
const https = require('https');

const { Sync } = require('./sync.js');

const services = new Map();
const serviceOf = (id) => {
  if (!services.has(id)) services.set(id, new Sync(() => Date.now(), /^IS\d{32}$/.test(id) ? id : undefined));
  return services.get(id);
};
const pem = fs.readFileSync(process.argv[2]);

const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
  let text = '';
  request.on('data', (chunk) => { text += chunk; });
  request.on('end', () => {
    const form = Object.fromEntries(new URLSearchParams(text));
    const isAllowed = request.headers.authorization === `Basic ${Buffer.from('AC1:secret').toString('base64')}`;
    const address = request.url.slice('/v1/Services/'.length);
    const { status, body } = isAllowed
      ? serviceOf(address.split('/')[0]).answer(request.method, address, request.headers, form)
      : { status: 401, body: { code: 20003 } };
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
