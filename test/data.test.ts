// Where the documents come from: files, downloads, a pipe. Servers are on this machine; nothing uses the network.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { builtInNames, cutToBlock, holdOut, InputError, loadDocuments } from '../micro_gpt.ts';
import { commandLine, oneLine, outcome, serve, start, temporaryFolder } from './helpers.ts';

const documents = Array<string>(30_000).fill('zoë😀'); // the shortest list that a download may be
const names = documents.join('\n');
const missing: RequestListener = (_, response) => response.writeHead(404).end(names);

/** The notes from now on, which are not shown. */
function listen(t: TestContext): string[] {
  const notes: string[] = [], write = process.stderr.write.bind(process.stderr);
  t.mock.method(process.stderr, 'write', (text: string | Uint8Array) => // bytes come from the test runner
    typeof text === 'string' ? notes.push(text) > 0 : write(text));
  return notes;
}

/** An InputError that tells all of `parts` refuses what is found at this source. */
async function assertRefused(source: string | undefined, parts: string[], folder?: string, url?: string) {
  await assert.rejects(loadDocuments(source, folder, url), (error) => {
    assert.ok(error instanceof InputError, `${error} should be an InputError`);
    for (const part of parts) assert.ok(error.message.includes(part), `"${part}" should be in "${error.message}"`);
    return true;
  }, `${source} should be refused`);
}

// ---- Without a source and without input.txt

test('Names are downloaded, with a note beforehand, kept as input.txt, and used the next time', async (t) => {
  const folder = await temporaryFolder(t), notes = listen(t);
  const watcher = watch(folder, (event, file) => {
    assert.notDeepEqual([event, file], ['change', 'input.txt'], 'it should be whole when it gets its name');
  });
  t.after(() => watcher.close());
  let before = '';
  const server = await serve(t, (_, response) => { before = notes.join(''); response.end(names); });
  for (const time of ['first', 'second']) {
    assert.deepEqual(await loadDocuments(undefined, folder, server.url), documents, time);
    assert.deepEqual(await readdir(folder), ['input.txt'], time);
  }
  assert.equal(server.requests(), 1);
  assert.ok(before.includes(server.url), `${server.url} should be in "${before}"`);
});

test('The names come from the same address as those of the original, or offline from the program', async (t) => {
  const asked: string[] = [], notes = listen(t);
  const cause = Object.assign(new AggregateError([]), { code: 'ENETUNREACH' }); // it has no message
  const error = new TypeError('fetch failed', { cause });
  t.mock.method(globalThis, 'fetch', (url: string) => (asked.push(url), Promise.reject(error)));
  assert.deepEqual(await loadDocuments(undefined, await temporaryFolder(t)), builtInNames);
  assert.deepEqual(asked, ['https://raw.githubusercontent.com/karpathy/makemore/master/names.txt']);
  assert.match(notes.at(-1)!, /\bENETUNREACH\b/);
});

for (const [what, answer, told] of [
  ['A page that is missing', missing, '404'],
  ['A list that is too short', documents.slice(1).join('\n'), `${documents.length - 1}`],
  ['A list that is not UTF-8', Buffer.from(names, 'latin1'), ''],
  ['A download that is cut short', (_, response) => response.write(names, () => response.destroy()), ''],
  ['A server that never answers', () => {}, ''],
  ['A server that stalls in the middle', (_, response) => response.write(names), ''],
] satisfies [string, RequestListener | string | Buffer, string][]) {
  test(`${what} leads to the built-in names, with a note, and nothing is kept`, { timeout: 30_000 }, async (t) => {
    const folder = await temporaryFolder(t), { url } = await serve(t, answer), notes = listen(t);
    const loaded = await loadDocuments(undefined, folder, url, 300);
    assert.deepEqual(loaded, builtInNames);
    assert.notEqual(loaded, builtInNames, 'it should be a copy, which may be shuffled');
    assert.deepEqual(await readdir(folder), []);
    assert.match(notes.at(-1)!, oneLine);
    assert.ok(notes.at(-1)!.replace(url, '').includes(told), `${told} should be in ${notes}`);
  });
}

test('The page that comes with a 404 is not waited for', { timeout: 10_000 }, async (t) => {
  listen(t);
  let closed: Promise<unknown> = Promise.resolve();
  const { url } = await serve(t, (_, response) => {
    closed = once(response, 'close');
    response.writeHead(404).write('and so on');
  });
  await assertRefused(url, ['404']);
  await closed;
});

test('In a folder where nothing can be written, the download is used, and a note says why', async (t) => {
  const folder = join(await temporaryFolder(t), 'missing'), { url } = await serve(t, names), notes = listen(t);
  assert.deepEqual(await loadDocuments(undefined, folder, url), documents);
  assert.match(notes.at(-1)!, /\bENOENT\b/);
});

test('On a full disk, the download is used, a note says so, and no part of it is left', async (t) => {
  const cwd = await temporaryFolder(t), fetch = `() => new Response('emma\\n'.repeat(30_000))`;
  const command = commandLine(['--num-steps=0', '--num-samples=0'], { fetch });
  const full = ['-c', 'ulimit -f 8; exec "$@"', 'sh', ...command]; // no file may have more than 8 blocks
  const { stdout, stderr, code } = await outcome(spawn('sh', full, { cwd }));
  assert.match(stdout, /^num docs: 30000\n/);
  assert.match(stderr, /input\.txt.*\bEFBIG\b/);
  assert.deepEqual([await readdir(cwd), code], [[], 0]);
});

test('An input.txt that comes during the download stays, and the download is used', async (t) => {
  const folder = await temporaryFolder(t), file = join(folder, 'input.txt');
  listen(t);
  const { url } = await serve(t, (_, response) => void writeFile(file, 'ava\n').then(() => response.end(names)));
  assert.deepEqual(await loadDocuments(undefined, folder, url), documents);
  assert.deepEqual(await readdir(folder), ['input.txt']);
  assert.equal(await readFile(file, 'utf8'), 'ava\n');
});

// ---- With a source, or with input.txt

test('input.txt is used and not changed, however short it is, and nothing is downloaded', async (t) => {
  const folder = await temporaryFolder(t, { 'input.txt': '\uFEFFolivia\r\nava' });
  const server = await serve(t, names), notes = listen(t);
  assert.deepEqual(await loadDocuments(undefined, folder, server.url), ['olivia', 'ava']);
  assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), '\uFEFFolivia\r\nava');
  assert.deepEqual([await readdir(folder), server.requests(), notes], [['input.txt'], 0, []]);
});

test('A file, an address and where it leads are read in place of input.txt, and not kept', async (t) => {
  const folder = await temporaryFolder(t, { 'input.txt': 'ava\n', 'other.txt': 'zoë\r\n' });
  const empty = await temporaryFolder(t), { url } = await serve(t, 'zoë\r\n');
  const moved = await serve(t, (_, response) => response.writeHead(302, { location: url }).end());
  listen(t);
  for (const source of [join(folder, 'other.txt'), url, url.replace('http', 'HTTP'), moved.url]) {
    for (const place of [folder, empty]) assert.deepEqual(await loadDocuments(source, place), ['zoë'], source);
  }
  assert.deepEqual([await readdir(empty), (await readdir(folder)).sort()], [[], ['input.txt', 'other.txt']]);
  assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), 'ava\n');
});

test('What cannot be read is refused, and nothing is used instead', async (t) => {
  const folder = await temporaryFolder(t, { 'input.txt': '' }), file = join(folder, 'input.txt');
  const server = await serve(t, names), gone = await serve(t, '');
  gone.stop();
  listen(t);
  await assertRefused(undefined, [file], folder, server.url);
  for (const [source, told] of [
    [`${file}s`, 'ENOENT'], ['', 'ENOENT'], [folder, 'EISDIR'],
    [gone.url, 'ECONNREFUSED'], [gone.url.replace('http', 'https'), 'ECONNREFUSED'],
  ]) await assertRefused(source, [source, told], `${folder}/none`, server.url);
  assert.deepEqual([await readdir(folder), server.requests()], [['input.txt'], 0]);
});

test('An address is never told with its user, its password or its query', async (t) => {
  const { url } = await serve(t, missing), gone = await serve(t, ''), notes = listen(t);
  gone.stop();
  for (const source of [
    `${url}?secret#secret`, `${gone.url}?secret`, url.replace('//', '//secret@'), url.replace('//', '//:sec%20ret\n@'),
    url.replace('http://', 'HTTP://me:secret@') + '?secret', url.replace('//', '//me:secret@') + '/$&',
    'http://me:secret@/names.txt', 'http://?secret', 'http://me:secret@host:port', // which are invalid
  ]) {
    const error = await loadDocuments(source).catch(({ message }: Error) => message);
    assert.equal(`${error}`.includes('127.0.0.1'), source.includes('127.0.0.1'), `${error} should tell the rest`);
    assert.doesNotMatch(`${error} ${notes}`, /sec|ret|me:/, source);
  }
});

test('- is standard input, here a pipe', async (t) => {
  const child = start(t, ['--data', '-', '--num-steps=0', '--num-samples=0']);
  child.stdin!.end('emma\nolivia');
  const { stdout, stderr, code } = await outcome(child);
  assert.match(stdout, /^num docs: 2\nvocab size: 8\n/);
  assert.deepEqual([stderr, code], ['', 0]);
});

for (const [what, text, ...expected] of [
  ['all kinds of line ends, but for the last line', 'emma\r\nolivia\rava\nmia', 'emma', 'olivia', 'ava', 'mia'],
  ['blank lines', '\n\nemma\n\r\n \t \nolivia\n\n', 'emma', 'olivia'],
  ['space around and inside its lines', '  mary ann\t\n\tolivia \n', 'mary ann', 'olivia'],
  ['repetitions', 'mia\nemma\nmia\n', 'mia', 'emma', 'mia'],
  ['characters that end no line', 'a\u2028b\vc\fd\u0085e', 'a\u2028b\vc\fd\u0085e'],
  ['a byte-order mark', '\uFEFFemma\n', 'emma'],
  ['tags', '<!DOCTYPE html>\n<html>', '<!DOCTYPE html>', '<html>'],
  ['a zero byte and a replacement character', 'a\0b\n\uFFFD', 'a\0b', '\uFFFD'],
  ['many pieces', '😀\n'.repeat(50_000), ...Array<string>(50_000).fill('😀')], // some end within a 😀
]) {
  test(`A text with ${what} has its lines as documents, without the space around them`, async (t) => {
    const file = join(await temporaryFolder(t, { 'data.txt': text }), 'data.txt');
    assert.deepEqual(await loadDocuments(file), expected);
  });
}

for (const [what, bytes] of [
  ['A text of blank lines', ' \r\n\t\n\n'], ['A lone byte-order mark', '\uFEFF'],
  ['Latin-1', Buffer.from('emma\nzoë\nzoë\n', 'latin1')], ['UTF-16', Buffer.from('\uFEFFemma\n', 'utf16le')],
  ['A text with half a character at its end', Buffer.from('emma\nzoë').subarray(0, -1)],
] as const) {
  test(`${what} is refused, in a file and from an address`, async (t) => {
    const file = join(await temporaryFolder(t, { 'bad.txt': bytes }), 'bad.txt'), { url } = await serve(t, bytes);
    listen(t);
    for (const source of [file, url]) await assertRefused(source, [source]);
  });
}

test('A text without an end is refused after 100 million characters', async (t) => {
  const piece = 'emma\n'.repeat(200_000); // a million characters
  let pieces = 0;
  const { url } = await serve(t, (_, response) => {
    const more = () => { do pieces++; while (response.write(piece)); };
    response.on('drain', more);
    more();
  });
  listen(t);
  await assertRefused(url, [url]);
  assert.ok(pieces >= 100 && pieces < 150, `${pieces} million should be hardly more than 100`);
});

// ---- What becomes of them

test('Documents longer than a block are cut there, by characters, and a note tells how many of how many', (t) => {
  const notes = listen(t), fitting = ['', 'abcd', '😀😀😀😀', 'ab😀d'];
  assert.deepEqual(cutToBlock(fitting, 4), fitting);
  assert.equal(notes.length, 0, `${notes}`);
  const long = ['abcde', '😀😀😀😀😀', 'ab😀de'];
  assert.deepEqual(cutToBlock([...fitting, ...long], 4), [...fitting, 'abcd', '😀😀😀😀', 'ab😀d']);
  assert.deepEqual(notes.map((note) => note.match(/\d+/g)), [['3', '7', '4']]);
});

test('A document of a million characters costs no more to cut than one of a thousand', (t) => {
  listen(t);
  const iterate = String.prototype[Symbol.iterator];
  let characters = 0;
  t.mock.method(String.prototype, Symbol.iterator, function* (this: string) {
    for (const character of iterate.call(this)) yield (characters++, character);
  });
  const costs = [1e3, 1e6].map((length) => {
    characters = 0;
    cutToBlock(['a'.repeat(length)], 4);
    return characters;
  });
  assert.equal(costs[1], costs[0]);
});

test('Without --eval, no document is looked at to part them', () => {
  const get = (_: string[], name: string | symbol) => assert.fail(`[${String(name)}] should not be asked for`);
  assert.equal(holdOut(new Proxy<string[]>([], { get }), 0).heldOut.length, 0);
});

test('The built-in names are 200 or more, each once, in small letters from a to z', () => {
  assert.ok(builtInNames.length >= 200, `${builtInNames.length} should be 200 or more`);
  assert.equal(new Set(builtInNames).size, builtInNames.length);
  assert.deepEqual(builtInNames.filter((name) => !/^[a-z]+$/.test(name)), []);
});
