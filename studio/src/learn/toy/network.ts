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

  #multiply(layer: Layer, given: Float64Array, into: Float64Array, count: number): void {
    const { parameters } = this;
    const { inputs, outputs } = layer;
    for (let row = 0; row < count; row++) {
      for (let unit = 0; unit < outputs; unit++) {
        const weights = layer.weights + unit * inputs;
        let sum = 0;
        for (let input = 0; input < inputs; input++) {
          sum += (parameters[weights + input] as number) * (given[row * inputs + input] as number);
        }
        into[row * outputs + unit] = sum;
      }
    }
  }

  #multiplyBack(layer: Layer, into: Float64Array, count: number): void {
    const { parameters } = this;
    const { inputs, outputs, deltas } = layer;
    into.fill(0, 0, count * inputs);
    for (let row = 0; row < count; row++) {
      for (let unit = 0; unit < outputs; unit++) {
        const weights = layer.weights + unit * inputs;
        const delta = deltas[row * outputs + unit] as number;
        for (let input = 0; input < inputs; input++) {
          const at = row * inputs + input;
          into[at] = (into[at] as number) + delta * (parameters[weights + input] as number);
        }
      }
    }
  }

  #addWeightGradients(layer: Layer, given: Float64Array, count: number, scale: number): void {
    const { gradients } = this;
    const { inputs, outputs, deltas } = layer;
    for (let row = 0; row < count; row++) {
      for (let unit = 0; unit < outputs; unit++) {
        const weights = layer.weights + unit * inputs;
        const delta = (deltas[row * outputs + unit] as number) * scale;
        for (let input = 0; input < inputs; input++) {
          const at = weights + input;
          gradients[at] =
            (gradients[at] as number) + delta * (given[row * inputs + input] as number);
        }
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
