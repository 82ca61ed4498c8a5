/** Probabilities of one face over time, steadied: means of logits, and labels that hold. */

import { checkNumber, OptionError } from "./errors.js";
import { EMOTIONS } from "./labels.js";
import { highest } from "./readings.js";

const MIN_PROBABILITY = 1e-6; // a single 0 would otherwise outweigh any number of frames

export interface SmoothingSettings {
  /** Seconds after which a frame has half its weight; 0 smooths nothing. */
  readonly halfLifeS: number;
  /** By how much another emotion must exceed the label before that changes, 0 to 1. */
  readonly margin: number;
}

export const SMOOTHING: SmoothingSettings = { halfLifeS: 0.4, margin: 0.1 };

/** @throws OptionError a value is out of its range. */
export function checkSmoothing({ halfLifeS, margin }: SmoothingSettings): void {
  checkNumber("halfLifeS", halfLifeS);
  checkNumber("margin", margin, 1);
}

/**
 * Smooths one face's probabilities as they come, from the past alone.
 *
 * The weights of the frames so far are normed, so that the first frame stands for itself.
 */
export class Smoother {
  private sums = new Float64Array(EMOTIONS.length);
  private weight = 0;
  private timeS = -Infinity;
  private label = -1;

  constructor(private readonly settings: SmoothingSettings = SMOOTHING) {}

  /**
   * @param probabilities of the seven emotions, in the order of `EMOTIONS`.
   * @param timeS of the frame, in seconds; not before the one before.
   * @returns the smoothed probabilities, and which of the emotions is the label.
   */
  add(probabilities: ArrayLike<number>, timeS: number): { probabilities: Float64Array; label: number } {
    if (timeS < this.timeS) throw new OptionError(`timeS: expected ${this.timeS} or later; got ${timeS}`);
    const { halfLifeS, margin } = this.settings;
    const faded = halfLifeS > 0 ? 2 ** (-(timeS - this.timeS) / halfLifeS) : 0;
    this.timeS = timeS;
    this.weight = faded * this.weight + 1;
    this.sums = this.sums.map(
      (sum, i) => faded * sum + Math.log(Math.max(probabilities[i], MIN_PROBABILITY)),
    );
    const smoothed =
      this.weight === 1
        ? Float64Array.from(probabilities)
        : softmax(this.sums.map((sum) => sum / this.weight));
    const best = highest(smoothed);
    if (this.label < 0 || smoothed[best] > smoothed[this.label] + margin) this.label = best;
    return { probabilities: smoothed, label: this.label };
  }
}

function softmax(logits: Float64Array): Float64Array {
  const most = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - most));
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}
