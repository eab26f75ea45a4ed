const BETA2 = 0.99;
const EPSILON = 1e-8;

/** Changes the parameters of a network by its gradients, which are then 0 again. */
export interface Optimiser {
  step(parameters: Float64Array, gradients: Float64Array): void;
}

/** Plain gradient descent: a small gradient is a small step. */
export class Descent implements Optimiser {
  constructor(readonly rate: number) {}

  step(parameters: Float64Array, gradients: Float64Array): void {
    for (let at = 0; at < parameters.length; at++) {
      parameters[at] = (parameters[at] as number) - this.rate * (gradients[at] as number);
    }
    gradients.fill(0);
  }
}

/** Adam (arXiv 1412.6980): the step has the size of the rate, however small the gradient is. */
export class Adam implements Optimiser {
  readonly #means: Float64Array;
  readonly #squares: Float64Array;
  #steps = 0;

  constructor(
    size: number,
    readonly rate: number,
    readonly beta1: number,
  ) {
    this.#means = new Float64Array(size);
    this.#squares = new Float64Array(size);
  }

  step(parameters: Float64Array, gradients: Float64Array): void {
    this.#steps += 1;
    const meanScale = this.rate / (1 - this.beta1 ** this.#steps);
    const squareScale = 1 / (1 - BETA2 ** this.#steps);
    for (let at = 0; at < parameters.length; at++) {
      const gradient = gradients[at] as number;
      const mean = this.beta1 * (this.#means[at] as number) + (1 - this.beta1) * gradient;
      const square = BETA2 * (this.#squares[at] as number) + (1 - BETA2) * gradient ** 2;
      this.#means[at] = mean;
      this.#squares[at] = square;
      const change = (meanScale * mean) / (Math.sqrt(squareScale * square) + EPSILON);
      parameters[at] = (parameters[at] as number) - change;
    }
    gradients.fill(0);
  }
}
