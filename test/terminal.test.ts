// What the program shows on a terminal, and what Ctrl-C does there. script(1) makes the terminals.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { builtInNames, createModel, createTokenizer, evaluate, holdOut, Random } from '../micro_gpt.ts';
import { assertClose, commandLine, defaults, path, temporaryFolder, tiny } from './helpers.ts';

/** The program, or another, on a terminal. */
function onTerminal(t: TestContext, columns: number, args: string[], options: { file?: string } = {}) {
  const words = commandLine(args, options).map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const clean = 'env -u CI -u TMUX -u NO_COLOR -u FORCE_COLOR -u NODE_DISABLE_COLORS TERM=xterm';
  const child = spawn('script', ['-qec', `stty cols ${columns}; exec ${clean} ${words}`, '/dev/null'], {
    env: { ...process.env, SHELL: '/bin/sh' },
  });
  t.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { shown += text; });
  const end = once(child, 'close').then(([code]) => ({ code, shown: shown.replaceAll('\r\n', '\n') }));
  const until = async (pattern: RegExp) => {
    const fail = () => assert.fail(`no ${pattern} in ${shown}`);
    while (!pattern.test(shown)) await Promise.race([once(child.stdout, 'data'), end.then(fail)]);
  };
  return { end, until, ctrlC: () => child.stdin.write('\x03') };
}

/** A run: how wide the terminal is, what is in the environment, at which write of steps Ctrl-C comes. */
type Run = {
  columns: number; args: string[]; environment?: Record<string, string | undefined>; stopAfter?: number;
  narrowAfter?: number; // at which write the terminal has only 4 columns left
};
// Several runs in one process. Its clock is 5 milliseconds later each time it is asked, on any machine.
const runner = `
  import { execFileSync } from 'node:child_process';
  import { setTimeout } from 'node:timers/promises';
  import { main } from ${JSON.stringify(pathToFileURL(path('../micro_gpt.ts')))};
  let clock = 0, writes = 0, stopAfter = 0, narrowAfter = 0;
  performance.now = () => (clock += 5);
  const write = process.stdout.write.bind(process.stdout), { env } = process;
  process.stdout.write = (text) => {
    if (/step |\\r/.test(text) && ++writes === stopAfter) process.emit('SIGINT');
    if (writes === narrowAfter) process.stdout.columns = 4;
    if (text.includes('sample ') && process.listenerCount('SIGINT') > 0) write('Ctrl-C would be caught: ');
    return write(text);
  };
  for (const run of JSON.parse(process.argv[2])) {
    execFileSync('stty', ['cols', run.columns], { stdio: 'inherit' });
    while (process.stdout.columns !== run.columns) await setTimeout(5);
    process.env = { ...env, ...run.environment };
    for (const [name, value] of Object.entries(run.environment ?? {})) if (value === null) delete process.env[name];
    [writes, stopAfter, narrowAfter] = [0, run.stopAfter, run.narrowAfter];
    await main(run.args).catch(({ message }) => process.stderr.write('error: ' + message + '\\n'));
    process.stdout.columns = run.columns;
    write('\\0');
  }`;
async function showAll<T extends string>(t: TestContext, runs: Record<T, Run>): Promise<Record<T, string>> {
  const file = join(await temporaryFolder(t, { 'runner.mjs': runner }), 'runner.mjs');
  const { shown, code } = await onTerminal(t, 1, [JSON.stringify(Object.values(runs), (_, value: unknown) => value ?? null)], { file }).end;
  assert.equal(code, 0, shown);
  const parts = shown.split('\0');
  return Object.fromEntries(Object.keys(runs).map((name, i) => [name, parts[i]])) as Record<T, string>;
}

/** The line of steps: what was drawn, and drawn over it. Nothing of an older one is left. */
function redraws(shown: string): string[] {
  const [, ...drawn] = shown.slice(0, shown.lastIndexOf('\x1b[K') + 3).split('\r');
  assert.ok(drawn.every((text) => /^[^\n]*\x1b\[K$/.test(text)), JSON.stringify(shown));
  return drawn.map((text) => text.slice(0, -3));
}
/** The curve: its two labels, its rows of blocks, and its axis. */
function curveOf(shown: string) {
  const curve = /^ *([\d.]+) ┬.*\n((?: {6}│.*\n)+) *([\d.]+) ┴─+\n(.*)\n/m.exec(shown);
  const [, top, rows, bottom, axis] = curve ?? assert.fail(shown);
  return { top, bottom, axis: axis.trim().split(/ {2,}/), rows: rows.match(/(?<=│).*/g) ?? [] };
}
/** How high each column of rows of blocks is, in eighths of a row. */
function heightsOf(rows: string[]): number[] {
  return Array.from(rows[0], (_, column) => {
    const levels = rows.map((row) => ' ▁▂▃▄▅▆▇█'.indexOf(row[column]));
    const solid = levels.every((level, row) => level === 8 || row === 0 || levels[row - 1] === 0);
    assert.ok(solid && !levels.includes(-1), rows.join('\n'));
    return levels.reduce((a, b) => a + b);
  });
}
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;
/** The blocks are as high as the means of as many losses each, up to guessing; the losses are rounded. */
function assertBlocks(rows: string[], losses: number[], guessing: number): void {
  const heights = heightsOf(rows), n = losses.length / heights.length, full = 8 * rows.length;
  const means = heights.map((_, i) => mean(losses.slice(i * n, (i + 1) * n)));
  const lowest = Math.min(...means);
  for (const [i, height] of heights.entries()) {
    const expected = Math.min(full, (full * (means[i] - lowest)) / (guessing - lowest));
    assert.ok(Math.abs(height - expected) < 0.6, `${height} should be ${expected}`);
  }
}

const { status } = spawnSync('script', ['--version']);
const skip = status !== 0 && 'there is no script(1) of util-linux here, which makes a terminal';

describe('On a terminal', { concurrency: 3, skip, timeout: 60_000 }, () => {
  test('the program shows its steps as the terminal can', async (t) => {
    const one = join(await temporaryFolder(t, { 'one.txt': 'ada\n' }), 'one.txt');
    const small = ['--data', tiny, '--n-embd=4', '--n-head=1', '--block-size=4', '--num-samples=2'];
    const learning = ['--data', tiny, '--num-steps=128', '--num-samples=2'];
    const endless = [...small, '--num-steps=1000000000'];
    const at = (columns: number): Run => ({ columns, args: endless, stopAfter: 3 });
    const shown = await showAll(t, {
      4: at(4), 20: at(20), 27: at(27), 28: at(28), 40: at(40), 0: at(0), 80: at(80), 120: at(120),
      narrower: { columns: 80, args: endless, stopAfter: 6, narrowAfter: 3 },
      rate: { columns: 80, args: [...small, '--num-steps=400'], stopAfter: 3 },
      learning: { columns: 72, args: learning }, // a column of the curve for two steps
      noColor: { columns: 72, args: learning, environment: { NO_COLOR: '1', FORCE_COLOR: '0' } },
      foot: { columns: 72, args: learning, environment: { TERM: 'foot' } },
      dumb: { columns: 72, args: learning, environment: { TERM: 'dumb' } },
      noTerm: { columns: 72, args: learning, environment: { TERM: undefined } },
      flat: { columns: 80, args: [...small, '--data', one, '--learning-rate=0', '--num-steps=20'] },
      high: { columns: 80, args: [...small, '--n-embd=8', '--learning-rate=0.5', '--num-steps=20'] },
      none: { columns: 80, args: [...small, '--num-steps=0'] },
      failed: { columns: 80, args: ['--data', tiny, '--num-steps=40', '--learning-rate=0.5'] },
    });

    for (const columns of [4, 20, 27, 28, 40, 0, 80, 120] as const) {
      await t.test(`The steps are one line that fits, and so does the curve, in ${columns} columns`, () => {
        const drawn = redraws(shown[columns]);
        assert.ok(drawn.length > 2);
        assert.doesNotMatch(shown[columns], /\nstep/);
        const [training] = shown[columns].split('\n\n---');
        const others = training.split(/num params.*\n/)[1].split('\n').filter((line) => !line.includes('\r'));
        for (const line of [...drawn, ...others]) assert.ok(line.length < (columns || 80), line);
        if (columns > 0 && columns < 28) assert.doesNotMatch(shown[columns], /[┬│┴]/);
        else assert.match(curveOf(shown[columns]).axis.join(), /^step 1,? *step \d+$/);
      });
    }
    await t.test('In a window that becomes narrower, the line does, too', () => {
      const drawn = redraws(shown.narrower);
      assert.deepEqual(drawn.slice(0, 3).map(({ length }) => length > 40), [true, true, true]);
      assert.deepEqual(drawn.slice(3).map(({ length }) => length), Array(drawn.length - 3).fill(3));
      assert.doesNotMatch(shown.narrower, /[┬│┴]/);
    });
    await t.test('The steps a second, times the seconds left, are the steps left', () => {
      assert.ok(redraws(shown.rate).length > 2);
      for (const line of redraws(shown.rate)) {
        const parts = /^step +(\d+) \/ +(\d+) \| .* (\d+) steps\/s, (\d+) s left$/.exec(line) ?? [];
        const [, step, steps, rate, left] = parts.map(Number);
        assert.ok(Math.abs(rate * left - (steps - step)) < (rate + left) / 2 + 1, line); // both are rounded
        assert.ok(rate > 40 && rate <= 200, line); // by a clock that was asked 1 to 5 times a step
      }
    });
    await t.test('With TERM=dumb or no TERM, each step has a line, and all else is the same; colors are never asked for', () => {
      assert.equal(shown.dumb.match(/^step +\d+ \/ +128 \| loss \d\.\d{4}$/gm)?.length, 128);
      assert.doesNotMatch(shown.dumb, /[\r\x1b┬│┴]/);
      assert.equal(shown.noTerm, shown.dumb);
      for (const same of [shown.noColor, shown.foot]) assert.deepEqual(curveOf(same), curveOf(shown.learning));
      for (const part of [/^[^]*?num params.*\n/, /\n\n---[^]*$/]) {
        assert.equal(part.exec(shown.learning)?.[0], part.exec(shown.dumb)?.[0]);
      }
    });
    await t.test('The line shows the mean of the last 50 losses, and with the curve all of them', () => {
      const losses = Array.from(shown.dumb.matchAll(/loss (.*)/g), ([, loss]) => Number(loss));
      const drawn = redraws(shown.learning);
      assert.ok(drawn.length < 60, `${drawn.length} redraws of 128 steps`);
      const last = /^step 128 \/ 128 \| loss ([\d.]+) \(mean of 50\)/.exec(drawn.at(-1) ?? '');
      const [, loss] = last ?? assert.fail(shown.learning);
      assertClose(Number(loss), mean(losses.slice(-50)), 1e-4);
      const { top, bottom, axis, rows } = curveOf(shown.learning);
      assertBlocks(rows, losses, Math.log(24));
      const pairs = losses.flatMap((loss, i) => (i % 2 ? (losses[i - 1] + loss) / 2 : []));
      assert.deepEqual([top, axis], ['3.18', ['step 1', 'step 128']]); // ln 24
      assertClose(Number(bottom), Math.min(...pairs), 0.006);
    });
    await t.test('Losses that stay the same make a flat curve', () => {
      const { rows, top } = curveOf(shown.flat);
      assert.equal(top, '1.10'); // ln 3
      assert.equal(new Set(heightsOf(rows)).size, 1);
    });
    await t.test('Losses above guessing make no curve higher than that', () => {
      const { rows, top, bottom } = curveOf(shown.high);
      assert.deepEqual([top, bottom, rows.length], ['3.18', '3.18', 5]);
      assert.ok(rows.every((row) => row.length === 72)); // 20 steps fill the axis, too
      assert.deepEqual(new Set(heightsOf(rows)), new Set([40]));
    });
    await t.test('No steps are no line and no curve', () => {
      assert.match(shown.none, /^sample +2: /m);
      assert.doesNotMatch(shown.none, /step|NaN|Infinity|[┬│┴]/);
    });
    await t.test('Ctrl-C is caught while it trains, and not while it makes up samples', () => {
      for (const text of Object.values(shown)) assert.doesNotMatch(text, /caught/);
    });
    await t.test('An error during training is on a line of its own', () => {
      assert.ok(redraws(shown.failed).length > 0);
      assert.match(shown.failed, /\x1b\[K\nerror: [^\n\r]*\n$/);
    });
  });

  test('Ctrl-C stops the training, and a second one the samples that follow', async (t) => {
    const documents = builtInNames.flatMap((name) => [...'aeiouy'].map((end) => name + end));
    const data = join(await temporaryFolder(t, { 'many.txt': documents.join('\n') }), 'many.txt');
    const args = ['--data', data, '--num-steps=1000000', '--num-samples=1000000000', '--eval=20'];
    const { end, until, ctrlC } = onTerminal(t, 80, args);
    await until(/\r[^\n]*\rstep/);
    ctrlC();
    await until(/\nsample +2: /);
    ctrlC();
    const { shown, code } = await end;
    assert.equal(code, 130); // which is what Ctrl-C does to a program that does not care
    const steps = Array.from(shown.matchAll(/\rstep +(\d+) \/ 1000000 /g), ([, step]) => step).at(-1);
    assert.ok(Number(steps) < 1e6);
    assert.deepEqual(curveOf(shown).axis, ['step 1', `step ${steps}`]);

    const { training, heldOut } = holdOut(new Random(defaults.seed).shuffle(documents), 20);
    const tokenizer = createTokenizer(documents), model = createModel(defaults, tokenizer.vocabSize, () => 0);
    const told = evaluate(model, tokenizer, training.slice(0, Number(steps)), heldOut);
    const [bigram] = /^bigram table: .*$/m.exec(told) ?? [];
    assert.ok(bigram && shown.includes(`\n${bigram}\n`), `${bigram} should be in ${shown}`);
  });
});
