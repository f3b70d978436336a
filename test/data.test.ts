// loadDocuments: files, downloads, and what is kept. Each test has a folder and, where it needs one, a server on
// this machine: nothing here uses the network.

import assert from 'node:assert/strict';
import fs, { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, symlink, truncate, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline, Readable } from 'node:stream';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { builtInNames, cutToBlock, InputError, loadDocuments } from '../micro_gpt.ts';
import { oneLine, serve, temporaryFolder } from './helpers.ts';

const patience = { timeout: 120_000 }; // so that what hangs is a failure
const documents = Array<string>(1000).fill('zoë😀'.repeat(50)); // as few as may be, in several pieces
const names = Buffer.from(documents.join('\n'));

/** What is written to stderr from now on, and not shown, but for the notes of what is being read. */
function listen(t: TestContext): string[] {
  const notes: string[] = [];
  t.mock.method(process.stderr, 'write', (note: string) =>
    note.startsWith('micro_gpt: reading http') || notes.push(note) > 0);
  return notes;
}

/** That there is one note, of one line, with this in it; not only in the address, whose port is a number. */
function assertNoted(notes: string[], detail: string, url = ''): void {
  assert.equal(notes.length, 1, `${notes}`);
  assert.match(notes[0], oneLine);
  assert.ok(notes[0].includes(url), `"${notes[0]}" tells the address`);
  assert.ok(notes[0].replace(url, '').includes(detail), `"${notes[0]}" tells ${detail}`);
}

/** That the data are refused with an InputError of exit code 1, which tells all of these. */
async function assertRefused(promise: Promise<string[]>, ...details: string[]): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof InputError && error.exitCode === 1, `${error}`);
    for (const detail of details) assert.ok(error.message.includes(detail), `${error} tells ${detail}`);
    return true;
  });
}

/** Answers with what comes, for as long as somebody listens. */
const stream = (source: () => AsyncIterable<string>): RequestListener =>
  (_, response) => pipeline(Readable.from(source()), response, () => {});
const trickle = stream(async function* () {
  for (;;) yield await sleep(20, 'emma\n', { ref: false });
});
const largeWithoutEnd = stream(async function* () {
  for (let i = 0; i < 101; i++) yield 'emma\n'.repeat(200_000);
  await new Promise(() => {});
});
const bomb = Buffer.concat(Array(101).fill(gzipSync('emma\n'.repeat(200_000))));
const status = (code: number): RequestListener => (_, response) => response.writeHead(code).end(names);

describe('Without a source and without input.txt', patience, () => {
  test('names.txt is downloaded, its bytes are kept as input.txt, and used the next time', async (t) => {
    const folder = await temporaryFolder(t);
    const server = await serve(t, names);
    const notes = listen(t);
    for (const time of ['first', 'second']) {
      assert.deepEqual(await loadDocuments(undefined, folder, server.url), documents, time);
      assert.deepEqual(await readFile(join(folder, 'input.txt')), names, time);
      assert.deepEqual(await readdir(folder), ['input.txt'], time);
    }
    assert.equal(server.requests(), 1);
    assert.deepEqual(notes, []);
  });

  // Whatever goes wrong: the built-in names, a note that says why, and no file that a later run would use.
  async function assertFallsBack(t: TestContext, url: string, detail: string, timeout?: number) {
    const folder = await temporaryFolder(t);
    const notes = listen(t);
    const fallBack = await loadDocuments(undefined, folder, url, timeout);
    assert.deepEqual(fallBack, builtInNames);
    assert.notEqual(fallBack, builtInNames); // it is a list that may be shuffled
    assertNoted(notes, detail, url);
    assert.deepEqual(await readdir(folder), []);
  }

  const failures: [what: string, answer: RequestListener | string, detail: string, timeout?: number][] = [
    ['a page that is missing (404)', status(404), '404'],
    ['a part of the list (206)', status(206), '206'],
    ['one short line', 'Please come back later.\n', ''],
    ['JSON', '{"error":"too many requests"}', ''],
    ['a list of 999 names and a blank line', 'zoë\n'.repeat(999) + ' \n', ''],
    ['a web page of 2000 lines', '<script>\n' + 'emma\n'.repeat(2000), 'web page'],
    ['a download cut short', (_, response) => response.write(names, () => response.destroy()), ''],
    ['a server that never answers', () => {}, '', 200],
    ['a server that stops in the middle', (_, response) => response.write(names), '', 200],
    ['a server that trickles', trickle, '', 200],
    ['an answer of over 100 million characters that has no end', largeWithoutEnd, '100 million', 60_000],
    ['an answer that unpacks to over 100 million characters', (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb), '100 million', 60_000],
  ];
  for (const [what, answer, detail, timeout] of failures) {
    test(`${what} leads to the built-in names`, async (t) => {
      const { url } = await serve(t, answer);
      await assertFallsBack(t, url, detail, timeout);
    });
  }

  test('of a failure whose cause has no message, the note tells the code', async (t) => {
    const cause = Object.assign(new AggregateError([]), { code: 'ENETUNREACH' });
    t.mock.method(globalThis, 'fetch', () => Promise.reject(new TypeError('fetch failed', { cause })));
    await assertFallsBack(t, 'http://127.0.0.1/names.txt', 'ENETUNREACH');
  });

  test('the user is told what is being downloaded before the answer comes', async (t) => {
    const notes: string[] = [];
    let before: string[] = [];
    t.mock.method(process.stderr, 'write', (note: string) => notes.push(note) > 0);
    const { url } = await serve(t, (_, response) => { before = [...notes]; response.end(names); });
    await loadDocuments(undefined, await temporaryFolder(t), url);
    assertNoted(before, url);
    assert.deepEqual(notes, before);
  });

  test('a note tells neither the password of an address nor its control characters', async (t) => {
    const folder = await temporaryFolder(t);
    const { url } = await serve(t, status(404));
    const notes = listen(t);
    await loadDocuments(undefined, folder, url.replace('//', '//anna:se@cret@'));
    await loadDocuments(undefined, folder, url.replace('//', '//anna:se \x1b\ncret@'));
    await loadDocuments(undefined, folder, `${url}?\x1b[31m\r`);
    await loadDocuments(undefined, folder, `${url}/makemore@master`);
    assert.equal(notes.length, 4);
    assert.match(notes[0], /names\.txt: ./); // the reason is there
    assert.ok(notes[3].includes(`${url}/makemore@master`)); // there is no password before this @
    for (const note of notes) {
      assert.ok(note.includes(new URL(url).host));
      assert.doesNotMatch(note, /anna|cret|\p{Cc}(?!$)/u);
    }
  });

  test('the rest of a 404 is not waited for', async (t) => {
    let open = 0;
    const missing = await serve(t, (_, response) => {
      open++;
      response.on('close', () => open--).writeHead(404).write('and so on');
    });
    await assertFallsBack(t, missing.url, '404');
    const { url } = await serve(t, 'zoë\n');
    for (let i = 0; i < 3; i++) await loadDocuments(url); // small ones, for garbage collection would close it, too
    assert.equal(open, 0);
  });

  test('after a download, no timer keeps the process waiting', async (t) => {
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const { url } = await serve(t, names);
    const before = timers();
    await loadDocuments(url);
    assert.equal(timers(), before);
  });

  test('a download may take a second, and not more than a minute', async (t) => {
    const { mock } = t.mock.method(AbortSignal, 'timeout', (_: number) => new AbortController().signal);
    const { url } = await serve(t, names);
    await loadDocuments(undefined, await temporaryFolder(t), url);
    await loadDocuments(url);
    const timeouts = mock.calls.map((call) => call.arguments[0]);
    assert.ok(timeouts.length === 2 && timeouts.every((ms) => ms >= 1000 && ms <= 60_000), `${timeouts} ms`);
  });

  /** That the download is used, with a note why it is not kept, unless a file of that name is there already.
   * What happens meanwhile may be the reason. */
  async function assertNotKept(t: TestContext, folder: string, detail?: string, meanwhile = async () => {}) {
    const { url } = await serve(t, (_, response) => void meanwhile().then(() => response.end(names)));
    const notes = listen(t);
    assert.deepEqual(await loadDocuments(undefined, folder, url), documents);
    if (detail === undefined) assert.deepEqual(notes, []);
    else assertNoted(notes, detail);
  }

  test('a download for a folder that is missing is used, and not kept', async (t) => {
    await assertNotKept(t, join(await temporaryFolder(t), 'missing'), 'ENOENT');
  });

  test('a dangling symlink of that name stays as it is, and the download is used', async (t) => {
    const folder = await temporaryFolder(t);
    await symlink('elsewhere.txt', join(folder, 'input.txt'));
    await assertNotKept(t, folder);
    assert.deepEqual(await readdir(folder), ['input.txt']);
    assert.equal(await readlink(join(folder, 'input.txt')), 'elsewhere.txt');
  });

  test('an input.txt that somebody made during the download stays, and the download is used', async (t) => {
    const folder = await temporaryFolder(t);
    await assertNotKept(t, folder, undefined, () => writeFile(join(folder, 'input.txt'), 'ava\n'));
    assert.deepEqual(await readdir(folder), ['input.txt']);
    assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), 'ava\n');
  });

  test('two first runs at once both get the names, keep them once, and say nothing of it', async (t) => {
    const folder = await temporaryFolder(t);
    const { url } = await serve(t, names);
    const notes = listen(t);
    const load = () => loadDocuments(undefined, folder, url);
    assert.deepEqual(await Promise.all([load(), load()]), [documents, documents]);
    assert.deepEqual(await readdir(folder), ['input.txt']);
    assert.deepEqual(await readFile(join(folder, 'input.txt')), names);
    assert.deepEqual(notes, []);
  });

  test('while the download is written, there is no input.txt in part that another run could take', async (t) => {
    const folder = await temporaryFolder(t);
    const { writeFileSync } = fs;
    let meanwhile: string[] = [];
    const slow = t.mock.method(fs, 'writeFileSync', (file: string, text: string, options: object) => {
      writeFileSync(file, text.slice(0, 10_000), options);
      meanwhile = fs.readdirSync(folder);
      fs.rmSync(file);
      writeFileSync(file, text, options);
    });
    t.after(() => (slow.mock.restore(), syncBuiltinESMExports()));
    syncBuiltinESMExports();
    const { url } = await serve(t, names);
    assert.deepEqual(await loadDocuments(undefined, folder, url), documents);
    assert.ok(meanwhile.length === 1 && meanwhile[0] !== 'input.txt', `${meanwhile}`);
    assert.deepEqual(await readdir(folder), ['input.txt']);
  });

  test('on a disk that is full, no part of the download is kept, and it is used', async (t) => {
    const folder = await temporaryFolder(t);
    const { writeFileSync } = fs;
    const full = t.mock.method(fs, 'writeFileSync', (file: string, text: string, options: object) => {
      writeFileSync(file, text.slice(0, 10_000), options);
      throw new Error('ENOSPC');
    });
    t.after(() => (full.mock.restore(), syncBuiltinESMExports()));
    syncBuiltinESMExports(); // lets the program see the other writeFileSync
    await assertNotKept(t, folder, 'ENOSPC');
    assert.deepEqual(await readdir(folder), []);
  });

  test('if nothing may be written or removed, as in Deno, the download is used', async (t) => {
    const forbidden = () => { throw new Error('NotCapable'); };
    const mocks = [t.mock.method(fs, 'writeFileSync', forbidden), t.mock.method(fs, 'rmSync', forbidden)];
    t.after(() => (mocks.forEach(({ mock }) => mock.restore()), syncBuiltinESMExports()));
    const folder = await temporaryFolder(t); // which its clean-up must find without the mocks
    syncBuiltinESMExports();
    await assertNotKept(t, folder, 'NotCapable');
  });
});

describe('With input.txt in the folder', patience, () => {
  test('it is used and not changed, and nothing is downloaded', async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, 'input.txt');
    const server = await serve(t, names);
    const notes = listen(t);
    for (const content of ['olivia\r\nava', '\uFEFFolivia\n', '<bob> hi\n', '<3\n', '< a >\n', 'ava\n<b>\n']) {
      await writeFile(file, content);
      const lines = content.replace('\uFEFF', '').trim().split(/\s*\n/);
      assert.deepEqual(await loadDocuments(undefined, folder, server.url), lines);
      assert.equal(await readFile(file, 'utf8'), content);
    }
    assert.deepEqual(await readdir(folder), ['input.txt']);
    assert.equal(server.requests(), 0);
    assert.deepEqual(notes, []);
  });

  const unusable: [what: string, make: (file: string) => Promise<void>, detail: string][] = [
    ['that is empty', (file) => writeFile(file, ''), ''],
    ['that is a folder', async (file) => void (await mkdir(file)), 'EISDIR'],
    ['in a loop of symlinks', (file) => symlink('input.txt', file), 'ELOOP'],
  ];
  for (const [what, make, detail] of unusable) {
    test(`one ${what} is refused, and nothing is downloaded`, async (t) => {
      const folder = await temporaryFolder(t);
      await make(join(folder, 'input.txt'));
      const server = await serve(t, names);
      await assertRefused(loadDocuments(undefined, folder, server.url), join(folder, 'input.txt'), detail);
      assert.deepEqual(await readdir(folder), ['input.txt']);
      assert.equal(server.requests(), 0);
    });
  }
});

describe('With a source', patience, () => {
  test('a file or an address is read in place of input.txt, and not kept', async (t) => {
    const folder = await temporaryFolder(t, { 'input.txt': 'ava\n', 'other.txt': 'zoë\r\n' });
    const { url } = await serve(t, 'zoë\r\n');
    const empty = await temporaryFolder(t);
    assert.deepEqual(await loadDocuments(url, empty), ['zoë']);
    assert.deepEqual(await readdir(empty), []);
    for (const source of [join(folder, 'other.txt'), url, url.replace('http', 'HTTP')]) {
      assert.deepEqual(await loadDocuments(source, folder), ['zoë'], source);
    }
    assert.deepEqual((await readdir(folder)).sort(), ['input.txt', 'other.txt']);
    assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), 'ava\n');
  });

  test('one that cannot be had is refused, and nothing is used instead', async (t) => {
    const folder = await temporaryFolder(t, { 'input.txt': 'ava\n' });
    const names = await serve(t, 'zoë\n'.repeat(1000));
    const silent = await serve(t, () => {});
    const refused = (source: string, ...details: string[]) =>
      assertRefused(loadDocuments(source, folder, names.url, 200), source, ...details);
    await refused(join(folder, 'missing.txt'), 'ENOENT');
    await refused('', 'ENOENT');
    await refused(folder, 'EISDIR');
    await refused(silent.url);
    silent.stop();
    await refused(silent.url, 'ECONNREFUSED');
    assert.equal(names.requests(), 0);
  });

  test('an address may begin with https, and without one, it is that of the original', async (t) => {
    const asked: string[] = [];
    t.mock.method(globalThis, 'fetch', (url: string) => (asked.push(url), Promise.reject(new Error('no network'))));
    listen(t);
    await assertRefused(loadDocuments('https://127.0.0.1/names.txt'), 'no network');
    await loadDocuments(undefined, await temporaryFolder(t));
    const names = 'https://raw.githubusercontent.com/karpathy/makemore/master/names.txt';
    assert.deepEqual(asked, ['https://127.0.0.1/names.txt', names]);
  });

  test('a document is a line without the space around it, and a blank line is none', async (t) => {
    const file = join(await temporaryFolder(t), 'lines.txt');
    const cases: [what: string, text: string, documents: string[]][] = [
      ['one a line', 'emma\nolivia\n', ['emma', 'olivia']],
      ['no line end at the end', 'emma\nolivia', ['emma', 'olivia']],
      ['line ends of Windows', 'emma\r\nolivia\r\n', ['emma', 'olivia']],
      ['line ends of an old Mac', 'emma\rolivia\r', ['emma', 'olivia']],
      ['all line ends', 'emma\r\nolivia\rava\nmia', ['emma', 'olivia', 'ava', 'mia']],
      ['blank lines', '\n\nemma\n\r\n \t \nolivia\n\n', ['emma', 'olivia']],
      ['space around', '  emma\t\n\tolivia \n', ['emma', 'olivia']],
      ['space inside', 'mary ann\n', ['mary ann']],
      ['order and repetition', 'mia\nemma\nmia\n', ['mia', 'emma', 'mia']],
      ['no line end', 'a\u2028b\vc\fd\u0085e', ['a\u2028b\vc\fd\u0085e']],
    ];
    for (const [what, text, documents] of cases) {
      await writeFile(file, text);
      assert.deepEqual(await loadDocuments(file), documents, what);
    }
  });

  const bad: [what: string, bytes: string | Buffer, ...details: string[]][] = [
    ['a text of blank lines', ' \r\n\t\n\n'],
    ['a lone byte-order mark', '\uFEFF'],
    ['a web page', '<!DOCTYPE html>\n<html><body>Sign in</body></html>\n', 'web page'],
    ['a web page in capitals, after blanks', '\n  <HTML>\n', 'web page'],
    ['a web page without its beginning', '<body>\nemma\n', 'web page'],
    ['an XML document', '<?xml version="1.0"?>\n<error/>\n', 'web page'],
    ['a text with a zero byte after its first kilobytes', 'emma\n'.repeat(5000) + 'ol\0via\n'],
    ['Latin-1', Buffer.from('emma\nzoë\nzoë\n', 'latin1'), 'UTF-8', 'line 2'],
    ['a text with bytes that are not UTF-8 in its last line',
      Buffer.concat([Buffer.from('emma\r\n李雷\n😀\n\no'), Buffer.of(0xff)]), 'UTF-8', 'line 5'],
    ['a character cut short by the end', Buffer.from('emma\nzoë').subarray(0, -1), 'UTF-8', 'line 2'],
    ['UTF-16', Buffer.from('\uFEFFemma\n', 'utf16le'), 'line 1'],
  ];
  for (const [what, bytes, ...details] of bad) {
    test(`${what} is refused, in a file and from an address`, async (t) => {
      const file = join(await temporaryFolder(t, { 'bad.txt': bytes }), 'bad.txt');
      await assertRefused(loadDocuments(file), file, ...details);
      const { url } = await serve(t, bytes);
      await assertRefused(loadDocuments(url), url, ...details);
    });
  }

  test('a file of more than 100 million characters is refused, even if it has no end', async (t) => {
    const file = join(await temporaryFolder(t, { 'large.txt': '' }), 'large.txt');
    await truncate(file, 1e8 + 1);
    await assertRefused(loadDocuments(file), file, '100 million');
    if (existsSync('/dev/zero')) await assertRefused(loadDocuments('/dev/zero'), '/dev/zero', '100 million');
  });
});

test('Documents longer than a block are cut there, by characters, and a note counts them', (t) => {
  const notes = listen(t);
  const fitting = ['', 'abcd', '😀😀😀😀', 'ab😀d'];
  assert.deepEqual(cutToBlock(fitting, 4), fitting);
  assert.deepEqual(notes, []);
  const long = ['abcde', '😀😀😀😀😀', 'ab😀de', 'a'.repeat(1e6)];
  assert.deepEqual(cutToBlock([...fitting, ...long], 4), [...fitting, 'abcd', '😀😀😀😀', 'ab😀d', 'aaaa']);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /^micro_gpt: 4 of 8 docs .*\b4 characters.*--block-size.*\n$/);
});

test('The built-in names are 200 or more, each once, in small letters from a to z', () => {
  assert.ok(builtInNames.length >= 200, `${builtInNames.length}`);
  assert.equal(new Set(builtInNames).size, builtInNames.length);
  for (const name of builtInNames) assert.match(name, /^[a-z]+$/);
});
