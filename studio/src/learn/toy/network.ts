import type { Random } from "./random";

const SLOPE = 0.2; // of the leaky ReLU between the layers

interface Layer {
  inputs: number;
  outputs: number;
  isLast: boolean;
  /** Where its weights (outputs, inputs) and its biases begin among the parameters. */
  weights: number;
  biases: number;
  /** Of the last batch: what the layer gave, and the gradients before its activation. */
  values: Float64Array;
  deltas: Float64Array;
}

/**
 * Dense layers with leaky ReLU between them, and the gradients of their parameters.
 *
 * A batch is (count, units), row by row, in one array. An array that a method returns belongs to
 * the network and lasts until its next call.
 */
export class Network {
  readonly parameters: Float64Array;
  readonly gradients: Float64Array;
  readonly #layers: readonly Layer[];
  #inputs: Float64Array = new Float64Array();
  #inputGradients: Float64Array = new Float64Array();
  #tangents: Float64Array = new Float64Array();
  #nextTangents: Float64Array = new Float64Array();

  /** `sizes` are the units of each layer, inputs first. `gain` scales the weights of the last. */
  constructor(sizes: readonly number[], random: Random, gain = 1) {
    let size = 0;
    this.#layers = sizes.slice(1).map((outputs, index) => {
      const inputs = sizes[index] as number;
      const [weights, biases] = [size, size + inputs * outputs];
      size = biases + outputs;
      const [values, deltas] = [new Float64Array(), new Float64Array()];
      const isLast = index === sizes.length - 2;
      return { inputs, outputs, isLast, weights, biases, values, deltas };
    });
    this.parameters = new Float64Array(size);
    this.gradients = new Float64Array(size);
    for (const { inputs, isLast, weights, biases } of this.#layers) {
      const scale = Math.sqrt(2 / (1 + SLOPE ** 2) / inputs) * (isLast ? gain : 1);
      for (let at = weights; at < biases; at++) this.parameters[at] = random.normal() * scale;
    }
  }

  /** The outputs of a batch of inputs. */
  forward(inputs: Float64Array, count: number): Float64Array {
    this.#inputs = inputs;
    let given = inputs;
    for (const layer of this.#layers) {
      layer.values = atLeast(layer.values, count * layer.outputs);
      this.#multiply(layer, given, layer.values, count);
      addBiases(layer, this.parameters, count);
      if (!layer.isLast) multiplyBySlope(layer.values, layer.values, count * layer.outputs);
      given = layer.values;
    }
    return given;
  }

  /**
   * Adds the gradients of the parameters, given those of the outputs of the last `forward`, and
   * returns the gradients of the inputs. Without `learn` the parameters' gradients stay.
   */
  backward(outputGradients: Float64Array, count: number, learn = true): Float64Array {
    const last = this.#layers.at(-1) as Layer;
    last.deltas = atLeast(last.deltas, count * last.outputs);
    last.deltas.set(outputGradients.subarray(0, count * last.outputs));
    for (let index = this.#layers.length - 1; index >= 0; index--) {
      const layer = this.#layers[index] as Layer;
      const before = this.#layers[index - 1];
      if (learn) {
        this.#addWeightGradients(layer, before?.values ?? this.#inputs, count, 1);
        addBiasGradients(layer, this.gradients, count);
      }
      const size = count * layer.inputs;
      if (before) {
        before.deltas = atLeast(before.deltas, size);
        this.#multiplyBack(layer, before.deltas, count);
        multiplyBySlope(before.deltas, before.values, size);
      } else {
        this.#inputGradients = atLeast(this.#inputGradients, size);
        this.#multiplyBack(layer, this.#inputGradients, count);
      }
    }
    return this.#inputGradients;
  }

  /**
   * Adds the gradients of weight / 2 · mean |∂output/∂input|² over a batch, for a network of one
   * output: the penalty R1 of Mescheder et al. (arXiv 1801.04406).
   *
   * Leaky ReLU is linear piece by piece. So the gradient of the penalty is that of the output's
   * derivative along v = ∂output/∂input with v held constant: each layer's deltas times the
   * tangents that v becomes on its way through the layers.
   */
  penaliseSlope(inputs: Float64Array, count: number, weight: number): void {
    this.forward(inputs, count);
    const slopes = this.backward(new Float64Array(count).fill(1), count, false);
    this.#tangents = atLeast(this.#tangents, slopes.length);
    this.#tangents.set(slopes);
    for (const layer of this.#layers) {
      this.#addWeightGradients(layer, this.#tangents, count, weight / count);
      if (layer.isLast) return;
      this.#nextTangents = atLeast(this.#nextTangents, count * layer.outputs);
      this.#multiply(layer, this.#tangents, this.#nextTangents, count);
      multiplyBySlope(this.#nextTangents, layer.values, count * layer.outputs);
      [this.#tangents, this.#nextTangents] = [this.#nextTangents, this.#tangents];
    }
  }

  // These three take most of a step's time. A sum of products waits for each addition, so they
  // compute four at a time, each in the order in which a loop for one would add.

  #multiply(layer: Layer, given: Float64Array, into: Float64Array, count: number): void {
    const { parameters } = this;
    const { inputs, outputs } = layer;
    for (let row = 0; row < count; row++) {
      const from = row * inputs;
      const to = row * outputs;
      let unit = 0;
      for (; unit + 4 <= outputs; unit += 4) {
        const weights = layer.weights + unit * inputs;
        let [first, second, third, fourth] = [0, 0, 0, 0];
        for (let input = 0; input < inputs; input++) {
          const value = given[from + input] as number;
          const at = weights + input;
          first += (parameters[at] as number) * value;
          second += (parameters[at + inputs] as number) * value;
          third += (parameters[at + 2 * inputs] as number) * value;
          fourth += (parameters[at + 3 * inputs] as number) * value;
        }
        into[to + unit] = first;
        into[to + unit + 1] = second;
        into[to + unit + 2] = third;
        into[to + unit + 3] = fourth;
      }
      for (; unit < outputs; unit++) {
        const weights = layer.weights + unit * inputs;
        let sum = 0;
        for (let input = 0; input < inputs; input++) {
          sum += (parameters[weights + input] as number) * (given[from + input] as number);
        }
        into[to + unit] = sum;
      }
    }
  }

  #multiplyBack(layer: Layer, into: Float64Array, count: number): void {
    const { parameters } = this;
    const { inputs, outputs, deltas } = layer;
    for (let row = 0; row < count; row++) {
      const from = row * outputs;
      const to = row * inputs;
      let input = 0;
      for (; input + 4 <= inputs; input += 4) {
        let [first, second, third, fourth] = [0, 0, 0, 0];
        for (let unit = 0; unit < outputs; unit++) {
          const delta = deltas[from + unit] as number;
          const at = layer.weights + unit * inputs + input;
          first += delta * (parameters[at] as number);
          second += delta * (parameters[at + 1] as number);
          third += delta * (parameters[at + 2] as number);
          fourth += delta * (parameters[at + 3] as number);
        }
        into[to + input] = first;
        into[to + input + 1] = second;
        into[to + input + 2] = third;
        into[to + input + 3] = fourth;
      }
      for (; input < inputs; input++) {
        let sum = 0;
        for (let unit = 0; unit < outputs; unit++) {
          const weight = parameters[layer.weights + unit * inputs + input] as number;
          sum += (deltas[from + unit] as number) * weight;
        }
        into[to + input] = sum;
      }
    }
  }

  #addWeightGradients(layer: Layer, given: Float64Array, count: number, scale: number): void {
    const { gradients } = this;
    const { inputs, outputs, deltas } = layer;
    for (let unit = 0; unit < outputs; unit++) {
      const weights = layer.weights + unit * inputs;
      let input = 0;
      for (; input + 4 <= inputs; input += 4) {
        const at = weights + input;
        let first = gradients[at] as number;
        let second = gradients[at + 1] as number;
        let third = gradients[at + 2] as number;
        let fourth = gradients[at + 3] as number;
        for (let row = 0; row < count; row++) {
          const delta = (deltas[row * outputs + unit] as number) * scale;
          const from = row * inputs + input;
          first += delta * (given[from] as number);
          second += delta * (given[from + 1] as number);
          third += delta * (given[from + 2] as number);
          fourth += delta * (given[from + 3] as number);
        }
        gradients[at] = first;
        gradients[at + 1] = second;
        gradients[at + 2] = third;
        gradients[at + 3] = fourth;
      }
      for (; input < inputs; input++) {
        let sum = gradients[weights + input] as number;
        for (let row = 0; row < count; row++) {
          const delta = (deltas[row * outputs + unit] as number) * scale;
          sum += delta * (given[row * inputs + input] as number);
        }
        gradients[weights + input] = sum;
      }
    }
  }
}

function addBiases({ values, biases, outputs }: Layer, parameters: Float64Array, count: number) {
  for (let at = 0; at < count * outputs; at++) {
    values[at] = (values[at] as number) + (parameters[biases + (at % outputs)] as number);
  }
}

function addBiasGradients(
  { deltas, biases, outputs }: Layer,
  gradients: Float64Array,
  count: number,
) {
  for (let at = 0; at < count * outputs; at++) {
    const bias = biases + (at % outputs);
    gradients[bias] = (gradients[bias] as number) + (deltas[at] as number);
  }
}

/** Multiplies by leaky ReLU's slope, which the sign of a value shows before and after it. */
function multiplyBySlope(factors: Float64Array, values: Float64Array, size: number): void {
  for (let at = 0; at < size; at++) {
    if ((values[at] as number) < 0) factors[at] = (factors[at] as number) * SLOPE;
  }
}

function atLeast(array: Float64Array, size: number): Float64Array {
  return array.length < size ? new Float64Array(size) : array;
}
