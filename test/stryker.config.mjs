// `npm run mutants`: Stryker changes the program in hundreds of small ways, and each change must make a test
// fail. It goes through sections 1 to 6 and B, whose tests need no process of the program.
import { readFileSync } from 'node:fs';

const lines = readFileSync('micro_gpt.ts', 'utf8').split('\n');
const heading = (section) => lines.findIndex((line) => line.startsWith(`// ---- ${section}.`)) + 1;

export default {
  testRunner: 'tap',
  plugins: ['@stryker-mutator/tap-runner'],
  mutate: [['1', '7'], ['B', 'C']].map(([a, b]) => `micro_gpt.ts:${heading(a)}-${heading(b) - 1}`),
  tap: {
    testFiles: ['autograd', 'model', 'training', 'tokenizer', 'random'].map((name) => `test/${name}.test.ts`),
    nodeArgs: ['--import', 'tsx', '--require', '{{hookFile}}', '{{testFile}}'],
  },
  coverageAnalysis: 'off', // the tests of a file run together
  concurrency: 2, timeoutMS: 10_000,
  tsconfigFile: 'none', // Stryker would rewrite tsconfig.json, and cannot read it with TypeScript 7
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, allowEmojis: false, reportTests: false },
  tempDirName: 'node_modules/.stryker',
};
