/**
 * Autograd on a graph of objects: a plain reference to check the tape against, and a baseline to time it
 * against. Each Value knows its operands, and the order of the way back is found by counting.
 */
export class ObjectValue {
  data: number;
  grad = 0;
  readonly operands: ObjectValue[];
  readonly derivatives: number[]; // how fast data grows with each operand
  waiting = 0; // during backward(): from how many operations a share of the gradient is still to come

  constructor(data: number, operands: ObjectValue[] = [], derivatives: number[] = []) {
    this.data = data;
    this.operands = operands;
    this.derivatives = derivatives;
  }

  add(y: ObjectValue | number): ObjectValue {
    const other = asObject(y);
    return new ObjectValue(this.data + other.data, [this, other], [1, 1]);
  }
  mul(y: ObjectValue | number): ObjectValue {
    const other = asObject(y);
    return new ObjectValue(this.data * other.data, [this, other], [other.data, this.data]);
  }
  pow(n: number): ObjectValue {
    return new ObjectValue(this.data ** n, [this], [n * this.data ** (n - 1)]);
  }
  exp(): ObjectValue { return new ObjectValue(Math.exp(this.data), [this], [Math.exp(this.data)]); }
  log(): ObjectValue { return new ObjectValue(Math.log(this.data), [this], [1 / this.data]); }
  relu(): ObjectValue { return new ObjectValue(Math.max(0, this.data), [this], [this.data > 0 ? 1 : 0]); }
  sub(y: ObjectValue | number): ObjectValue { return this.add(asObject(y).mul(-1)); }
  div(y: ObjectValue | number): ObjectValue { return this.mul(asObject(y).pow(-1)); }

  backward(): void {
    const found: ObjectValue[] = [this];
    for (const { operands } of found) {
      for (const operand of operands) if (operand.waiting++ === 0) found.push(operand);
    }
    this.grad = 1;
    const complete: ObjectValue[] = [this]; // no share of their gradient is still to come
    for (const { grad, operands, derivatives } of complete) {
      operands.forEach((operand, i) => {
        operand.grad += derivatives[i] * grad;
        if (--operand.waiting === 0) complete.push(operand);
      });
    }
  }
}

const asObject = (y: ObjectValue | number): ObjectValue => (typeof y === 'number' ? new ObjectValue(y) : y);
