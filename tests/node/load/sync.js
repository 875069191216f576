'use strict';

/**
 * Twilio Sync, as far as the functions use it, with its limits and revisions.
 *
 * Sources: https://www.twilio.com/docs/sync/limits (20 reads and 20 writes a second for an object, with a burst window
 * of ten seconds; slower above 1 KiB, down to 2 writes a second from 10 KiB on; items of 16 KiB), and the pages on
 * Documents, Lists and List Items (names, indexes, If-Match).
 */
class Sync {
  /** @param {Function} now milliseconds since 1970. */
  constructor(now, service = 'IS00000000000000000000000000000000', lag = () => 0) {
    this.now = now;
    this.service = service;
    this.lag = lag; // milliseconds until readers see an item; another one each time
    this.documents = new Map();
    this.lists = new Map();
    this.made = 0;
    this.limits = new Map();
    this.refused = 0;
    this.requests = 0;
  }

  /** Answers one request; `path` is what follows /v1/Services/. */
  answer(method, path, headers, form) {
    this.requests += 1;
    const [address, query = ''] = path.split('?');
    const [service, kind, name, sub, index] = address.split('/').map(decodeURIComponent);
    if (service !== this.service) return { status: 404, body: { code: 20404 } };
    if (form && form.Data && Buffer.byteLength(form.Data) > 16384) return { status: 413, body: { code: 54006 } };
    if (!this.allows(`${kind}/${name || ''} ${method}`, form && form.Data ? Buffer.byteLength(form.Data) : 0)) {
      this.refused += 1;
      return { status: 429, body: { code: 54009 } };
    }
    if (kind === 'Documents') return this.document(method, name, headers, form);
    if (!name) return this.makeList(form.UniqueName);
    const list = this.lists.get(name);
    if (!list || sub !== 'Items') return { status: 404, body: { code: 20404 } };
    if (method === 'POST') return this.add(list, form);
    return index === undefined ? this.page(list, new URLSearchParams(query)) : this.item(list, Number(index));
  }

  /** A bucket of ten seconds' worth for each object and kind of request. */
  allows(key, bytes) {
    const rate = 20 / Math.min(10, Math.max(1, bytes / 1024));
    const bucket = this.limits.get(key) || { level: 0, at: this.now() };
    bucket.level = Math.max(0, bucket.level - (this.now() - bucket.at) / 1000);
    bucket.at = this.now();
    this.limits.set(key, bucket);
    if (bucket.level + 1 / rate > 10) return false;
    bucket.level += 1 / rate;
    return true;
  }

  document(method, name, headers, form) {
    if (!name) {
      if (this.documents.has(form.UniqueName)) return { status: 409, body: { code: 54301 } };
      this.documents.set(form.UniqueName, { revision: 0, data: form.Data });
      return { status: 201, body: this.show(form.UniqueName) };
    }
    const document = this.documents.get(name);
    if (!document) return { status: 404, body: { code: 20404 } };
    if (method === 'POST') {
      const match = headers['If-Match'] || headers['if-match'];
      if (match !== undefined && match !== String(document.revision)) return { status: 412, body: { code: 54103 } };
      document.revision += 1;
      document.data = form.Data;
    }
    return { status: 200, body: this.show(name) };
  }

  show(name) {
    const { revision, data } = this.documents.get(name);
    return { unique_name: name, revision: String(revision), data: JSON.parse(data) };
  }

  makeList(name) {
    if (this.lists.has(name)) return { status: 409, body: { code: 54301 } };
    this.lists.set(name, { sid: `ES${String(this.made += 1).padStart(32, '0')}`, items: [], next: 0 });
    return { status: 201, body: { unique_name: name } };
  }

  add(list, form) {
    if (form.ItemTtl === undefined) throw new Error('an item without a time to live');
    const item = {
      index: list.next,
      list_sid: list.sid,
      data: JSON.parse(form.Data),
      date_created: new Date(this.now()).toISOString(),
    };
    const seenFrom = this.now() + this.lag();
    const seenTo = this.now() + Number(form.ItemTtl) * 1000;
    Object.defineProperty(item, 'isSeen', { value: () => this.now() >= seenFrom && this.now() < seenTo });
    list.next += 1;
    list.items.push(item);
    return { status: 201, body: item };
  }

  item(list, index) {
    const item = list.items.find((one) => one.index === index && one.isSeen());
    return item ? { status: 200, body: item } : { status: 404, body: { code: 20404 } };
  }

  page(list, query) {
    const descending = query.get('Order') === 'desc';
    const exclusive = query.get('Bounds') === 'exclusive';
    const from = query.has('From') ? Number(query.get('From')) : null;
    const fits = (item) => item.isSeen() && (from === null || (exclusive && item.index === from ? false
      : descending ? item.index <= from : item.index >= from));
    const items = (descending ? [...list.items].reverse() : list.items).filter(fits);
    return { status: 200, body: { items: items.slice(0, Number(query.get('PageSize') || 50)), meta: {} } };
  }
}

module.exports = { Sync };
