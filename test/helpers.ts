// What several tests need: Values from numbers and back, models to try, folders, servers, and the program in
// a process of its own. Nothing here uses the network.

import assert from 'node:assert/strict';
import { spawn, type StdioOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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

// ---- Numbers and models

export const vectorOf = (...numbers: number[]): Vector => numbers.map((x) => new Value(x));
export const numbersOf = (values: readonly Value[]): number[] => values.map((x) => x.data);
export const gradsOf = (values: readonly Value[]): number[] => values.map((x) => x.grad);

/** Equal up to a tolerance, which is relative for numbers above 1. */
export function assertClose(actual: number[] | number, expected: number[] | number, tolerance = 1e-9, about = ''): void {
  const [xs, ys] = [[actual].flat(), [expected].flat()];
  const close = xs.every((x, i) => Math.abs(x - ys[i]) <= tolerance * Math.max(1, Math.abs(ys[i])));
  assert.ok(close && xs.length === ys.length, `${about} [${xs}] should be [${ys}]`);
}

/** A model with numbers so large that every part of it matters. */
export function randomModel(vocabSize: number, settings: Partial<Config> = {}): Model {
  const random = new Random(1);
  return createModel({ ...defaults, ...settings }, vocabSize, () => random.gauss(0, 0.5));
}

/** The text of micro_gpt.ts with a tape that has a 128th of the slots and operands, and is full sooner. */
export const smallTapeSource = (): string => readFileSync(path('../micro_gpt.ts'), 'utf8')
  .replace(/(?<=Array\(2 \*\* )\d+/g, (exponent) => `${Number(exponent) - 7}`);
/** micro_gpt.ts, loaded with that tape. */
export async function smallTape(t: TestContext): Promise<typeof import('../micro_gpt.ts')> {
  const folder = await temporaryFolder(t, { 'copy.ts': smallTapeSource() });
  return import(`${pathToFileURL(join(folder, 'copy.ts'))}`);
}

// ---- Folders and servers

/** A folder that is gone after the test, with these files in it. */
export async function temporaryFolder(t: TestContext, files: Record<string, string | Uint8Array> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'micro gpt '));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

/** A server on this machine, with the number of requests that it got. */
export async function serve(t: TestContext, answer: RequestListener | string | Uint8Array) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    if (typeof answer === 'function') answer(request, response);
    else response.end(answer);
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

// ---- The program

export const tiny = path('tiny/input.txt');
// The dataset of the original is not in the project: it is input.txt after a first run, or what CI lays beside us.
const candidates = [path('../input.txt'), path('../../shared/golden/names/input.txt')];
const namesHash = '0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d';
export const namesFile = candidates.find((file) => existsSync(file)
  && createHash('sha256').update(readFileSync(file)).digest('hex') === namesHash) ?? 'names.txt';
const program = path('../micro_gpt.ts');
type Options = { cwd?: string; fetch?: string; stdio?: StdioOptions; file?: string };
const offline = `() => Promise.reject(new TypeError('fetch failed', { cause: new Error('no network') }))`;

/** The command line that starts the program; `fetch` is the JavaScript of what stands in for the network. */
export function commandLine(args: string[], { fetch = offline, file = program }: Options = {}): string[] {
  const preload = `data:text/javascript,${encodeURIComponent(`globalThis.fetch = ${fetch}`)}`;
  return [process.execPath, '--import', import.meta.resolve('tsx'), '--import', preload, file, ...args];
}
/** The program, running. It is killed when the test ends. */
export function start(t: TestContext, args: string[], options: Options = {}) {
  const [command, ...rest] = commandLine(args, options);
  const child = spawn(command, rest, { cwd: options.cwd, stdio: options.stdio ?? 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}
/** All that comes of a run, when it is over. */
export async function outcome(child: ReturnType<typeof start>) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : '', once(child, 'close'),
  ]);
  return { stdout, stderr, code: code as number | null, signal: signal as string | null };
}
export const run = (t: TestContext, args: string[], options?: Options) => outcome(start(t, args, options));

/** One line that tells a mistake, and so no stack trace. */
export const oneLine = /^micro_gpt: [^\n]+\n$/;
