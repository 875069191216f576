// Makes legacy_cbc_beyond_ascii.json: tokens of crypto-js 3.1.2 under secrets with letters beyond ASCII.
//
//     npm install --no-save crypto-js@3.1.2 && node legacy_cbc_beyond_ascii.js > legacy_cbc_beyond_ascii.json
//
// The key is what the first Twilio function made of its secret: the first 16 UTF-16 units, padded with "0", as UTF-8.
// `reads` says whether crypto-js decrypts all of its own tokens again.
const CryptoJS = require("crypto-js");

const CBC = { mode: CryptoJS.mode.CBC, padding: CryptoJS.pad.Pkcs7 };
const PLAINTEXTS = ["Ana María Rodríguez", "+57 300 1234567", "", "👩🏽‍🌾 farmer"];
const SECRETS = [
  "éééééééé12345678", // 24 bytes
  "ключ_наша_1234567", // 24
  "🌾🌾🌾🌾12345678", // 24: 16 UTF-16 units, 12 characters
  "секретныйключопроса", // 32
  "調査の秘密鍵です", // 32: 8 characters of three bytes, padded
  "🌾".repeat(8), // 32
  "clavé_sécréte_été_2024", // 20
  "ключ_опроса_2жж1", // 28
  "調査の秘密鍵です調査345678", // 36
  "調査の秘密鍵です調査の秘ab12", // 40
  "調査の秘密鍵です調査の秘密鍵12", // 44
  "調査の秘密鍵です調査の秘密鍵です", // 48
  "contraseña_larga_de_la_encuesta", // 17
  "año_2026_señales_de_la_encuesta", // 18
  "ключ_наш_1234567", // 23
  "секретныйключ", // 29
];

function keyOf(secret) {
  return CryptoJS.enc.Utf8.parse((secret + "0".repeat(16)).substring(0, 16));
}

function encrypt(plaintext, key) {
  const made = CryptoJS.AES.encrypt(plaintext, key, { iv: CryptoJS.lib.WordArray.random(16), ...CBC });
  return made.iv.clone().concat(made.ciphertext).toString(CryptoJS.enc.Base64);
}

function decrypt(token, key) {
  const { words, sigBytes } = CryptoJS.enc.Base64.parse(token);
  const iv = CryptoJS.lib.WordArray.create(words.slice(0, 4), 16);
  const ciphertext = CryptoJS.lib.WordArray.create(words.slice(4), sigBytes - 16);
  try {
    return CryptoJS.AES.decrypt({ ciphertext }, key, { iv, ...CBC }).toString(CryptoJS.enc.Utf8);
  } catch {
    return null; // not UTF-8
  }
}

const vectors = SECRETS.flatMap((secret) => {
  const key = keyOf(secret);
  const made = PLAINTEXTS.map((plaintext) => ({ plaintext, token: encrypt(plaintext, key) }));
  const reads = made.every(({ plaintext, token }) => decrypt(token, key) === plaintext);
  return made.map((vector) => ({ secret, key_bytes: key.sigBytes, reads, ...vector }));
});
const about = "Tokens made by crypto-js 3.1.2 under secrets beyond ASCII; legacy_cbc_beyond_ascii.js made this file.";
console.log(JSON.stringify({ format: "legacy-cbc", about, vectors }, null, 1));
