// What several tests need: Values from numbers and back, models to try, changed copies of the program, folders,
// servers, and the program in a process of its own. Nothing here uses the network.

import assert from 'node:assert/strict';
import { spawn, type StdioOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createModel, parseCommandLine, Random, Value } from '../micro_gpt.ts';
import type { Config, Model, Vector } from '../micro_gpt.ts';

export const defaults: Config = parseCommandLine([]).config;
/** The path of something, from the folder of the tests. */
export const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const program = path('../micro_gpt.ts');

// ---- Numbers and models

export const vectorOf = (...numbers: number[]): Vector => numbers.map((x) => new Value(x));
export const numbersOf = (values: readonly Value[]): number[] => values.map((x) => x.data);
export const gradsOf = (values: readonly Value[]): number[] => values.map((x) => x.grad);

type Numbers = number | number[];
/** Equal up to a tolerance, which is relative for numbers above 1. */
export function assertClose(actual: Numbers, expected: Numbers, tolerance = 1e-9, about = ''): void {
  const [xs, ys] = [[actual].flat(), [expected].flat()];
  const close = xs.every((x, i) => Math.abs(x - ys[i]) <= tolerance * Math.max(1, Math.abs(ys[i])));
  assert.ok(close && xs.length === ys.length, `${about} [${xs}] should be [${ys}]`);
}

/** A model with numbers so large that every part of it matters. */
export function randomModel(vocabSize: number, settings: Partial<Config> = {}): Model {
  const random = new Random(1);
  return createModel({ ...defaults, ...settings }, vocabSize, () => random.gauss(0, 0.5));
}

// ---- Changed copies of the program

export type Gpt = typeof import('../micro_gpt.ts');
export type Change = [from: string, to: string];

/** The text of micro_gpt.ts with these changes. Fails unless it has each of them to make, and once. */
export function changed(...changes: Change[]): string {
  return changes.reduce((text, [from, to]) => {
    const times = text.split(from).length - 1;
    assert.equal(times, 1, `micro_gpt.ts should have this once, but has it ${times} times: ${from}`);
    return text.replace(from, () => to);
  }, readFileSync(program, 'utf8'));
}
/** A text like that of micro_gpt.ts, loaded. */
export async function load(source: string): Promise<Gpt> {
  const folder = mkdtempSync(join(tmpdir(), 'micro gpt ')), file = join(folder, 'micro_gpt.ts');
  writeFileSync(file, source);
  try { return await import(`${pathToFileURL(file)}`) as Gpt; } finally { rmSync(folder, { recursive: true }); }
}
type Tables = Record<'nextSlot' | 'nextLine', number>
  & Record<'slots' | 'tape', Record<string, Float64Array | Int32Array>>;
/** micro_gpt.ts, loaded once more, with its two tables in sight, and how much of them is taken. */
export const withTables = () => load(changed(
  ['const slots =', 'export const slots ='], ['const tape =', 'export const tape ='],
  ['let nextSlot =', 'export let nextSlot ='],
)) as Promise<Gpt & Tables>;
/** JavaScript after which large typed arrays are `divisor` times smaller, so that a tape is full sooner. */
export const smallArrays = (divisor: number): string => `for (const name of ['Float64Array', 'Int32Array']) {
  globalThis[name] = new Proxy(globalThis[name], {
    construct: (Type, [n]) => new Type(n > 1e6 ? Math.ceil(n / ${divisor}) : n),
  });
}`;
/** micro_gpt.ts, loaded with a tape that is `divisor` times smaller. */
export async function smallTape(divisor: number): Promise<Gpt> {
  const { Float64Array, Int32Array } = globalThis;
  new Function(smallArrays(divisor))();
  try { return await load(changed()); } finally { Object.assign(globalThis, { Float64Array, Int32Array }); }
}

// ---- Folders and servers

type Files = Record<string, string | Uint8Array>;
/** A folder that is gone after the test, with these files in it. */
export async function temporaryFolder(t: TestContext, files: Files = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'micro gpt '));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

/** A server on this machine, with the number of requests that it got. */
export async function serve(t: TestContext, answer: RequestListener | string | Uint8Array) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    typeof answer === 'function' ? answer(request, response) : response.end(answer);
  });
  const stop = () => { server.close(); server.closeAllConnections(); };
  t.after(stop);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/names.txt`, requests: () => requests, stop };
}

// ---- The program

export const tiny = path('tiny/input.txt');
// The dataset of the original is not in the project: it is input.txt after a first run, or what CI lays there.
const candidates = [path('../input.txt'), path('../../shared/golden/names/input.txt')];
const namesHash = '0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d';
export const namesFile = candidates.find((file) => existsSync(file)
  && createHash('sha256').update(readFileSync(file)).digest('hex') === namesHash) ?? 'names.txt';
type Options = { cwd?: string; fetch?: string; stdio?: StdioOptions; file?: string };
const longest = 60_000; // milliseconds that a run may take, half of what `npm test` gives a file
const offline = `() => Promise.reject(new TypeError('fetch failed', { cause: new Error('no network') }))`;

/** The command line that starts the program. `fetch` is JavaScript that stands in for the network. */
export function commandLine(args: string[], { fetch = offline, file = program }: Options = {}): string[] {
  const preload = `data:text/javascript,${encodeURIComponent(`globalThis.fetch = ${fetch}`)}`;
  return [process.execPath, '--import', import.meta.resolve('tsx'), '--import', preload, file, ...args];
}
/** The program, running. It is killed when the test ends, and when it seems to run for ever. */
export function start(t: TestContext, args: string[], options: Options = {}) {
  const { cwd, stdio = 'pipe' } = options, [command, ...rest] = commandLine(args, options);
  const child = spawn(command, rest, { cwd, stdio, timeout: longest, killSignal: 'SIGKILL' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}
/** All that comes of a run, when it is over. */
export async function outcome(child: ReturnType<typeof start>) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : '', once(child, 'close'),
  ]);
  assert.notEqual(signal, 'SIGKILL', `a run of this should end: ${child.spawnargs.slice(5).join(' ')}`);
  return { stdout, stderr, code: code as number | null, signal: signal as string | null };
}
export const run = (t: TestContext, args: string[], options?: Options) => outcome(start(t, args, options));

/** One line that tells a mistake, and so no stack trace. */
export const oneLine = /^micro_gpt: [^\n]+\n$/;
