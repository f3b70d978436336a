// How the program is started, imported and ended, in processes of their own.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { usage } from '../micro_gpt.ts';
import { changed, oneLine, run, smallArrays, start, temporaryFolder, tiny } from './helpers.ts';

describe('The program', { concurrency: 3, timeout: 60_000 }, () => {
  for (const file of ['micro_gpt.js', 'link.ts', 'link', 'folder']) {
    test(`runs if it is started as ${file}, in a folder with a blank in its name`, async (t) => {
      const cwd = await temporaryFolder(t, { 'micro_gpt.ts': changed() });
      assert.match(cwd, / /);
      await mkdir(join(cwd, 'folder'));
      for (const link of ['link.ts', 'folder/index.ts']) await symlink(join(cwd, 'micro_gpt.ts'), join(cwd, link));
      const { stdout, stderr, code } = await run(t, ['-h'], { cwd, file });
      assert.deepEqual([stdout, stderr, code], [`${usage()}\n`, '', 0]);
    });
  }

  for (const file of ['other.mjs', 'micro_gpt']) {
    test(`does nothing when a file named ${file} imports it`, async (t) => {
      const script = "import('./micro_gpt.ts').then(() => { console.log('imported'); });";
      const cwd = await temporaryFolder(t, { 'micro_gpt.ts': changed(), [file]: script });
      const { stdout, stderr, code } = await run(t, ['--help'], { cwd, file });
      assert.deepEqual([stdout, stderr, code], ['imported\n', '', 0]);
    });
  }

  test('shows where it went wrong, if that is its own fault', async (t) => {
    const fetch = `Math.exp = () => { throw new TypeError('planted'); }`; // no GPT can do without it
    const { stderr, code } = await run(t, ['--data', tiny], { fetch });
    assert.match(stderr, /^TypeError: planted\n( +at .*\n)* +at .*micro_gpt\.ts:\d+/m);
    assert.equal(code, 1);
  });

  const sizes = ['--n-embd', '--n-layer', '--block-size']; // to lower, if the model is too large
  for (const [mistake, ...named] of [
    ['--seed|-1', '--seed'], ['--data=no\u0085such\n\u009bfile\x1b', 'no such  file'], ['--n-embd=1e9', '--n-embd 1e9'],
    ['--n-embd=4000', ...sizes], ['--n-layer=100', ...sizes], ['--block-size=500', ...sizes],
  ]) {
    test(`tells in one line that ${JSON.stringify(mistake)} is a mistake, before the first step`, async (t) => {
      const cwd = await temporaryFolder(t, { 'copy.ts': `${smallArrays(100)}\n${changed()}` }); // full sooner
      const args = ['--data', tiny, ...mistake.split('|')];
      const { stdout, stderr, code } = await run(t, args, { cwd, file: 'copy.ts' });
      assert.match(stderr, oneLine);
      assert.doesNotMatch(stderr, /[^\n\P{Cc}]/u, 'control characters should be blanks');
      for (const part of named) assert.ok(stderr.includes(part), `"${part}" should be in ${stderr}`);
      assert.doesNotMatch(stdout, /step|---/);
      assert.equal(code, 1);
    });
  }

  for (const [doing, awaited, ...args] of [
    ['training', 'step ', '--num-steps=1000000000'],
    ['sampling', 'sample ', '--num-steps=0', '--num-samples=1000000000'],
  ] as const) {
    test(`ends soon and quietly when its pipe closes while it is ${doing}`, async (t) => {
      const child = start(t, ['--data', tiny, ...args]), told = text(child.stderr!), closed = once(child, 'close');
      for await (const chunk of child.stdout!) if (`${chunk}`.includes(awaited)) break; // which closes the pipe
      assert.deepEqual([await told, await closed], ['', [0, null]]);
    });
  }

  const full = '/dev/full'; // a device that takes nothing, like a full disk
  const skip = !existsSync(full) && `there is no ${full} here`;
  test('says in one line that it cannot print, and goes on if it cannot say something', { skip }, async (t) => {
    const file = await open(full, 'w'), cwd = await temporaryFolder(t); // without data, which is worth a note
    t.after(() => file.close());
    const silent = await run(t, ['--num-steps=1000000000', '--data', tiny], { stdio: ['ignore', file.fd, 'pipe'] });
    assert.match(silent.stderr, oneLine);
    assert.match(silent.stderr, /\bENOSPC\b/);
    assert.equal(silent.code, 1);
    const args = ['--num-steps=0', '--num-samples=1'];
    const { stdout, code } = await run(t, args, { cwd, stdio: ['ignore', 'pipe', file.fd] });
    assert.match(stdout, /\nsample +1: .*\n$/);
    assert.equal(code, 0);
  });
});
