'use strict';

/**
 * A Twilio Function that encrypts every parameter it is given and returns each under its own name.
 *
 * There is nothing to edit here when the questions change: the parameters of the widget that calls this function
 * decide what is encrypted. The one setting is the environment variable ENCRYPTION_PUBLIC_KEY, which
 * `sheets-decrypt keygen` prints. The private key never comes near Twilio.
 *
 * The format of a token (sealed box):
 *
 *     "v2:" + base64(ephemeral public key (32) | nonce (12) | ciphertext | tag (16))
 *
 * X25519; HKDF-SHA256 with the salt `ephemeral public key | recipient's public key` and the info
 * "requests-to-twilio/v2"; AES-256-GCM with that same text as additional data. All fields of one call share the
 * ephemeral key, and with it the AES key; each has a nonce of its own.
 *
 * Beside the tokens it returns `_submission`: the time and a random number, which name this set of answers. With it
 * `publish_to_sheet` recognises a set that it was given twice.
 *
 * What a respondent said is never logged, and no message of an error holds it.
 *
 * No dependencies. Node.js 18 or later.
 */

const crypto = require('crypto');

const CONTEXT = 'requests-to-twilio/v2';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const SUBMISSION = '_submission';

/** A mistake in the set-up, in words for the person who set it up. Its message never holds an answer or a key. */
class SetupError extends Error {}

/**
 * Reads the public key.
 *
 * @param {string | undefined} text urlsafe base64 of 32 bytes, with or without the padding.
 * @returns {Buffer} the 32 bytes.
 * @throws {SetupError} where the text is missing or anything else.
 */
function readPublicKey(text) {
  const key = (text || '').trim().replace(/=+$/, '');
  if (!key) {
    throw new SetupError('the environment variable ENCRYPTION_PUBLIC_KEY is not set');
  }
  const bytes = Buffer.from(key, 'base64url');
  // Buffer.from skips what is not base64, so a damaged key would pass without the way back.
  if (bytes.length !== KEY_BYTES || bytes.toString('base64url') !== key) {
    throw new SetupError('ENCRYPTION_PUBLIC_KEY is not a public key as `sheets-decrypt keygen` prints it');
  }
  return bytes;
}

/**
 * Agrees on a key with the recipient, by a new ephemeral key.
 *
 * @param {Buffer} recipient the recipient's public key, 32 bytes.
 * @returns {{ephemeral: Buffer, key: Buffer}} the ephemeral public key and the AES key, 32 bytes each.
 * @throws {SetupError} where the public key is a point without a private key.
 */
function agree(recipient) {
  const pair = crypto.generateKeyPairSync('x25519');
  const ephemeral = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x, 'base64url');
  let shared;
  try {
    const jwk = { kty: 'OKP', crv: 'X25519', x: recipient.toString('base64url') };
    const publicKey = crypto.createPublicKey({ key: jwk, format: 'jwk' });
    shared = crypto.diffieHellman({ privateKey: pair.privateKey, publicKey });
  } catch {
    throw new SetupError('ENCRYPTION_PUBLIC_KEY cannot be used as an X25519 public key');
  }
  const salt = Buffer.concat([ephemeral, recipient]);
  return { ephemeral, key: Buffer.from(crypto.hkdfSync('sha256', shared, salt, CONTEXT, KEY_BYTES)) };
}

/**
 * Encrypts one text.
 *
 * @param {string} text any text that is not empty.
 * @param {{ephemeral: Buffer, key: Buffer}} agreed what `agree` gave for this call.
 * @returns {string} the token.
 */
function seal(text, { ephemeral, key }) {
  const nonce = crypto.randomBytes(NONCE_BYTES);
  const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(CONTEXT));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return `v2:${Buffer.concat([ephemeral, nonce, ciphertext, cipher.getAuthTag()]).toString('base64')}`;
}

/**
 * Returns whether an entry is Twilio's own, the request's headers and cookies, and not a parameter of that name.
 */
function isTwiliosOwn(name, value) {
  return name === 'request' && typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads a parameter as text; one that is not there is the empty text.
 *
 * @throws {SetupError} where it is not a single value. Twilio makes a list of a name that the widget holds twice, and
 *   the function cannot know which of the two is right.
 */
function textOf(name, value) {
  if (value === undefined || value === null) {
    return '';
  }
  if (Array.isArray(value)) {
    throw new SetupError(`the parameter ${JSON.stringify(name)} is given more than once`);
  }
  if (typeof value === 'object') {
    throw new SetupError(`the parameter ${JSON.stringify(name)} is not a single value`);
  }
  return String(value);
}

/**
 * Encrypts every parameter of a call. An unanswered one stays empty.
 *
 * @param {object} event the call's parameters.
 * @param {string | undefined} publicKey see `readPublicKey`.
 * @returns {object} name → token, with the parameters' names as they came, `__proto__` among them; and `_submission`.
 * @throws {SetupError} where anything is wrong; then nothing is returned at all.
 */
function encryptAll(event, publicKey) {
  const agreed = agree(readPublicKey(publicKey));
  const answers = Object.entries(event).filter(([name, value]) => !isTwiliosOwn(name, value));
  if (answers.length === 0) {
    throw new SetupError('no parameters are given, so there is nothing to encrypt; add them to the widget');
  }
  if (Object.hasOwn(event, SUBMISSION)) {
    throw new SetupError(`the parameter "${SUBMISSION}" has a meaning of its own; give it another name`);
  }
  const texts = answers.map(([name, value]) => [name, textOf(name, value)]);
  const submission = `${Date.now()}-${crypto.randomBytes(8).toString('hex')}`;
  // fromEntries defines each name as it is; an assignment to `__proto__` would lose that answer silently.
  return Object.fromEntries([
    ...texts.map(([name, text]) => [name, text === '' ? '' : seal(text, agreed)]), [SUBMISSION, submission],
  ]);
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
 * What Twilio calls. Answers 200 with name → token, or 500 with `{"status": "failed", "error": …}`, which takes
 * the flow's failure path. `console.error` also raises an alert in Twilio's Debugger.
 */
exports.handler = function handler(context, event, callback) {
  try {
    return callback(null, reply(200, encryptAll(event, context.ENCRYPTION_PUBLIC_KEY)));
  } catch (error) {
    // Only our own messages are known to hold no answer.
    const message = error instanceof SetupError ? error.message : 'unexpected error; nothing was encrypted';
    console.error(`encrypt_fields: ${message}`);
    return callback(null, reply(500, { status: 'failed', error: message }));
  }
};
