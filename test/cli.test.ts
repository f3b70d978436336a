// The program as its users meet it, each time in a process and a folder of its own. Nothing here uses the
// network: the program's fetch() is replaced.

import assert from 'node:assert/strict';
import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { describe, test, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtInNames, parseCommandLine } from '../micro_gpt.ts';

const program = fileURLToPath(new URL('../micro_gpt.ts', import.meta.url));
const short = ['--num-steps', '1', '--num-samples', '1'];
const parallel = { concurrency: 3 }; // most of a run is waiting for node to start

async function temporaryFolder(t: TestContext, input?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'micro-gpt-'));
  t.after(() => rm(folder, { recursive: true }));
  if (input !== undefined) await writeFile(join(folder, 'input.txt'), input);
  return folder;
}

type Options = { fetch?: string; stdio?: StdioOptions }; // fetch: the JavaScript of what replaces it
const offline = `() => Promise.reject(new TypeError('fetch failed', { cause: new Error('no network') }))`;

function start(t: TestContext, folder: string, nodeArgs: string[], options: Options = {}) {
  const { fetch = offline, stdio = 'pipe' } = options;
  const preload = `data:text/javascript,${encodeURIComponent(`globalThis.fetch = ${fetch}`)}`;
  const args = ['--import', import.meta.resolve('tsx'), '--import', preload, ...nodeArgs];
  const child = spawn(process.execPath, args, { cwd: folder, stdio });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function outcome(child: ReturnType<typeof start>) {
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : '', once(child, 'close'),
  ]);
  return { stdout, stderr, code: code as number | null };
}

const run = (t: TestContext, folder: string, args: string[], options?: Options) =>
  outcome(start(t, folder, [program, ...args], options));

const oneLine = /^micro_gpt: [^\n]+\n$/; // and so no stack trace

describe('An argument that is wrong ends the run with one line and exit code 2:', parallel, () => {
  const cases: [args: string[], told: RegExp][] = [
    [['--seed', '-1'], /--seed .*-1/],
    [['--seed=1.5'], /--seed .*1\.5/],
    [['--n-embd', '16.5'], /--n-embd .*16\.5/],
    [['--n-embd', ''], /--n-embd/],
    [['--n-head', '3'], /--n-embd 16 .*--n-head 3/],
    [['--learning-rate', '-1'], /--learning-rate .*-1/],
    [['--temperature', '0'], /--temperature .*0/],
    [['--temperature', 'nan'], /--temperature .*nan/],
    [['--unknown', '1'], /--unknown/],
    [['--constructor'], /--constructor/],
    [['names.txt'], /names\.txt/],
    [['--prompt', 'a', '--explain', 'b'], /--explain .*--prompt/],
    [['--n-embd', '512', '--n-layer', '100'], /--n-embd .*--n-layer .*314572800 parameters/],
    [['--seed', '1\n2\x1b[1m'], /--seed .*"1 2 \[1m"/], // nothing that it quotes breaks the line
    [['--n-layer', '2', '--seed'], /--seed/],
    [['--data', 'missing.txt', '--seed', '-1'], /--seed .*-1/], // before anything is read
  ];
  for (const [args, told] of cases) {
    test(args.map((arg) => (/^[^ ]+$/.test(arg) ? arg : `"${arg}"`)).join(' '), async (t) => {
      const { stdout, stderr, code } = await run(t, await temporaryFolder(t), args);
      assert.match(stderr, oneLine);
      assert.match(stderr, told);
      assert.equal(stdout, '');
      assert.equal(code, 2);
    });
  }
});

describe('Each number', () => {
  // What is taken as it stands, from the least to the most, and what is not.
  const cases: [flag: string, good: string[], bad: string[]][] = [
    ['n-embd', ['1', '512', '1e2', '7'], ['0', '-4', '513', '16.5', 'NaN', 'sixteen', '16px', '1,000']],
    ['n-layer', ['1', '100'], ['0', '-1', '101', '1.5']],
    ['block-size', ['1', '4096'], ['0', '-1', '4097', '1.5']],
    ['num-steps', ['0', '1000000000'], ['-1', '1000000001', '1.5', 'Infinity']],
    ['num-samples', ['0', '1000000000'], ['-1', '1000000001', '1.5', 'Infinity']],
    ['learning-rate', ['0', '0.5', '1e-3', '1000'], ['-0.1', '1000.1', 'NaN', 'Infinity']],
    ['temperature', ['0.000001', '1', '1000000'], ['0', '-1', '1e-7', '1000001', 'NaN']],
    ['seed', ['0', '4294967296', '9007199254740991'], ['-1', '0.5', '9007199254740992', 'NaN']],
  ];
  const nameOf = (flag: string) => flag.replace(/-./g, (pair) => pair[1].toUpperCase());
  const parse = (...args: string[]) => parseCommandLine(['--n-head', '1', ...args]).config;

  for (const [flag, good, bad] of cases) {
    test(`--${flag} is taken within its range, and refused outside`, () => {
      for (const number of good) {
        assert.deepEqual(parse(`--${flag}`, number), { ...parse(), [nameOf(flag)]: Number(number) });
      }
      for (const number of [...bad, '', ' ']) {
        const told = { exitCode: 2, message: new RegExp(`--${flag}\\b`) };
        assert.throws(() => parse(`--${flag}`, number), told, `"${number}"`);
      }
    });
  }

  test('--n-head is taken if it divides --n-embd', () => {
    for (const [nEmbd, nHead] of [['16', '16'], ['512', '512'], ['6', '3'], ['5', '1']]) {
      assert.equal(parse('--n-embd', nEmbd, '--n-head', nHead).nHead, Number(nHead));
    }
    for (const nHead of ['3', '32', '0', '-4', '1.5', '1025', 'NaN', '']) {
      const told = { exitCode: 2, message: /--n-head\b/ };
      assert.throws(() => parse('--n-embd', '16', '--n-head', nHead), told, nHead);
    }
  });
});

test('Without arguments, everything has the default of the original', () => {
  assert.deepEqual(parseCommandLine([]), {
    config: {
      nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16, numSteps: 1000, learningRate: 0.01, temperature: 0.5,
      numSamples: 20, eval: 0, seed: 42,
    },
    source: undefined, prompt: undefined, explain: undefined,
    help: undefined,
  });
});

test('An argument that is unknown or lacks its value is refused and named', () => {
  const cases: [args: string[], named: RegExp][] = [
    [['--nEmbd', '16'], /--nEmbd/],
    [['--seeds', '1'], /--seeds/],
    [['--constructor=1'], /--constructor/],
    [['--no-help'], /--no-help/],
    [['-s', '1'], /-s\b/],
    [['--help', '--toString'], /--toString/],
    [['--', 'names.txt'], /names\.txt/],
    [['--data'], /--data/],
    [['--data='], /--data/],
    [['--data', ''], /--data/],
    [['--n-embd='], /--n-embd/],
  ];
  for (const [args, named] of cases) {
    assert.throws(() => parseCommandLine(args), { exitCode: 2, message: named }, args.join(' '));
  }
});

test('An argument can be written with "=", and counts if it is the last of its kind', () => {
  const { config, source } = parseCommandLine(['--seed=1', '--data=a.txt', '--data', 'b.txt', '--seed', '2']);
  assert.equal(config.seed, 2);
  assert.equal(source, 'b.txt');
});

describe('The program', parallel, () => {
  test('tells with --help every option and its default, and does nothing else', async (t) => {
    const folder = await temporaryFolder(t);
    const { stdout, stderr, code } = await run(t, folder, ['--seed', '7', '--help']);
    const defaults = {
      'n-embd': 16, 'n-head': 4, 'n-layer': 1, 'block-size': 16, 'num-steps': 1000, 'learning-rate': 0.01,
      temperature: 0.5, 'num-samples': 20, seed: 42, data: '\\S+',
    };
    for (const [flag, standard] of Object.entries(defaults)) {
      assert.match(stdout, new RegExp(`^ +--${flag} ${standard} +\\w`, 'm'));
    }
    assert.doesNotMatch(stdout, /num docs/);
    assert.match(stdout, /[^\n]\n$/);
    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.deepEqual(await readdir(folder), []);
  });

  test('uses the input.txt of the folder it is run in', async (t) => {
    const folder = await temporaryFolder(t, 'emma\nava\n');
    const args = ['--num-steps', '0', '--num-samples', '0'];
    assert.deepEqual(await run(t, folder, args), {
      stdout: 'num docs: 2\nvocab size: 5\nnum params: 3488\n\n--- inference (new, hallucinated names) ---\n',
      stderr: '',
      code: 0,
    });
  });

  test('uses the file of --data, and not input.txt', async (t) => {
    const folder = await temporaryFolder(t, 'emma\n');
    await writeFile(join(folder, 'other.txt'), 'ava\nmia\nzoe\n');
    const { stdout, stderr, code } = await run(t, folder, ['--data', 'other.txt', ...short]);
    assert.match(stdout, /^num docs: 3\n/);
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  test('ends with one line and exit code 1 if the file of --data is missing', async (t) => {
    const folder = await temporaryFolder(t, 'emma\n');
    const { stdout, stderr, code } = await run(t, folder, ['--data', 'missing.txt']);
    assert.match(stderr, oneLine);
    assert.match(stderr, /missing\.txt/);
    assert.equal(stdout, '');
    assert.equal(code, 1);
  });

  test('ends with one line and exit code 1 if the address of --data cannot be had', async (t) => {
    const folder = await temporaryFolder(t, 'emma\n');
    const { stdout, stderr, code } = await run(t, folder, ['--data', 'https://127.0.0.1/names.txt']);
    assert.match(stderr, oneLine);
    assert.match(stderr, /https:\/\/127\.0\.0\.1\/names\.txt.*no network/);
    assert.equal(stdout, '');
    assert.equal(code, 1);
  });

  test('ends with one line and exit code 1 if input.txt is empty', async (t) => {
    const { stdout, stderr, code } = await run(t, await temporaryFolder(t, ''), []);
    assert.match(stderr, oneLine);
    assert.match(stderr, /input\.txt/);
    assert.equal(stdout, '');
    assert.equal(code, 1);
  });

  test('ends with one line and exit code 1 if the learning rate is too high to learn', async (t) => {
    const folder = await temporaryFolder(t, 'emma\nava\n');
    const { stdout, stderr, code } = await run(t, folder, ['--learning-rate', '1000']);
    assert.match(stderr, oneLine);
    assert.match(stderr, /--learning-rate/);
    assert.doesNotMatch(stdout, /NaN|Infinity|sample/);
    assert.equal(code, 1);
  });

  test('trains on the built-in names when offline, and says so in one line', async (t) => {
    const folder = await temporaryFolder(t);
    const { stdout, stderr, code } = await run(t, folder, short);
    assert.match(stdout, new RegExp(`^num docs: ${builtInNames.split('\n').length}\n`));
    assert.match(stdout, /\nstep +1 \/ +1 \| loss \d\.\d{4}\n/);
    assert.match(stdout, /\nsample +1: [^\n]*\n$/);
    assert.match(stderr, oneLine);
    assert.match(stderr, /no network/);
    assert.equal(code, 0);
    assert.deepEqual(await readdir(folder), []);
  });

  test('downloads the names of the original, once', async (t) => {
    const folder = await temporaryFolder(t);
    const online = await run(t, folder, short, { fetch: 'async (url) => new Response(url)' });
    const namesUrl = 'https://raw.githubusercontent.com/karpathy/makemore/master/names.txt';
    assert.equal(await readFile(join(folder, 'input.txt'), 'utf8'), namesUrl);
    assert.match(online.stdout, /^num docs: 1\n/);
    assert.equal(online.stderr, '');
    assert.equal(online.code, 0);
    assert.deepEqual(await run(t, folder, short), online); // offline
  });

  test('prints nothing when it is imported', async (t) => {
    const folder = await temporaryFolder(t);
    const script = join(folder, 'script.mjs');
    await writeFile(script, `await import(${JSON.stringify(pathToFileURL(program))})`);
    assert.deepEqual(await outcome(start(t, folder, [script])), { stdout: '', stderr: '', code: 0 });
    const inline = start(t, folder, ['--input-type=module', '--eval', await readFile(script, 'utf8')]);
    assert.deepEqual(await outcome(inline), { stdout: '', stderr: '', code: 0 });
  });

  test('runs from a symbolic link', async (t) => {
    const folder = await temporaryFolder(t);
    await symlink(program, join(folder, 'link.ts'));
    const { stdout, code } = await outcome(start(t, folder, ['link.ts', '--help']));
    assert.match(stdout, /--n-embd/);
    assert.equal(code, 0);
  });

  test('ends soon and quietly when its pipe closes', { timeout: 20_000 }, async (t) => {
    const folder = await temporaryFolder(t, 'emma\nava\n');
    const child = start(t, folder, [program, '--num-steps', '1000000']); // minutes
    assert.ok(child.stdout && child.stderr);
    const [first] = await once(child.stdout, 'data'); // comes long before the end
    assert.match(`${first}`, /^num docs: 2\n/);
    child.stdout.destroy();
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  const full = '/dev/full'; // a device that takes nothing, like a full disk
  test('ends with one line and exit code 1 when it cannot write', {
    skip: existsSync(full) ? false : `there is no ${full} here`,
    timeout: 20_000,
  }, async (t) => {
    const folder = await temporaryFolder(t, 'emma\nava\n');
    const file = await open(full, 'w');
    t.after(() => file.close());
    for (const args of [['--help'], ['--num-steps', '1000000']]) {
      const { stderr, code } = await run(t, folder, args, { stdio: ['ignore', file.fd, 'pipe'] });
      assert.match(stderr, oneLine);
      assert.match(stderr, /ENOSPC/);
      assert.equal(code, 1);
    }
  });
});

describe('The output is the original\'s to the byte', parallel, () => {
  const project = new URL('../', import.meta.url);
  const cases: [name: string, about: string, folder: URL, args: string[]][] = [
    ['tiny', 'two layers, small heads, documents longer than the block', new URL('test/tiny/', project),
      ['--n-embd', '8', '--n-head', '2', '--n-layer', '2', '--block-size', '8', '--num-steps', '200']],
    ['unicode', 'several scripts, emoji, spaces, an apostrophe', new URL('test/unicode/', project),
      ['--num-steps', '60', '--num-samples', '10']],
    ['names', 'its own dataset and defaults', new URL('../shared/golden/names/', project), []],
  ];
  for (const [name, about, golden, args] of cases) {
    const skip = existsSync(golden) ? false : `${fileURLToPath(golden)} is not here`;
    test(`for ${name}: ${about}`, { skip }, async (t) => {
      const folder = await temporaryFolder(t);
      await copyFile(new URL('input.txt', golden), join(folder, 'input.txt'));
      const { stdout, stderr, code } = await run(t, folder, args);
      assert.equal(stdout, await readFile(new URL('expected.txt', golden), 'utf8'));
      assert.equal(stderr, '');
      assert.equal(code, 0);
    });
  }
});
