// Drives cryptomator-ts for the tests: `create|read|write VAULT FOLDER`, bundled by esbuild; the passphrase is a line
// on the standard input. `read` decrypts the whole vault into FOLDER, `write` puts all of FOLDER into the vault.
import * as fs from "node:fs";
import * as path from "node:path";
import { EncryptedDir, EncryptedFile, Vault } from "cryptomator-ts";
import type { DirID } from "cryptomator-ts";
import { LocalStorageProvider } from "./node_modules/cryptomator-ts/src/providers/LocalStorageProvider";

const ROOT = "" as DirID;
const CHUNK = 32768 + 48;
const HEADER = 88;

// cryptomator-ts writes `name.c9s` without the ending that Cryptomator writes, and trips over it when it reads.
class Provider extends LocalStorageProvider {
  async readFileString(file: string): Promise<string> {
    const text = await super.readFileString(file);
    return file.endsWith("name.c9s") && text.endsWith(".c9r") ? text.slice(0, -".c9r".length) : text;
  }
}

// Its own `decryptContent` copies everything for every chunk, which takes minutes for 100 MB.
async function decrypt(file: EncryptedFile, target: string): Promise<void> {
  const data = await file.readEncryptedFile();
  const header = await file.decryptHeader(data);
  const out = fs.openSync(target, "wx");
  for (let start = HEADER, number = 0; start < data.byteLength; start += CHUNK, number++) {
    fs.writeSync(out, await file.decryptChunk(header, data.subarray(start, start + CHUNK), number));
  }
  fs.closeSync(out);
}

async function read(vault: Vault, id: DirID, target: string): Promise<void> {
  fs.mkdirSync(target, { recursive: true });
  for (const item of await vault.listItems(id)) {
    const inside = path.join(target, item.decryptedName);
    if (item instanceof EncryptedDir) await read(vault, await item.getDirId(), inside);
    else await decrypt(item as EncryptedFile, inside);
  }
}

async function write(vault: Vault, id: DirID, source: string): Promise<void> {
  for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
    const inside = path.join(source, entry.name);
    if (entry.isDirectory()) {
      const folder = await vault.createDirectory(entry.name, id);
      await write(vault, await folder.getDirId(), inside);
    } else {
      await EncryptedFile.encrypt(vault, entry.name, id, new Uint8Array(fs.readFileSync(inside)));
    }
  }
}

const [, , command, folder, other] = process.argv;
const passphrase = fs.readFileSync(0, "utf-8").replace(/\n$/, "");
const provider = new Provider();
if (command === "create") {
  Vault.create(provider, folder, passphrase, { create: { name: null, createHere: true } }).catch(fail);
} else {
  Vault.open(provider, folder, passphrase, "vault")
    .then((vault) => (command === "read" ? read : write)(vault, ROOT, other))
    .catch(fail);
}

function fail(error: unknown): void {
  console.error(error);
  process.exitCode = 1;
}
