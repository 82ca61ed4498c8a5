/** Where a face is expected: SORT's Kalman filter (Bewley et al. 2016, arXiv:1602.00763). */

import type { Box } from "./faces.js";

const MEASURED_SD = 0.04; // of a position, in sizes of the face
const VELOCITY_SD = 1.0; // at first, in sizes a second
const ACCELERATION_SD = 8.0; // in sizes a second, a second
const MAX_LOG_SIZE = 12.0;
const SLOWING_S = 0.25; // in which a face out of sight loses most of its velocity

/**
 * Constant velocity of a box's centre and of the logarithm of its height.
 *
 * All three share one covariance, as their noise does in units of the size of the face.
 */
export class KalmanFilter {
  private position: number[]; // x, y, log of the height
  private ratio: number; // the width in heights
  private velocity = [0, 0, 0];
  private variances = { position: MEASURED_SD ** 2, both: 0, velocity: VELOCITY_SD ** 2 };

  constructor(box: Box) {
    [this.position, this.ratio] = stateOf(box);
  }

  /** Go on by so many seconds. */
  predict(stepS: number): void {
    const { position, both, velocity } = this.variances;
    this.position = this.position.map((value, i) => value + stepS * this.velocity[i]);
    // The size of a face that grows for as long as it is out of sight would overflow.
    this.position[2] = Math.min(Math.max(this.position[2], 0), MAX_LOG_SIZE);
    const push = (ACCELERATION_SD * stepS) ** 2;
    this.variances = {
      position: position + stepS * (2 * both + stepS * velocity) + (push * stepS ** 2) / 4,
      both: both + stepS * velocity + (push * stepS) / 2,
      velocity: velocity + push,
    };
  }

  /** Take in where the face has been seen. */
  correct(box: Box): void {
    const [measured, ratio] = stateOf(box);
    const { position, both, velocity } = this.variances;
    const whole = position + MEASURED_SD ** 2;
    const surprise = measured.map((value, i) => value - this.position[i]);
    this.ratio = ratio;
    this.position = this.position.map((value, i) => value + (position / whole) * surprise[i]);
    this.velocity = this.velocity.map((value, i) => value + (both / whole) * surprise[i]);
    this.variances = {
      position: position - (position * position) / whole,
      both: both - (both * position) / whole,
      velocity: velocity - (both * both) / whole,
    };
  }

  /** Let the velocity fade, for a face that nothing is seen of. */
  slow(stepS: number): void {
    const share = Math.exp(-stepS / SLOWING_S);
    this.velocity = this.velocity.map((value) => share * value);
  }

  /** Where the face is expected, in pixels of the image. */
  box(): Box {
    const [x, y, logHeight] = this.position;
    const height = Math.exp(logHeight);
    const width = height * this.ratio;
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  }
}

function stateOf(box: Box): [number[], number] {
  const [width, height] = [Math.max(box[2] - box[0], 1e-3), Math.max(box[3] - box[1], 1e-3)];
  return [[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, Math.log(height)], width / height];
}
