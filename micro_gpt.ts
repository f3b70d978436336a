/**
 * micro_gpt.ts: a GPT that learns from a list of names to predict the next letter, and so makes up names.
 * All of it is in this file, without dependencies, and its output is that of Andrej Karpathy's microgpt in
 * Python. Read 1 to 7 in this order; A to F are only their tools.
 *
 *   npx -y tsx micro_gpt.ts            (--help tells what can be changed)
 *
 *   1 Hyperparameters   2 Dataset and tokenizer   3 Autograd   4 Model   5 Training   6 Sampling   7 Main
 *   A Random numbers    B Command line   C Looking inside   D Terminal   E Downloading   F Built-in names
 */

// ---- 1. Hyperparameters ---------------------------------------------------------------------------------
// We choose these; training finds the parameters, the numbers of which the model consists. Most words are
// explained at their first use below. On the command line, nEmbd is --n-embd.

const hyperparameters = {
  //             default  least    most  meaning
  nEmbd:        [     16,     1,    512, 'width: how many numbers stand for a token'],
  nHead:        [      4,     1,    512, 'attention heads, among which the width is divided'],
  nLayer:       [      1,     1,    100, 'layers (attention, then MLP), one after another'],
  blockSize:    [     16,     1,   4096, 'context: how many positions (tokens in a row) the model can see'],
  numSteps:     [   1000,     0,    1e9, 'training steps, one document each'],
  learningRate: [   0.01,     0,   1000, 'size of the first training step; later ones shrink towards 0'],
  temperature:  [    0.5,  1e-6,    1e6, 'of sampling: near 0 always the likeliest, above 1 bolder'],
  numSamples:   [     20,     0,    1e9, 'how many documents to invent'],
  eval:         [      0,     0,    1e9, 'documents to keep out of training, to measure the loss on'],
  seed:         [     42,     0, Number.MAX_SAFE_INTEGER, 'of the random numbers: same seed, same output'],
} as const;
export type Config = Record<keyof typeof hyperparameters, number>;

// ---- 2. Dataset and tokenizer ---------------------------------------------------------------------------
// In: a text with one document (here, a name) per line. Out: each as tokens, numbers for characters.

/** The lines of a text, trimmed, without blank ones. */
export const splitDocuments = (text: string): string[] =>
  text.split(/\r\n?|\n/).map((line) => line.trim()).filter((line) => line !== '');

/**
 * The vocabulary: the characters of the dataset, sorted and numbered (a = 0 ... z = 25), and BOS (beginning
 * of sequence, 26), which goes on both sides: "emma" -> [26, 4, 12, 12, 0, 26]. The model predicts each token
 * from those before: "e" from BOS, "m" from BOS and "e", and last BOS, so it learns where names end.
 */
export class Tokenizer {
  readonly characters: string[]; // indexed by token; code points, not UTF-16 units
  get bos() { return this.characters.length; }
  get vocabSize() { return this.characters.length + 1; }

  constructor(text: string) {
    this.characters = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  }
  /** Throws an InputError for a character that is not in the vocabulary. */
  encode(document: string): number[] {
    const unknown = [...document].find((character) => !this.characters.includes(character));
    if (unknown !== undefined) throw new InputError(`the character "${unknown}" is not in the dataset`);
    return [this.bos, ...Array.from(document, (character) => this.characters.indexOf(character)), this.bos];
  }
  /** The characters of tokens, in one string. BOS has none. */
  decode(tokens: number[]): string {
    return tokens.map((token) => this.characters[token] ?? '').join('');
  }
}

// ---- 3. Autograd ----------------------------------------------------------------------------------------
// In: arithmetic on Values, numbers that remember how they were made. Out: their gradients.
//
// Training asks of each parameter: if it grew a bit, how fast would the loss (how wrong the model is) grow?
// That derivative is its gradient, and training moves the parameter against it. An operation knows only its
// local rates: how fast its result grows with each operand while the other holds still. Rates multiply along
// a chain of operations (the chain rule), and add up where a Value is used twice. Take (a * 3 + b) * a:
//
//   slot    1: a    2: b    3: a * 3    4: slot 3 + b    5: slot 4 * a
//   data    2       4       6           10               20
//   grad    16      2       2           2                1, as it grows as fast as itself
//
// Each Value takes the next slot of a tape, after its operands (a topological order). backward() walks it
// from the end, so a slot's grad is complete when it is reached; it then gives each operand grad * rate:
// 5 gives 1 * 2 to slot 4 and 1 * 10 to a, 4 gives 2 * 1 to slot 3 and to b, 3 gives 2 * 3 to a: 16 in all.

const floats = () => new Float64Array(2 ** 23); // room for 8 million slots; only those in use take memory
const ints = () => new Int32Array(2 ** 23);
const data = floats(); //                     the number in each slot; slot 0 stands for "no operand"
const grad = floats(); //                     its gradient; that of slot 0 means nothing
const left = ints(), right = ints(); //       the slots of its operands
const dLeft = floats(), dRight = floats(); // its local rates: how fast it grows with them
const terms = ints(); //                      for dot() below: of how many products it is the sum; else 0
const handles: Value[] = []; //               the Value of each slot, used again when tidy() frees the slot
let top = 1; //                               the next free slot
let leaves = 1; //                            below it are only leaves (no operands): backward() stops there

type Operand = Value | number; // a plain number is a constant, and has no gradient
const raw = (x: Operand): number => (typeof x === 'number' ? x : x.data);
const slotOf = (x: Operand): number => (typeof x === 'number' ? 0 : x.slot);

/** Writes a result, its operands and its local rates to the tape. Throws an InputError if that is full. */
function record(result: number, a: Operand = 0, dA = 0, b: Operand = 0, dB = 0): Value {
  if (top === data.length) throw new InputError('the model or a document is too large: the tape is full');
  data[top] = result;
  grad[top] = 0;
  left[top] = slotOf(a);
  right[top] = slotOf(b);
  dLeft[top] = dA;
  dRight[top] = dB;
  terms[top] = 0;
  handles[top] ??= new Value();
  return handles[top++];
}
/** A Value made from no other, a leaf: a parameter. */
export function value(x: number): Value {
  if (top === leaves) leaves++; // only leaves so far
  return record(x);
}

/** A number that remembers how it was made: a handle on a slot of the tape. */
export class Value {
  readonly slot = top;
  get data() { return data[this.slot]; }
  set data(x) { data[this.slot] = x; }
  get grad() { return grad[this.slot]; }
  set grad(x) { grad[this.slot] = x; }

  //                              the result               operand, rate     operand, rate
  add(y: Operand) { return record(this.data + raw(y),      this, 1,          y, 1); }
  sub(y: Operand) { return record(this.data - raw(y),      this, 1,          y, -1); }
  mul(y: Operand) { return record(this.data * raw(y),      this, raw(y),     y, this.data); }
  div(y: Operand) { return record(this.data / raw(y),      this, 1 / raw(y), y, -this.data / raw(y) ** 2); }
  pow(n: number)  { return record(this.data ** n,          this, n * this.data ** (n - 1)); }
  exp()           { return record(Math.exp(this.data),     this, Math.exp(this.data)); }
  log()           { return record(Math.log(this.data),     this, 1 / this.data); }
  relu()          { return record(Math.max(0, this.data),  this, this.data > 0 ? 1 : 0); }
  neg()           { return record(-this.data,              this, -1); }

  /** Computes the grads of results afresh, and adds to those of leaves, where several calls sum up. */
  backward(): void {
    const numbers = data, grads = grad; // under local names they are faster
    for (let slot = leaves; slot < top; slot++) if (left[slot] !== 0) grads[slot] = 0; // from earlier calls
    this.grad = 1;
    for (let slot = this.slot; slot >= leaves; slot--) {
      const g = grads[slot];
      if (g === 0) continue; // not part of this result, or without effect on it
      let a = left[slot], b = right[slot];
      grads[a] += dLeft[slot] * g;
      grads[b] += dRight[slot] * g;
      for (const end = a + terms[slot]; a < end; a++, b++) {
        grads[a] += numbers[b] * g; // only for dot(): the rate for one factor is the other
        grads[b] += numbers[a] * g;
      }
    }
  }
}

/** Values in neighbouring slots, as dot() needs them. `neighbours` exists for the type checker only. */
export type Vector = readonly Value[] & { readonly neighbours: true };
const asVector = (values: readonly Value[]): Vector => values as Vector;

/** The Values make(0) ... make(n - 1). If not neighbours (in attention), all are copied, as x * 1. */
export function vector(n: number, make: (i: number) => Value): Vector {
  const values = new Array<Value>(n);
  let neighbours = true;
  for (let i = 0; i < n; i++) {
    values[i] = make(i);
    if (values[i].slot !== values[0].slot + i) neighbours = false;
  }
  return asVector(neighbours ? values : values.map((x) => x.mul(1)));
}

/**
 * The sum of all a[i] * b[i]: large if a[i] and b[i] agree in sign. Most of a GPT's work is this, so to be
 * fast it takes one slot, not 2n - 1: the tape notes a[0], b[0] and n, and backward() finds the others, their
 * neighbours, by itself. Throws a RangeError if a and b differ in length.
 */
export function dot(a: Vector, b: Vector): Value {
  if (a.length !== b.length) throw new RangeError(`a dot of ${a.length} Values and ${b.length}`);
  const n = a.length, p = a[0].slot, q = b[0].slot;
  let total = 0;
  for (let i = 0; i < n; i++) total += data[p + i] * data[q + i];
  const result = record(total, a[0], 0, b[0], 0); // no rates: they are the operands' data
  terms[result.slot] = n;
  return result;
}

/** Runs body, then frees its slots, so body must not return Values. Older Values keep their grads. */
export function tidy<T>(body: () => T): T {
  const start = top;
  try {
    return body();
  } finally {
    top = start;
    leaves = Math.min(leaves, start);
  }
}

// ---- 4. Model -------------------------------------------------------------------------------------------
// In: a token, its position, and what earlier positions left in caches. Out: the logits, a score for each
// token of the vocabulary: the higher, the likelier it is next. Inside, the input token is x, nEmbd numbers.
// Shapes: (m, n), (n) -> (m) takes a matrix of m rows and n columns and n numbers, and returns m numbers.

type Matrix = readonly Vector[]; // one vector a row
/** The sum of a list. */
export const sum = (x: readonly Value[]): Value => x.reduce((total, xi) => total.add(xi));
/** The sums of pairs: (n), (n) -> (n). */
export const add = (x: Vector, y: Vector): Vector => vector(x.length, (i) => x[i].add(y[i]));
/** Negative numbers become 0: (n) -> (n). */
export const relu = (x: Vector): Vector => vector(x.length, (i) => x[i].relu());
/**
 * The dot of each row with x, a mix of the numbers of x in proportions that training finds:
 * [[1, 0], [2, 2]], [3, 4] -> [3, 14]. (m, n), (n) -> (m)
 */
export const linear = (w: Matrix, x: Vector): Vector => vector(w.length, (row) => dot(w[row], x));

/**
 * Scores to probabilities, which add up to 1: [0, 1.0986] -> [0.25, 0.75], as e ** 0 = 1 and e ** 1.0986 = 3.
 * Subtracting the largest divides all powers alike, so nothing changes, but no e ** 1000 becomes Infinity.
 * (n) -> (n)
 */
export function softmax(scores: readonly Value[]): Vector {
  const largest = scores.reduce((max, score) => Math.max(max, score.data), -Infinity);
  const powers = scores.map((score) => score.sub(largest).exp());
  const total = sum(powers);
  return vector(scores.length, (i) => powers[i].div(total));
}

/**
 * Scales x to a mean square of 1, so that each part of a layer gets numbers of one size: [3, 4]
 * -> [0.8485, 1.1314]. The 1e-5 is for x = 0. RMS: root mean square, Zhang and Sennrich 2019. (n) -> (n)
 */
export function rmsnorm(x: Vector): Vector {
  const scale = dot(x, x).div(x.length).add(1e-5).pow(-0.5);
  return vector(x.length, (i) => x[i].mul(scale));
}

/** The parameters: matrices of (rows, columns). `draw` is random: equal columns would stay equal. */
export function createModel(config: Config, vocabSize: number, draw: () => number) {
  const matrix = (rows: number, columns: number): Matrix =>
    Array.from({ length: rows }, () => vector(columns, () => value(draw())));
  const { nEmbd, blockSize, nLayer } = config;
  return {
    config,
    wte: matrix(vocabSize, nEmbd), //    token embedding: row i describes token i in nEmbd learnt numbers
    wpe: matrix(blockSize, nEmbd), //    position embedding: row i describes position i, since order matters
    lmHead: matrix(vocabSize, nEmbd), // the way out (lm is language model): row i scores token i
    layers: Array.from({ length: nLayer }, () => ({
      wq: matrix(nEmbd, nEmbd), //       query: what a position looks for
      wk: matrix(nEmbd, nEmbd), //       key: what it is found by
      wv: matrix(nEmbd, nEmbd), //       value (no Value): what it says when found
      wo: matrix(nEmbd, nEmbd), //       output: mixes what the heads heard
      fc1: matrix(4 * nEmbd, nEmbd), //  fully connected: four times as wide ...
      fc2: matrix(nEmbd, 4 * nEmbd), //  ... and back
    })),
  };
}
export type Model = ReturnType<typeof createModel>;
type Layer = Model['layers'][number];
/** All in one list; by default 27 * 16 + 16 * 16 + 27 * 16 + (4 + 4 + 4) * 16 * 16 = 4192 parameters. */
export const parameters = ({ wte, wpe, lmHead, layers }: Model): Value[] =>
  [wte, wpe, lmHead, ...layers.flatMap((layer) => Object.values(layer))].flat(2);

// Of a layer, per position so far: keys, (nHead, nEmbd / nHead); values, (nEmbd); seen: weights, for C.
type Cache = { keys: Vector[][]; values: Vector[]; seen: Vector[][] };
/** What to start a document with: for each layer a cache without positions. */
export const emptyCaches = (model: Model): Cache[] =>
  model.layers.map(() => ({ keys: [], values: [], seen: [] }));

/**
 * Attention lets a position use what came before. Its query is compared, by dot, with the keys of positions
 * up to its own (later ones are unknown). softmax makes weights of these scores, and with them the values are
 * averaged: weights 0.25 and 0.75 make [1, 8] of [4, 2] and [0, 10]. Each head does so on its own headDim
 * numbers, so that it can look for other things than the others do. Vaswani et al. 2017. (nEmbd) -> (nEmbd)
 */
function attention(x: Vector, layer: Layer, { keys, values, seen }: Cache, nHead: number): Vector {
  const headDim = x.length / nHead;
  const split = (v: Vector): Vector[] => // (nEmbd) -> (nHead, headDim)
    Array.from({ length: nHead }, (_, head) => asVector(v.slice(head * headDim, (head + 1) * headDim)));
  const queries = split(linear(layer.wq, x));
  keys.push(split(linear(layer.wk, x)));
  values.push(linear(layer.wv, x));
  // Terms of random sign partly cancel: a dot of n grows like the root of n. We divide by that, as for large
  // scores softmax gives nearly all to one position, and then all its rates are nearly 0.
  const weights = queries.map((query, head) =>
    softmax(keys.map((key) => dot(query, key[head]).div(Math.sqrt(headDim))))); // (nHead, positions)
  seen.push(weights);
  // A weighted mean is a dot, too: of number i of all values with the weights of the head that has i.
  const columns = x.map((_, i) => vector(values.length, (t) => values[t][i])); // (nEmbd, positions)
  const heard = vector(x.length, (i) => dot(weights[Math.floor(i / headDim)], columns[i]));
  return linear(layer.wo, heard);
}

/** Multi-layer perceptron: digests what was heard. Without relu, one linear would do: 3 * (2x) = 6x. */
const mlp = (x: Vector, layer: Layer): Vector => linear(layer.fc2, relu(linear(layer.fc1, x)));

/**
 * The logits, (vocabSize), for what follows a token. Call it position by position, with the same caches: the
 * only way for data to reach later positions, and for gradients to reach earlier ones.
 */
export function gpt(model: Model, token: number, position: number, caches: Cache[]): Vector {
  let x = rmsnorm(add(model.wte[token], model.wpe[position])); // below, only a copy is normed
  model.layers.forEach((layer, i) => {
    // Each part adds to x and does not replace it (a residual): a sum passes gradients back whole, at rate 1.
    x = add(x, attention(rmsnorm(x), layer, caches[i], model.config.nHead));
    x = add(x, mlp(rmsnorm(x), layer));
  });
  return linear(model.lmHead, x);
}

// ---- 5. Training ----------------------------------------------------------------------------------------
// In: a model and documents. Out: the same model, which has learnt to predict them better.

/**
 * How wrong the model is about a document: the mean of -log(the probability it gave to the token that came).
 * Probability 1 costs 0, 1/2 costs 0.69, 1/4 twice that, 0 Infinity: sure and wrong is worst. Guessing evenly
 * among 27 tokens costs log 27 = 3.30, about what step 1 shows. Only the first blockSize predictions count.
 */
export function lossOf(model: Model, tokens: number[]): Value {
  const n = Math.min(model.config.blockSize, tokens.length - 1);
  const caches = emptyCaches(model);
  const losses = Array.from({ length: n }, (_, position) => {
    const probabilities = softmax(gpt(model, tokens[position], position, caches));
    return probabilities[tokens[position + 1]].log().neg();
  });
  return sum(losses).div(n);
}

/**
 * Adam (Kingma and Ba 2014): makes a function that moves each parameter against its gradient, to lower the
 * loss. It keeps two running means, beta * old + (1 - beta) * new: m, of the gradient, so that one unusual
 * document counts little; and v, of its square, whose root is its usual size. m is divided by that, so that
 * all parameters move about equally fast. Both start at 0, too small by a factor 1 - beta ** step: we divide
 * by it. The first move is the learning rate, whatever the gradient (unless 0; epsilon prevents 0 / 0).
 */
export function adam(parameters: Value[], beta1 = 0.85, beta2 = 0.99, epsilon = 1e-8) {
  const m = new Float64Array(parameters.length);
  const v = new Float64Array(parameters.length);
  let [power1, power2] = [1, 1]; // beta1 ** step and beta2 ** step
  return (learningRate: number): void => {
    power1 *= beta1;
    power2 *= beta2;
    const [correction1, correction2] = [1 - power1, 1 - power2];
    for (let i = 0; i < parameters.length; i++) {
      const p = parameters[i];
      m[i] = beta1 * m[i] + (1 - beta1) * p.grad;
      v[i] = beta2 * v[i] + (1 - beta2) * p.grad ** 2;
      p.data -= learningRate * (m[i] / correction1) / (Math.sqrt(v[i] / correction2) + epsilon);
      p.grad = 0; // or the next step would add to it
    }
  };
}

/**
 * Trains on one document per step, in order, round and round; yields the number of each step and its loss.
 * Throws an InputError if that is not finite.
 */
export function* train(model: Model, tokenizer: Tokenizer, documents: string[]) {
  const { numSteps, learningRate } = model.config;
  const move = adam(parameters(model));
  for (let step = 0; step < numSteps; step++) {
    const tokens = tokenizer.encode(documents[step % documents.length]);
    const loss = tidy(() => {
      const result = lossOf(model, tokens);
      result.backward();
      return result.data;
    });
    if (!Number.isFinite(loss)) throw new InputError(`step ${step + 1}: loss ${loss}; lower --learning-rate`);
    move(learningRate * (1 - step / numSteps)); // large steps to get there, small ones to settle
    yield { step: step + 1, loss };
  }
}

// ---- 6. Sampling ----------------------------------------------------------------------------------------
// In: a trained model. Out: a document like those it was trained on.

/**
 * Draws a token by its probability, takes it as the next input, and so on until BOS or blockSize tokens.
 * Dividing by a temperature below 1 moves logits apart and favours the likely: 0.5 turns odds of 1 : 3 into
 * 1 : 9. Throws an InputError if the prompt has a character that is not in the dataset.
 */
export function sample(model: Model, tokenizer: Tokenizer, random: Random, prompt = ''): string {
  const { blockSize, temperature } = model.config;
  return tidy(() => {
    const caches = emptyCaches(model);
    const tokens = tokenizer.encode(prompt).slice(0, -1); // without the BOS at its end
    for (let position = 0; position < blockSize; position++) {
      const logits = gpt(model, tokens[position], position, caches);
      if (position < tokens.length - 1) continue; // the prompt only fills the caches
      const probabilities = softmax(logits.map((logit) => logit.div(temperature)));
      const next = random.choose(probabilities.map((p) => p.data));
      if (next === tokenizer.bos) break;
      tokens.push(next);
    }
    return tokenizer.decode(tokens);
  });
}

// ---- 7. Main --------------------------------------------------------------------------------------------
// In: the arguments of the command line. Out: the loss of each step, and then the samples.

/** The whole program. Throws an InputError for a mistake in the arguments or the data. */
export async function main(args: string[]): Promise<void> {
  const { config, source, help, prompt, explain } = parseCommandLine(args);
  if (help) return print(help);
  const random = new Random(config.seed);
  const documents = random.shuffle(splitDocuments(await loadText(source)));
  print(`num docs: ${documents.length}`);
  const tokenizer = new Tokenizer(documents.join(''));
  print(`vocab size: ${tokenizer.vocabSize}`);
  tokenizer.encode(`${prompt ?? ''}${explain ?? ''}`); // throws now what would throw after the training
  const { training, heldOut } = holdOut(documents, config);
  const model = createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08)); // all small
  print(`num params: ${parameters(model).length}`);

  const steps = await watch(train(model, tokenizer, training), config.numSteps, tokenizer.vocabSize);
  if (heldOut.length > 0) print(evaluate(model, tokenizer, training.slice(0, steps), heldOut));
  if (explain) return print(explainWord(model, tokenizer, explain));

  print('\n--- inference (new, hallucinated names) ---');
  for (let i = 1; i <= config.numSamples; i++) {
    print(`sample ${String(i).padStart(2)}: ${sample(model, tokenizer, random, prompt)}`);
    await breathe();
  }
}

// ---- A. Random numbers ----------------------------------------------------------------------------------
// In: a seed. Out: the random numbers that Python makes of it.

/**
 * The numbers of Python's random.Random: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) and what
 * CPython makes of its words. Throws a RangeError unless the seed is whole, from 0 to 2 ** 53 - 1.
 */
export class Random {
  readonly #state = new Uint32Array(624);
  #used = 624; // how many words of the state have been given out
  #spare: number | undefined; // gauss makes two numbers at a time

  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`${seed} is no seed`);
    const key = seed < 2 ** 32 ? [seed] : [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]; // the low word first
    const s = this.#state;
    const stir = (i: number, factor: number) => Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), factor);
    s[0] = 19650218;
    for (let i = 1; i < 624; i++) s[i] = stir(i, 1812433253) + i;
    for (let k = 0; k < 1247; k++) {
      const i = (k % 623) + 1;
      if (k < 624) s[i] = (s[i] ^ stir(i, 1664525)) + key[k % key.length] + (k % key.length);
      else s[i] = (s[i] ^ stir(i, 1566083941)) - i;
      if (i === 623) s[0] = s[623];
    }
    s[0] = 2 ** 31;
  }

  /** The high k of the next 32 bits. */
  #bits(k: number): number {
    const s = this.#state;
    if (this.#used === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.#used = 0;
    }
    let y = s[this.#used++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> (32 - k);
  }

  /** From 0 up to but not including 1, in steps of 2 ** -53. */
  random(): number {
    return (this.#bits(27) * 2 ** 26 + this.#bits(26)) / 2 ** 53;
  }

  /** Normally distributed (Box and Muller 1958). 1 - random() is never 0, so it has a logarithm. */
  gauss(mean: number, deviation: number): number {
    let z = this.#spare;
    this.#spare = undefined;
    if (z === undefined) {
      const angle = 2 * Math.PI * this.random();
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      z = Math.cos(angle) * radius;
      this.#spare = Math.sin(angle) * radius;
    }
    return mean + z * deviation;
  }

  /** Puts the items into a random order, in place, and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      let j = i + 1;
      while (j > i) j = this.#bits(32 - Math.clz32(i + 1)); // as many bits as i + 1 has, until it fits
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** An index, drawn by its weight: the first where the running total exceeds a random part of the whole. */
  choose(weights: number[]): number {
    let total = 0;
    const totals = weights.map((weight) => (total += weight));
    const part = this.random() * total;
    return Math.min(totals.filter((t) => t <= part).length, weights.length - 1);
  }
}

// ---- B. Command line ------------------------------------------------------------------------------------
// In: the words after the command. Out: the settings. (Imports may stand anywhere in a module.)

import { isUtf8 } from 'node:buffer';
import { existsSync, realpathSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** A mistake in what we were given, told in one line. */
export class InputError extends Error {
  exitCode = 1; // 2 if the command line alone shows it
}
const usageError = (message: string) => Object.assign(new InputError(message), { exitCode: 2 });

/** The settings, or the text of --help. Throws an InputError for an option that is unknown or wrong. */
export function parseCommandLine(args: string[]) {
  const rows = Object.entries(hyperparameters).map(([name, row]) => {
    return { name, flag: name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), row };
  });
  const flags = ['data', 'prompt', 'explain', ...rows.map(({ flag }) => flag)];
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'string' as const }]));
  const given: { [flag: string]: string | undefined } = {};
  // Strict, parseArgs would take the -1 of "--seed -1" for an option.
  for (const arg of parseArgs({ args, options, strict: false, tokens: true }).tokens) {
    if (arg.kind === 'positional') throw usageError(`"${arg.value}" is not an option; see --help`);
    if (arg.kind !== 'option') continue;
    const { name, rawName, value } = arg;
    if (name !== 'help' && !flags.includes(name)) throw usageError(`there is no ${rawName}; see --help`);
    if (name !== 'help' && (!value || value.startsWith('--'))) {
      throw usageError(`${rawName} needs a value; see --help`);
    }
    given[name] = value || 'yes';
  }
  const entries = rows.map(({ name, flag, row: [standard, least, most] }) => {
    const text = given[flag] ?? String(standard);
    const n = text.trim() === '' ? NaN : Number(text);
    const whole = Number.isInteger(standard);
    if (n >= least && n <= most && (Number.isInteger(n) || !whole)) return [name, n];
    const kind = whole ? 'whole number' : 'number';
    throw usageError(`--${flag} takes a ${kind} from ${least} to ${most}, not "${text}"`);
  });
  const config = Object.fromEntries(entries) as Config;
  if (config.nEmbd % config.nHead !== 0) {
    throw usageError(`--n-embd ${config.nEmbd} must be a multiple of --n-head ${config.nHead}`);
  }
  const size = 12 * config.nLayer * config.nEmbd ** 2; // the parameters of the layers
  if (size > 7e6) throw usageError(`--n-embd and --n-layer make ${size} parameters; 7000000 is the most`);
  const { prompt, explain } = given;
  if (prompt && explain) throw usageError('--explain is instead of samples, so it goes without --prompt');
  if (prompt && [...prompt].length >= config.blockSize) {
    throw usageError(`--prompt "${prompt}" leaves no room in a block of ${config.blockSize}`);
  }
  const line = (option: string, meaning: string) => `\n  --${option.padEnd(20)} ${meaning}`;
  const help = 'Usage: npx -y tsx micro_gpt.ts [options]. Their defaults and meanings:'
    + rows.map(({ flag, row: [standard, , , meaning] }) => line(`${flag} ${standard}`, meaning)).join('')
    + line('data FILE_OR_URL', 'train on its lines; otherwise on input.txt, or names.txt from the net')
    + line('prompt TEXT', 'what the samples begin with')
    + line('explain WORD', 'instead of samples, show how the model reads WORD');
  return { config, source: given['data'], prompt, explain, help: given['help'] && help };
}

// ---- C. Looking inside ----------------------------------------------------------------------------------
// In: a trained model. Out: a text that tells how good it is, or how it reads a word.

/** What to train on, and --eval documents that are not in it. Throws an InputError if nothing is left. */
export function holdOut(documents: string[], { eval: count, numSteps }: Config) {
  if (count === 0) return { training: documents, heldOut: [] };
  const distinct = [...new Set(documents)]; // a document may be in the list twice
  const trained = new Set(documents.slice(0, numSteps));
  const unused = distinct.filter((document) => !trained.has(document));
  const heldOut = new Set((unused.length < count ? distinct : unused).slice(-count));
  const training = documents.filter((document) => !heldOut.has(document));
  if (training.length === 0) throw new InputError(`--eval ${count} leaves none of ${distinct.length} docs`);
  if (unused.length < count) print(`held out: ${count} docs`);
  return { training, heldOut: [...heldOut] };
}

/**
 * The mean loss per character (the end of a document counts as one) of the model on held-out documents, and
 * of two simple ways to guess. Throws an InputError for a character that is not in the vocabulary.
 */
export function evaluate(model: Model, tokenizer: Tokenizer, trained: string[], heldOut: string[]): string {
  const { vocabSize } = tokenizer;
  const encode = (document: string) => tokenizer.encode(document).slice(0, model.config.blockSize + 1);
  // How often each token came after each in training, and once more: what never came may still come.
  const counts = Array.from({ length: vocabSize }, () => new Array<number>(vocabSize).fill(1));
  for (const tokens of trained.map(encode)) {
    for (let i = 1; i < tokens.length; i++) counts[tokens[i - 1]][tokens[i]]++;
  }
  const totals = counts.map((row) => row.reduce((total, count) => total + count));
  let [n, loss, bigram] = [0, 0, 0];
  for (const tokens of heldOut.map(encode)) {
    n += tokens.length - 1;
    loss += tidy(() => lossOf(model, tokens).data) * (tokens.length - 1);
    for (let i = 1; i < tokens.length; i++) {
      bigram -= Math.log(counts[tokens[i - 1]][tokens[i]] / totals[tokens[i - 1]]);
    }
  }
  return `\n--- evaluation (loss per character, ${heldOut.length} docs never trained on) ---\n`
    + `this model:      ${(loss / n).toFixed(4)}\n`
    + `guessing evenly: ${Math.log(vocabSize).toFixed(4)}\n`
    + `bigram table:    ${(bigram / n).toFixed(4)}`; // which knows the last character only
}

/**
 * How the model reads a word, cut to the block: what it expects at each position, and where each head looks.
 * Takes 80 columns for up to 38 characters. Throws an InputError for one that is not in the vocabulary.
 */
export function explainWord(model: Model, tokenizer: Tokenizer, word: string): string {
  const tokens = tokenizer.encode(word).slice(0, model.config.blockSize + 1);
  const n = tokens.length - 1;
  const wide =
    /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uff00-\uff60\u{20000}-\u{3ffff}]/u;
  const show = (token: number) => { // in two columns, which a wide character fills by itself
    const character = (tokenizer.characters[token] ?? '.').replace(/\p{M}/u, '◌$&').replace(/\p{C}/u, '·');
    return wide.test(character) ? character : `${character} `;
  };
  const percent = (p: number) => `${Math.round(100 * p)}%`.padStart(4);
  const bar = (eighths: number) => // four columns
    ('█'.repeat(eighths / 8) + ' ▏▎▍▌▋▊▉'[eighths % 8]).slice(0, 4).padEnd(4);
  return tidy(() => {
    const caches = emptyCaches(model);
    const lines = tokens.slice(0, n).map((token, position) => {
      const probabilities = softmax(gpt(model, token, position, caches)).map((p) => p.data);
      const next = tokens[position + 1];
      const likeliest = [...probabilities.entries()].sort(([, p], [, q]) => q - p).slice(0, 5);
      return `${show(token)}-> ${show(next)}${percent(probabilities[next])}`
        + ` ${(-Math.log(probabilities[next])).toFixed(2).padStart(5)} `
        + likeliest.map(([token, p]) => `  ${show(token)}${bar(Math.round(32 * p))}${percent(p)}`).join('');
    });
    const gap = ' '.repeat(Math.max(2, 18 - 2 * n));
    const maps = caches.flatMap(({ seen }, layer) => seen[0].map((_, head) => [
      `layer ${layer + 1}, head ${head + 1}`.padEnd(2 + 2 * n + gap.length),
      `  ${tokens.slice(0, n).map(show).join('')}${gap}`,
      ...seen.map((weights, position) => {
        const shades = weights[head].map((weight) => Math.round(4 * Math.sqrt(weight.data)));
        const cells = shades.map((shade) => ' ░▒▓█'[shade].repeat(2));
        return `${show(tokens[position])}${cells.join('').padEnd(2 * n)}${gap}`;
      }),
    ]));
    lines.unshift('          p  loss   the five likeliest');
    lines.unshift(`\n--- how the model reads "${tokenizer.decode(tokens)}" ---`);
    lines.push('\nand where each position (row) looks (column):');
    const across = Math.floor(80 / (2 + 2 * n + gap.length)) || 1;
    for (let i = 0; i < maps.length; i += across) {
      const side = maps.slice(i, i + across);
      lines.push('', ...maps[i].map((_, row) => side.map((map) => map[row]).join('').trimEnd()));
    }
    return lines.join('\n');
  });
}

// ---- D. Terminal ----------------------------------------------------------------------------------------
// In: lines, and the steps of training. Out: standard output, and notes on standard error.

let waiting = ''; // lines go out together, which is faster than one by one
const print = (line: string): void => { waiting += `${line}\n`; };
const flush = (): void => { process.stdout.write(waiting); waiting = ''; };
const note = (line: string) => { process.stderr.write(`micro_gpt: ${line.replace(/\p{Cc}/gu, ' ')}\n`); };

let lastBreath = 0;
/** At most every 50 ms, writes and lets the world in: or we would not hear of Ctrl-C or a closed pipe. */
async function breathe(): Promise<void> {
  if (performance.now() < lastBreath + 50) return;
  flush();
  await nextTurn();
  lastBreath = performance.now();
}

/**
 * Prints each step; on a terminal, in one line that redraws, with the mean loss of the last 50 steps, and in
 * the end the curve. Ctrl-C stops training. Returns how many steps were done.
 */
async function watch(training: ReturnType<typeof train>, numSteps: number, vocabSize: number) {
  // Not with NO_COLOR or TERM=dumb. (Deno would stop and ask whether we may look at these.)
  const redraws = process.stdout.isTTY && (process.versions['deno'] || process.stdout.hasColors());
  const width = Math.max(40, Math.min(process.stdout.columns || 80, 80)) - 1;
  const guessing = Math.log(vocabSize); // the loss of guessing evenly
  const pad = (n: number) => String(n).padStart(4);
  const losses: number[] = [];
  const start = performance.now();
  const draw = () => {
    const steps = losses.length;
    const perSecond = steps / ((performance.now() - start) / 1000);
    const line = [
      `step ${pad(steps)} / ${pad(numSteps)}`, `loss ${means(losses.slice(-50), 1)[0].toFixed(4)}`,
      blocks(losses, guessing, 16, 1)[0], `${perSecond.toFixed(0)} steps/s`,
      `${((numSteps - steps) / perSecond).toFixed(0)} s left`,
    ].join(' | ');
    flush();
    process.stdout.write(`\r${line.slice(0, width)}\x1b[K`); // [K clears what the last line had more
  };
  let [stopped, drawAt] = [false, 0];
  const stop = () => { stopped = true; };
  process.once('SIGINT', stop); // once: after that, Ctrl-C ends the program
  for (const { step, loss } of training) {
    losses.push(loss);
    if (!redraws) print(`step ${pad(step)} / ${pad(numSteps)} | loss ${loss.toFixed(4)}`);
    const now = performance.now();
    if (redraws && now > drawAt) {
      draw();
      drawAt = now + Math.max(100, 100 * (performance.now() - now)); // so it costs 1 % of the time at most
    }
    await breathe();
    if (stopped) break;
  }
  process.off('SIGINT', stop);
  if (redraws && losses.length > 0) {
    draw();
    const lowest = Math.min(...means(losses, width - 6), guessing).toFixed(2).padStart(5);
    print(`\n\n${guessing.toFixed(2).padStart(5)}┬${' guessing evenly '.padEnd(width - 6, '┄')}`);
    for (const row of blocks(losses, guessing, width - 6, 5)) print(`     │${row}`);
    print(`${lowest}┴${'─'.repeat(width - 6)}`);
    print(`      step 1${`step ${losses.length}`.padStart(width - 12)}`);
  }
  return losses.length;
}

/** The means of n equal stretches of some numbers; of fewer, if there are not as many numbers. */
function means(numbers: number[], n: number): number[] {
  const edge = (i: number) => Math.floor((i * numbers.length) / Math.min(n, numbers.length));
  return Array.from({ length: Math.min(n, numbers.length) }, (_, i) => {
    return numbers.slice(edge(i), edge(i + 1)).reduce((a, b) => a + b) / (edge(i + 1) - edge(i));
  });
}
/** Their curve in blocks, from the lowest up to `top`, in so many rows. */
function blocks(numbers: number[], top: number, width: number, height: number): string[] {
  const columns = means(numbers, width);
  const lowest = Math.min(...columns, top);
  const levels = columns.map((x) => Math.round((8 * height * (x - lowest)) / (top - lowest || 1)));
  const block = (level: number) => ' ▁▂▃▄▅▆▇█'[Math.max(0, Math.min(8, level))];
  return Array.from({ length: height }, (_, row) =>
    levels.map((level) => block(level - 8 * (height - 1 - row))).join(''));
}

// ---- E. Downloading -------------------------------------------------------------------------------------
// In: the name of a file, an address, or nothing. Out: the text to train on.

const namesUrl = 'https://raw.githubusercontent.com/karpathy/makemore/master/names.txt';

/** Bytes as text, without a byte-order mark. Throws an InputError unless it is UTF-8 and could be a list. */
function textOf(bytes: Uint8Array, name: string): string {
  if (!isUtf8(bytes)) {
    const lines = Buffer.from(bytes).toString('latin1').split('\n'); // latin1: a character for each byte
    const bad = lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')));
    throw new InputError(`${name} is not UTF-8 text: see line ${bad + 1}`);
  }
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === '') throw new InputError(`${name} is empty, and should have a name on each line`);
  if (text.includes('\0')) throw new InputError(`${name} is not text, and should have a name on each line`);
  if (/^\s*<[!?a-z]/i.test(text)) throw new InputError(`${name} is a web page, not a list of names`);
  return text;
}

/** What is at an address. Throws an InputError if it cannot be had, or nothing comes for `patience` ms. */
async function download(url: string, patience: number): Promise<Uint8Array> {
  const abort = new AbortController();
  const giveUp = () => abort.abort(new Error(`nothing came for ${patience / 1000} s`));
  let timer = setTimeout(giveUp, patience);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (response.status !== 200) throw new Error(`the answer was ${response.status}, not 200`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(giveUp, patience);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    const reason = cause?.message || cause?.code || message; // fetch itself says only "fetch failed"
    throw new InputError(`cannot download ${url}: ${reason}`);
  } finally {
    clearTimeout(timer);
    abort.abort(); // or the page that comes with a 404 would keep us waiting
  }
}

/**
 * The text to train on: the source, a file or an address, if there is one; else input.txt in the folder; else
 * names.txt, downloaded and kept as input.txt; else the built-in names. Throws an InputError for bad input.
 */
export async function loadText(source?: string, folder = '.', url = namesUrl, patience = 10_000) {
  if (source && /^https?:\/\//i.test(source)) return textOf(await download(source, patience), source);
  const file = source ?? join(folder, 'input.txt');
  const found = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (source || error.code !== 'ENOENT') throw new InputError(`cannot read ${file}: ${error.message}`);
  });
  if (found) return textOf(found, file);
  try {
    const bytes = await download(url, patience);
    const text = textOf(bytes, url);
    const temporary = `${file}.${process.pid}.tmp`; // renamed when complete: input.txt is whole or not there
    await writeFile(temporary, bytes).then(() => rename(temporary, file)).catch((error: Error) => {
      note(`cannot keep names.txt: ${error.message}`);
      return rm(temporary, { force: true });
    });
    return text;
  } catch (error) {
    note(`${(error as Error).message}; using the names built into this file`);
    return builtInNames;
  }
}

// ---- F. Built-in names ----------------------------------------------------------------------------------
// For a run without a network: common first names from many languages.

export const builtInNames = `
aaliyah abdul abebe adam adela adriana agnes ahmed aiko aisha akira alba alejandro alex ali alice alma amara
amina amir ana anders andrea andrei angela anh anika anita anna anton antonio arjun arthur aryan asha ayesha
aziz beatriz bela ben bilal bjorn boris bruno camila carla carlos carmen cecilia chen chiara chidi chika chloe
claire clara daniel daria david deepa diana diego dina dmitri eduardo ela elena elias ella emil emilia emma
erik esther eva fatima felix femi filip finn fiona francesca frida gabriel giulia grace greta gustavo hana
hannah hans hassan helena henrik hiroshi hugo ibrahim ida igor imani ines ingrid irina isabel ivan jack jakub
james jan javier joao johan jorge jose juan julia kamal karin karl kemal kenji khadija kofi kwame laila
lakshmi lars layla lea leila lena leo leon liam lin linh livia louis lucas lucia luis luka luna maja malik
manuel marco maria marta martin maya mehmet mei mia miguel mika mila mohamed mona nadia naomi nia nikolai nina
noah noor nora olga oliver olivia omar oscar pablo paula pedro pierre priya rahul ravi rosa ruth sakura sana
sara sasha sergei sofia sonia stefan sven tamar tariq tatiana thomas uma vera victor viktor wei william yara
yuki yusuf zainab zara zoe
`.trim().replace(/\s+/g, '\n');

// The program starts here, unless the file was imported.
const started = [process.argv[1] ?? '', `${process.argv[1]}.ts`].filter((file) => existsSync(file));
if (started.some((file) => realpathSync(file) === fileURLToPath(import.meta.url))) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') note(`cannot write: ${error.message}`);
    process.exit(error.code === 'EPIPE' ? 0 : 1); // whoever closed the pipe has seen enough
  });
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    note(error.message);
    process.exitCode = error.exitCode;
  }).finally(flush);
}
