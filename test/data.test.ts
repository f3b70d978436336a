// Each test has a folder and, where it needs one, a server on this machine: nothing here uses the network.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtInNames, InputError, loadText } from '../micro_gpt.ts';

const names = Buffer.from('emma\r\nzoë\n😀\n');
const limit = { timeout: 10_000 }; // for what might hang

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'micro-gpt-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function serve(t: TestContext, answer: RequestListener) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    answer(request, response);
  });
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  t.after(stop);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/names.txt`, requests: () => requests, stop };
}
const serveBytes = (t: TestContext, bytes: string | Buffer) => serve(t, (_, response) => response.end(bytes));

/** What is written to stderr from now on, and not shown. */
function listen(t: TestContext): string[] {
  const notes: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => notes.push(text) > 0);
  return notes;
}

/** That the promise is refused with an InputError of exit code 1, which tells all of these. */
async function assertRefused(promise: Promise<string>, ...details: (string | RegExp)[]): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof InputError, `${error}`);
    assert.equal(error.exitCode, 1);
    assert.doesNotMatch(error.message, /\n/);
    for (const detail of details) {
      const told = typeof detail === 'string' ? error.message.includes(detail) : detail.test(error.message);
      assert.ok(told, `"${error.message}" tells ${detail}`);
    }
    return true;
  });
}

// Bytes that are no list of names: in a file, from an address, or instead of names.txt.
const bad: [what: string, bytes: Buffer, reason: RegExp][] = [
  ['an empty text', Buffer.alloc(0), /empty/],
  ['a text of blank lines', Buffer.from(' \r\n\t\n\n'), /empty/],
  ['a lone byte-order mark', Buffer.from('\uFEFF'), /empty/],
  ['a web page', Buffer.from('<!DOCTYPE html>\n<html><body>Sign in</body></html>\n'), /web page/],
  ['a web page without a doctype', Buffer.from('\n  <HTML>\n'), /web page/],
  ['an XML document', Buffer.from('<?xml version="1.0"?>\n<error/>\n'), /web page/],
  ['a text with zero bytes', Buffer.from('emma\nol\0via\n'), /not text/],
  ['Latin-1', Buffer.from('emma\nzoë\n', 'latin1'), /UTF-8.*line 2\b/],
  ['bytes that are not UTF-8 after some that are',
    Buffer.concat([names, Buffer.from('李雷\r\n'), Buffer.from([0x6f, 0xff, 0x0a, 0xff])]), /UTF-8.*line 5\b/],
  ['a character cut short by the end', Buffer.from('emma\nzoë').subarray(0, -1), /UTF-8.*line 2\b/],
  ['UTF-16', Buffer.from('\uFEFFemma\n', 'utf16le'), /UTF-8.*line 1\b/],
];

describe('Without a source and without input.txt', () => {
  test('names.txt is downloaded, its bytes kept as input.txt, and not downloaded again', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const server = await serveBytes(t, names);
    const notes = listen(t);
    for (const time of ['first', 'second']) {
      assert.equal(await loadText(undefined, folder, server.url), names.toString(), time);
      assert.deepEqual(await readFile(join(folder, 'input.txt')), names, time);
      assert.deepEqual(await readdir(folder), ['input.txt'], time);
    }
    assert.equal(server.requests(), 1);
    assert.deepEqual(notes, []);
  });

  test('a download of many pieces is put together', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const large = Buffer.from('zoë\n'.repeat(200_000));
    const { url } = await serveBytes(t, large);
    assert.equal(await loadText(undefined, folder, url), large.toString());
    assert.deepEqual(await readFile(join(folder, 'input.txt')), large);
  });

  test('a slow download goes on for as long as something comes', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const { url } = await serve(t, async (_, response) => {
      for (const name of ['ava', 'emma', 'mia', 'noah', 'olivia', 'zoe']) {
        await sleep(120);
        response.write(`${name}\n`);
      }
      response.end();
    });
    const text = await loadText(undefined, folder, url, 500); // ms of patience, and the whole takes 720
    assert.equal(text, 'ava\nemma\nmia\nnoah\nolivia\nzoe\n');
    assert.deepEqual(await readdir(folder), ['input.txt']);
  });

  test('a byte-order mark is kept in the file, and dropped from the text', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const { url } = await serveBytes(t, '\uFEFFemma\n');
    assert.equal(await loadText(undefined, folder, url), 'emma\n');
    assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), '\uFEFFemma\n');
  });

  test('in a folder that cannot be written, the run goes on with the download', limit, async (t) => {
    const folder = join(await temporaryFolder(t), 'missing');
    const { url } = await serveBytes(t, names);
    const notes = listen(t);
    assert.equal(await loadText(undefined, folder, url), names.toString());
    assert.equal(notes.length, 1);
    assert.match(notes[0], /^micro_gpt: cannot keep .*ENOENT.*\n$/);
  });

  test('when input.txt cannot be put in its place, nothing is left beside it', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const { url } = await serve(t, async (_, response) => {
      await mkdir(join(folder, 'input.txt')); // during the download, so that the file cannot take that name
      response.end(names);
    });
    const notes = listen(t);
    assert.equal(await loadText(undefined, folder, url), names.toString());
    assert.equal(notes.length, 1);
    assert.match(notes[0], /^micro_gpt: cannot keep [^\n]*\n$/);
    assert.deepEqual(await readdir(folder), ['input.txt']);
  });

  test('input.txt is written beside its place, and moved there when it is whole', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const other = join(folder, 'other.txt');
    await writeFile(other, 'ava\n');
    const { url } = await serve(t, async (_, response) => {
      await link(other, join(folder, 'input.txt')); // to write in place would now change other.txt too
      response.end(names);
    });
    await loadText(undefined, folder, url);
    assert.deepEqual(await readFile(join(folder, 'input.txt')), names);
    assert.equal(await readFile(other, 'utf8'), 'ava\n');
  });

  // Whatever goes wrong: the built-in names, one line that says why, and no file that a later run would use.
  async function assertFallsBack(t: TestContext, url: string, reason: RegExp, patience?: number) {
    const folder = await temporaryFolder(t);
    const notes = listen(t);
    assert.equal(await loadText(undefined, folder, url, patience), builtInNames);
    assert.equal(notes.length, 1);
    assert.match(notes[0], /^micro_gpt: [^\n]*built[^\n]*\n$/);
    assert.match(notes[0], reason);
    assert.ok(notes[0].includes(url), 'the note tells the address');
    assert.deepEqual(await readdir(folder), []);
  }

  for (const status of [404, 403, 500, 206]) {
    test(`status ${status} leads to the built-in names`, limit, async (t) => {
      const { url } = await serve(t, (_, response) => response.writeHead(status).end('404: Not Found'));
      await assertFallsBack(t, url, new RegExp(`\\b${status}\\b`));
    });
  }

  for (const [what, bytes, reason] of bad) {
    test(`${what} with status 200 leads to the built-in names`, limit, async (t) => {
      const { url } = await serveBytes(t, bytes);
      await assertFallsBack(t, url, reason);
    });
  }

  test('a download cut short leads to the built-in names', limit, async (t) => {
    const { url } = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('emma\nolivia\n', () => response.destroy());
    });
    await assertFallsBack(t, url, /cannot download/);
  });

  test('a download in chunks, cut short, leads to the built-in names', limit, async (t) => {
    const { url } = await serve(t, (_, response) => {
      response.write('emma\nolivia\n', () => response.destroy());
    });
    await assertFallsBack(t, url, /cannot download/);
  });

  test('a server that never answers leads to the built-in names', limit, async (t) => {
    const { url } = await serve(t, () => {});
    await assertFallsBack(t, url, /nothing came for 0\.15 s/, 150);
  });

  test('a server that stops in the middle leads to the built-in names', limit, async (t) => {
    const { url } = await serve(t, (_, response) => response.write('emma\nolivia\n'));
    await assertFallsBack(t, url, /nothing came for 0\.15 s/, 150);
  });

  test('no server leads to the built-in names', limit, async (t) => {
    const { url, stop } = await serveBytes(t, names);
    stop();
    await assertFallsBack(t, url, /ECONNREFUSED/);
  });
});

test('After an answer that is not wanted, the rest of it is not waited for', limit, async (t) => {
  const folder = await temporaryFolder(t);
  const closed: Promise<unknown>[] = [];
  const { url } = await serve(t, (_, response) => {
    closed.push(once(response, 'close'));
    response.writeHead(404).write('and so on');
  });
  listen(t);
  await loadText(undefined, folder, url);
  await Promise.all(closed);
  assert.equal(closed.length, 1);
});

test('After a download, no timer keeps the process waiting', limit, async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const { url } = await serveBytes(t, names);
  const before = timers();
  await loadText(url);
  assert.equal(timers(), before);
});

describe('With input.txt in the folder', () => {
  test('it is used and not changed, and nothing is downloaded', limit, async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, 'input.txt');
    const server = await serveBytes(t, names);
    const notes = listen(t);
    for (const text of ['olivia\r\nava', '\uFEFFolivia\n', '<3\n', 'ava\n<b>\n']) {
      await writeFile(file, text);
      assert.equal(await loadText(undefined, folder, server.url), text.replace('\uFEFF', ''));
      assert.equal(await readFile(file, 'utf8'), text);
    }
    assert.deepEqual(await readdir(folder), ['input.txt']);
    assert.equal(server.requests(), 0);
    assert.deepEqual(notes, []);
  });

  for (const [what, bytes, reason] of bad) {
    test(`${what} in it is refused and not changed, and nothing is downloaded`, limit, async (t) => {
      const folder = await temporaryFolder(t);
      const file = join(folder, 'input.txt');
      await writeFile(file, bytes);
      const server = await serveBytes(t, names);
      await assertRefused(loadText(undefined, folder, server.url), file, reason);
      assert.deepEqual(await readFile(file), bytes);
      assert.equal(server.requests(), 0);
    });
  }

  test('a folder of that name is refused, and nothing is downloaded', limit, async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, 'input.txt'));
    const server = await serveBytes(t, names);
    await assertRefused(loadText(undefined, folder, server.url), join(folder, 'input.txt'), /EISDIR/);
    assert.equal(server.requests(), 0);
  });
});

describe('With a source', () => {
  /** Has an input.txt, which must not be used. */
  async function folderWithInput(t: TestContext): Promise<string> {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, 'input.txt'), 'ava\n');
    return folder;
  }

  test('a file is read, in place of input.txt', async (t) => {
    const folder = await folderWithInput(t);
    const file = join(folder, 'other.txt');
    await writeFile(file, names);
    assert.equal(await loadText(file, folder), names.toString());
    assert.deepEqual((await readdir(folder)).sort(), ['input.txt', 'other.txt']);
  });

  test('an address is read, in place of input.txt, and not kept', limit, async (t) => {
    const folder = await folderWithInput(t);
    const { url } = await serveBytes(t, names);
    for (const source of [url, url.replace('http', 'HTTP')]) {
      assert.equal(await loadText(source, folder), names.toString());
    }
    assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), 'ava\n');
    assert.deepEqual(await readdir(folder), ['input.txt']);
  });

  test('a file that is missing is refused', async (t) => {
    const folder = await folderWithInput(t);
    const server = await serveBytes(t, names);
    const file = join(folder, 'missing.txt');
    await assertRefused(loadText(file, folder, server.url), file, /ENOENT/);
    assert.equal(server.requests(), 0);
  });

  test('a folder is refused', async (t) => {
    const folder = await folderWithInput(t);
    await assertRefused(loadText(folder, folder), folder, /EISDIR/);
  });

  for (const [what, bytes, reason] of bad) {
    test(`${what} is refused, in a file and from an address`, limit, async (t) => {
      const folder = await folderWithInput(t);
      const file = join(folder, 'bad.txt');
      await writeFile(file, bytes);
      await assertRefused(loadText(file, folder), file, reason);
      const { url } = await serveBytes(t, bytes);
      await assertRefused(loadText(url, folder), url, reason);
    });
  }

  test('an address that cannot be had is refused, and input.txt not used instead', limit, async (t) => {
    const folder = await folderWithInput(t);
    const missing = await serve(t, (_, response) => response.writeHead(404).end('404: Not Found'));
    await assertRefused(loadText(missing.url, folder), missing.url, '404');
    const silent = await serve(t, () => {});
    await assertRefused(loadText(silent.url, folder, undefined, 150), silent.url, 'nothing came for 0.15 s');
    silent.stop();
    await assertRefused(loadText(silent.url, folder), silent.url, 'ECONNREFUSED');
  });
});

test('The built-in names are 200 or more, each once, in small letters from a to z', () => {
  const list = builtInNames.split('\n');
  assert.ok(list.length >= 200, `${list.length}`);
  assert.equal(new Set(list).size, list.length);
  for (const name of list) assert.match(name, /^[a-z]+$/);
});
