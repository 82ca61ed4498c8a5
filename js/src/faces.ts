/** Finding faces as the Python package does: a glance, a search, second looks, other sides. */

import { checkBoolean, checkNumber } from "./errors.js";
import {
  type Affine,
  cut,
  halved,
  inverted,
  type Pixels,
  resizeLinear,
  roundEven,
  sideBySide,
  turned,
  warp,
} from "./pixels.js";
import { CELL_PX, type Row, type YuNet } from "./yunet.js";

/** x, y in pixels of the original image, from its top left corner. */
export type Point = [number, number];

/** x0, y0, x1, y1 in pixels of the original image; may reach past its border. */
export type Box = [number, number, number, number];

/** One face that was found. */
export interface Face {
  readonly box: Box;
  /** How sure the detector is, 0 to 1. */
  readonly score: number;
  /** Right eye, left eye, tip of the nose, right and left corner of the mouth; right is the person's own. */
  readonly landmarks: readonly Point[];
}

/** Where FER2013's square frame lies, seen from YuNet's box, in long sides of the box. */
export const FRAMING = { side: 1.014, shiftX: 0.0, shiftY: -0.017 };

const GLANCE_PIXELS = 256 * 256;
const SEARCH_SHARE = 1 / 8; // of the image's pixels
const MIN_SEARCH_PIXELS = 448 * 448;
const MAX_SEARCH_PIXELS = 640 * 640;
const MAX_FULL_SIZE_PIXELS = 25_000_000;
const SAME_FACE_IOU = 0.3;

const GLANCE_SCORE = 0.2; // from here on something in a glance asks for a larger search
const GLANCE_FACE_PX = 32; // in the glance; boxes of smaller ones are coarse, others are missed
const GLANCE_SHARE = 0.2; // of the side of a square as large as the image; smaller ones may be of a crowd
export const MIN_SCORE = 0.72;
const DOUBTFUL_SCORE = 0.3; // from here on it may be a face
export const SURE_SCORE = 0.8; // from here on it is one, without a second look
const UPRIGHT_SCORE = 0.9; // seldom reached by what is found in a tilted face
const UPRIGHT_ODDS = 3; // seldom reached by a tilted face, or one on its side or head
const TELLING_PX = { least: 60, most: 200 }; // between these, as it is seen, a face shows a tilt
const LEVEL_SCORES = { few: 0.91, many: 0.895 }; // seldom reached in an image on its side or head
const SEVERAL_LEVEL = { least: 0.87, count: 2, share: 1 / 3 }; // likewise, of so many of the faces
const LARGE_SHARE = 0.2; // of the longer side: what is smaller may be a part of a face
const TILTED_SCORE = 0.5; // seldom missed by what is found in a tilted face
const LEAST_TILT_DEG = 1.5; // that the eyes tell in a look
// From here on a face is believed in what was turned, a large one or one that was seen small.
const TURNED_SCORE = 0.85;
const SMALL_TURNED_SCORE = 0.88;
const ROUND_SCORE = 0.75; // from here on a face is turned to tell the side of its image
const TURNED_GLANCE_SCORE = 0.4; // like GLANCE_SCORE, in an image that is turned
const LOOK_SHARE = 0.6; // of a look in the score of what is found; the rest is the search's
const TILT_DEG = 30; // counter-clockwise, and clockwise
const LOOK_PX = { side: 128, face: 80 }; // of what is looked at again
const TURNED_LOOK_PX = { side: 96, face: 72 }; // of what is turned for that
const LEAST_LOOK_PX = 24; // in original pixels: enlarged more than that, a face tells little
const MOST_LOOKS = 12; // at one image, so that no texture holds up the reading
const FEW_LOOKS = 2; // after so many, no look is spent on the tilt of faces that are sure

/** What a search is told. */
export interface DetectorOptions {
  /** Less sure candidates are dropped, 0 to 1. */
  readonly minScore: number;
  /** Faces whose box is smaller are dropped; its longer side, in original pixels. */
  readonly minFacePx: number;
  /** Search the image once more as it is, for small faces. */
  readonly fullSize: boolean;
  /** Look again at what may be a face, and for faces that are not upright; videos do without. */
  readonly secondLooks: boolean;
}

/** What YuNet found, in pixels of the image. */
interface Candidate {
  readonly middle: Point;
  /** Across the face and down, in its own upright frame. */
  readonly sides: Point;
  readonly points: readonly Point[];
  readonly score: number;
  /** The longer side of the box, where it was found. */
  readonly seenPx: number;
  /** Logarithm of the odds that it was upright there, if it is large. */
  readonly odds: number;
  /** It was seen by a second look. */
  readonly enlarged: boolean;
  /** How often the image was turned by 90 degrees, counter-clockwise, to find it. */
  readonly quarters: number;
  /** Level in the image, whatever the tilt of the head. */
  readonly box: Box;
}

export class Detector {
  /**
   * @throws OptionError an option is out of its range.
   */
  constructor(
    private readonly network: YuNet,
    private readonly options: DetectorOptions,
  ) {
    const { minScore, minFacePx, fullSize } = options;
    checkNumber("minScore", minScore, 1);
    checkNumber("minFacePx", minFacePx);
    checkBoolean("fullSize", fullSize);
  }

  /** The faces of an image, best first. */
  detect(image: Pixels): Face[] {
    let candidates = this.search(image, 0);
    if (this.options.secondLooks) candidates = this.turnUpright(image, candidates);
    return bestFirst(candidates)
      .filter((candidate) => sizePx(candidate) >= this.options.minFacePx)
      .map(({ box, score, points }) => ({ box, score: Math.min(score, 1), landmarks: points }));
  }

  /** The faces of an image that is turned by so many quarters, counter-clockwise. */
  private search(image: Pixels, quarters: number): Candidate[] {
    const { fullSize, secondLooks, minScore } = this.options;
    const seen = quarters ? TURNED_GLANCE_SCORE : GLANCE_SCORE;
    let candidates = this.find(image, GLANCE_PIXELS, quarters, seen);
    if (quarters && !candidates.length) return [];
    const least = quarters ? TURNED_SCORE : SURE_SCORE;
    const clear = !fullSize && showsAll(candidates, least);
    candidates = candidates.filter((candidate) => candidate.score >= this.doubtful);
    if (!clear || (secondLooks && mayBeACrowd(image, candidates))) {
      for (const pixels of this.morePixels(image)) {
        const more = this.find(image, pixels, quarters, this.doubtful);
        candidates = clear ? joined(candidates, more) : joined(more, candidates);
      }
    }
    if (!secondLooks) return candidates.filter((candidate) => candidate.score >= minScore);
    const looks = new SecondLooks(this.network, image, MOST_LOOKS);
    return joined(this.lookedAt(looks, candidates), []);
  }

  /** How many pixels are searched after the glance. */
  private morePixels({ width, height }: Pixels): number[] {
    const share = roundEven(width * height * SEARCH_SHARE);
    const search = Math.min(Math.max(share, MIN_SEARCH_PIXELS), MAX_SEARCH_PIXELS);
    const steps = this.options.fullSize ? [search, MAX_FULL_SIZE_PIXELS] : [search];
    // An image that the step before showed as it is need not be searched again.
    return steps.filter((_, i) => width * height > [GLANCE_PIXELS, search][i]);
  }

  private get doubtful(): number {
    return Math.min(this.options.minScore, DOUBTFUL_SCORE);
  }

  /** What is found in an image when it is shrunk and turned. */
  private find(image: Pixels, pixels: number, quarters: number, least: number): Candidate[] {
    const { small, scale } = shrunk(image, pixels);
    const rows = this.network.find(turned(small, quarters), least);
    const found = rows.map((row) => candidateOf(row, small, scale, quarters));
    if (!this.options.secondLooks || pixels <= GLANCE_PIXELS) return found;
    return found.filter((candidate) => candidate.score >= SURE_SCORE || sizePx(candidate) >= LEAST_LOOK_PX);
  }

  /** Candidates as they show themselves when they are looked at again, without those of no face. */
  private lookedAt(looks: SecondLooks, candidates: readonly Candidate[]): Candidate[] {
    const { minScore } = this.options;
    const least = Math.max(SURE_SCORE, minScore);
    const sure = candidates.filter((candidate) => candidate.score >= least).sort((a, b) => a.score - b.score);
    const doubtful = candidates
      .filter((candidate) => candidate.score < least && sizePx(candidate) >= LEAST_LOOK_PX)
      .sort((a, b) => b.score - a.score);
    const levels = looks.at(doubtful);
    const turns = levels.map((level, i) => this.tilts(level, doubtful[i]));
    const seen = looks
      .turned(doubtful, turns)
      .map((tilts, i) => best(agreed(doubtful[i], levels[i]), tilts, turnedScore(doubtful[i])));
    return [
      ...seen
        .filter((candidate): candidate is Candidate => candidate !== null && candidate.score >= minScore)
        // What lies in the middle of a sure one is a part of it.
        .filter((candidate) => !sure.some((other) => isIn(candidate, other))),
      // Those first that are likeliest to be tilted.
      ...sure.map((candidate) => this.righted(looks, candidate)),
    ];
  }

  /** A sure candidate, as it shows itself if it is tilted. */
  private righted(looks: SecondLooks, candidate: Candidate): Candidate {
    const upright = candidate.score >= UPRIGHT_SCORE || isUpright(candidate);
    if (upright || sizePx(candidate) < LEAST_LOOK_PX || looks.count >= FEW_LOOKS) return candidate;
    // A large face tells to which side it is tilted, a small one once it is enlarged.
    const level = tellsTilt(candidate) ? candidate : looks.at([candidate])[0];
    const [tilts] = looks.turned([candidate], [this.tilts(level, candidate)]);
    return best(candidate, tilts, TURNED_SCORE, level) ?? candidate;
  }

  /** By how much a head may be tilted that was looked at. */
  private tilts(level: Candidate | null, candidate: Candidate): number[] {
    if (!level) return candidate.score >= TILTED_SCORE ? [-TILT_DEG, TILT_DEG] : [];
    if (level.score >= this.options.minScore && isUpright(level)) return [];
    const tilt = tiltDeg(level);
    if (Math.abs(tilt) >= LEAST_TILT_DEG) return [Math.sign(tilt) * TILT_DEG];
    return level.score >= UPRIGHT_SCORE ? [] : [-TILT_DEG, TILT_DEG];
  }

  /** Better candidates, if the image lies on its side or head. */
  private turnUpright(image: Pixels, candidates: Candidate[]): Candidate[] {
    const upright = surest(candidates);
    const score = upright?.score ?? 0;
    const largePx = LARGE_SHARE * Math.max(image.width, image.height);
    const level = candidates.some((f) => isUpright(f) && !f.enlarged && sizePx(f) >= largePx);
    const { least, count, share } = SEVERAL_LEVEL;
    const sure = candidates.filter((candidate) => candidate.score >= least).length;
    const several = sure >= Math.max(count, share * candidates.length);
    if (level || several || score >= (candidates.length > 2 ? LEVEL_SCORES.many : LEVEL_SCORES.few))
      return candidates;
    let sides = [1, 2, 3];
    // What looks more upright than not is a face.
    const isFace = upright && !upright.enlarged && tellsTilt(upright) && upright.odds > 0;
    if (upright && (isFace || score >= ROUND_SCORE)) {
      const looks = new SecondLooks(this.network, image, sides.length);
      const degrees = sides.map((quarters) => 90 * quarters);
      const scores = looks.turned([upright], [degrees])[0].map((candidate) => candidate?.score ?? 0);
      const highest = Math.max(...scores);
      if (highest <= score) return candidates;
      sides = [sides[scores.indexOf(highest)]];
    }
    let best = candidates;
    for (const quarters of sides) {
      const found = this.search(image, quarters);
      // Of the right turn more faces are found, and more surely, than of the opposite one.
      if (found.some((candidate) => candidate.score >= TURNED_SCORE) && total(found) > total(best))
        best = found;
    }
    return best;
  }
}

/** Whether a glance shows large faces, one of them of that score, and nothing else. */
function showsAll(candidates: readonly Candidate[], least: number): boolean {
  return (
    candidates.some((candidate) => candidate.score >= least) &&
    candidates.every((candidate) =>
      candidate.score >= SURE_SCORE ? candidate.seenPx >= GLANCE_FACE_PX : sizePx(candidate) < LEAST_LOOK_PX,
    )
  );
}

/** Whether a sure candidate is so small that there may be others that a glance does not show. */
function mayBeACrowd({ width, height }: Pixels, candidates: readonly Candidate[]): boolean {
  const largePx = GLANCE_SHARE * Math.sqrt(width * height);
  const sizes = candidates.filter((candidate) => candidate.score >= SURE_SCORE).map(sizePx);
  return sizes.length > 1 && Math.min(...sizes) < largePx;
}

/** That, or what is surer of it once it is turned and believed. */
function best(
  candidate: Candidate | null,
  tilts: readonly (Candidate | null)[],
  least: number,
  level: Candidate | null = null,
): Candidate | null {
  const believed = tilts.filter((tilted) => tilted && tilted.score >= least);
  return believed.length ? surest([...believed, candidate, level]) : candidate;
}

/** Whether it was seen in a size that shows a tilt. */
function tellsTilt({ seenPx }: Candidate): boolean {
  return seenPx >= TELLING_PX.least && seenPx <= TELLING_PX.most;
}

/** What a look shows, as sure as it and the search are together. */
function agreed(candidate: Candidate, look: Candidate | null): Candidate | null {
  return look && { ...look, score: LOOK_SHARE * look.score + (1 - LOOK_SHARE) * candidate.score };
}

/** From which score on a doubtful candidate is believed once it is turned. */
function turnedScore({ seenPx }: Candidate): number {
  return seenPx >= TELLING_PX.least ? TURNED_SCORE : SMALL_TURNED_SCORE;
}

/** Whether it is surely upright, where it was found. */
function isUpright(candidate: Candidate): boolean {
  return tellsTilt(candidate) && candidate.odds >= UPRIGHT_ODDS;
}

/** Logarithm of the odds that a face is upright; its weights are explained in the Python package. */
function uprightOdds({ width, height, points, score: raw }: Row): number {
  const side = Math.max(width, height, 1e-6);
  const score = Math.min(Math.max(raw, 0.01), 0.99);
  const [[ax, ay], [bx, by], [noseX], [cx, cy], [dx, dy]] = points;
  const lean = (cx + dx - ax - bx) / 2;
  const middleX = (ax + bx + cx + dx) / 4;
  return (
    10.51 +
    3.79 * Math.log(score / (1 - score)) -
    1.51 * Math.log(side) -
    (20.61 * width) / Math.max(height, 1e-6) +
    ((2.79 * (cy + dy - ay - by)) / 2 + 18.4 * (bx - ax)) / side +
    (7.1 * Math.abs(by - ay) - 28.78 * Math.abs(lean) + 10.86 * Math.abs(noseX - middleX)) / side
  );
}

/** Of the line of the eyes in the image as it was turned, clockwise. */
function tiltDeg({ points, quarters }: Candidate): number {
  const [right, left] = points;
  const tilt = (Math.atan2(left[1] - right[1], left[0] - right[0]) * 180) / Math.PI + 90 * quarters;
  return ((((tilt + 180) % 360) + 360) % 360) - 180;
}

function sizePx({ sides }: Candidate): number {
  return Math.max(...sides);
}

function total(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, candidate) => sum + candidate.score, 0);
}

function bestFirst(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => b.score - a.score);
}

function surest(candidates: readonly (Candidate | null)[]): Candidate | null {
  return bestFirst(candidates.filter((candidate) => candidate !== null))[0] ?? null;
}

/** Candidates without those that lie on a surer one; all of the first go before all of the others. */
function joined(first: readonly Candidate[], then: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of [...bestFirst(first), ...bestFirst(then)]) {
    if (kept.every((other) => iou(candidate.box, other.box) < SAME_FACE_IOU)) kept.push(candidate);
  }
  return kept;
}

/** Whether the middle of a candidate is in the box of a larger one. */
function isIn(candidate: Candidate, other: Candidate): boolean {
  const [x0, y0, x1, y1] = other.box;
  const [x, y] = candidate.middle;
  return x0 < x && x < x1 && y0 < y && y < y1 && sizePx(candidate) < sizePx(other);
}

/** Intersection over union of two boxes, 0 to 1. */
export function iou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const shared = width * height;
  const union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared;
  return union > 0 ? shared / union : 0;
}

function makeCandidate(
  points: readonly Point[],
  sides: Point,
  row: Row,
  quarters: number,
  enlarged = false,
): Candidate {
  const [middle, ...landmarks] = points;
  const [across, down] = quarters % 2 ? [sides[1], sides[0]] : sides;
  return {
    middle,
    sides,
    points: landmarks,
    score: row.score,
    seenPx: Math.max(row.width, row.height),
    odds: uprightOdds(row),
    enlarged,
    quarters,
    box: [middle[0] - across / 2, middle[1] - down / 2, middle[0] + across / 2, middle[1] + down / 2],
  };
}

function middleOf(row: Row): Point {
  return [row.x + row.width / 2, row.y + row.height / 2];
}

/** What YuNet says of an image that was shrunk, then turned: in pixels of the image. */
function candidateOf(row: Row, small: Pixels, [scaleX, scaleY]: Point, quarters: number): Candidate {
  let [width, height] = quarters % 2 ? [small.height, small.width] : [small.width, small.height];
  let points: Point[] = [middleOf(row), ...row.points];
  for (let i = 0; i < quarters; i++) {
    const down = height;
    points = points.map(([x, y]): Point => [down - y, x]); // back
    [width, height] = [height, width];
  }
  points = points.map(([x, y]): Point => [x / scaleX, y / scaleY]);
  const [across, down] = quarters % 2 ? [scaleY, scaleX] : [scaleX, scaleY];
  return makeCandidate(points, [row.width / across, row.height / down], row, quarters);
}

/** Second looks at places of one image, no more than so many. */
class SecondLooks {
  count = 0;

  constructor(
    private readonly network: YuNet,
    private readonly image: Pixels,
    private readonly most: number,
  ) {}

  /** What is found in the place of each, enlarged. */
  at(candidates: readonly Candidate[]): (Candidate | null)[] {
    const level = candidates.map(() => [0]);
    return this.seen(candidates, level, LOOK_PX).map((views) => views[0] ?? null);
  }

  /** What is found in the place of each, turned by each of its degrees, counter-clockwise. */
  turned(candidates: readonly Candidate[], degrees: readonly (readonly number[])[]): (Candidate | null)[][] {
    return this.seen(candidates, degrees, TURNED_LOOK_PX);
  }

  /** One or none for each turn of each, while looks are left; all lie side by side. */
  private seen(
    candidates: readonly Candidate[],
    degrees: readonly (readonly number[])[],
    px: typeof LOOK_PX,
  ): (Candidate | null)[][] {
    const { side, face } = px;
    const places: Place[] = [];
    const seen = candidates.map((candidate, i) => {
      const turns = degrees[i].slice(0, this.most - this.count);
      this.count += turns.length;
      const views: (Candidate | null)[] = turns.map(() => null);
      places.push(...this.places(candidate, turns, views, px));
      return views;
    });
    if (!places.length) return seen;
    const rows = this.network.find(sideBySide(places.map(({ image }) => image)), DOUBTFUL_SCORE);
    // The best of a place last.
    for (const row of rows.reverse()) {
      const [x, y] = middleOf(row);
      const index = Math.min(Math.max(Math.floor(x / side), 0), places.length - 1);
      const left = index * side;
      const away = Math.max(Math.abs(x - left - side / 2), Math.abs(y - side / 2));
      if (away > face / 2 || Math.max(row.width, row.height) < face / 2) continue; // beside or in it
      const { map, candidate, views, turn } = places[index];
      const scale = face / sizePx(candidate);
      const back = inverted(map);
      const ofRow: Point[] = [[x, y], ...row.points];
      const points = ofRow.map((point) => moved([point[0] - left, point[1]], back));
      const sides: Point = [row.width / scale, row.height / scale];
      views[turn] = makeCandidate(points, sides, row, candidate.quarters, true);
    }
    return seen;
  }

  /** The place of a candidate, turned by each of these. */
  private places(
    candidate: Candidate,
    degrees: readonly number[],
    views: (Candidate | null)[],
    { side, face }: typeof LOOK_PX,
  ): Place[] {
    if (!degrees.length) return [];
    const scale = face / sizePx(candidate);
    const part = this.part(candidate, side, scale);
    return degrees.map((more, turn) => {
      const map = lookAt(candidate.middle, 90 * candidate.quarters + more, scale, side);
      const image = warp(part.image, inverted(ofPart(map, part)), side, "black");
      return { image, map, candidate, views, turn };
    });
  }

  /** What is around a place, shrunk so as not to alias. */
  private part(candidate: Candidate, side: number, scale: number): Part {
    const { width, height } = this.image;
    const reach = (0.75 * side) / scale; // of a square that is turned
    const within = (value: number, length: number): number =>
      Math.trunc(Math.min(Math.max(value, 0), length));
    const [x, y] = candidate.middle;
    const [left, right] = [within(x - reach, width), within(x + reach + 1, width)];
    const [top, bottom] = [within(y - reach, height), within(y + reach + 1, height)];
    const part = cut(this.image, left, top, right, bottom);
    const least = [part.width, part.height].map((length) => roundEven(scale * length));
    return { ...manyTimesHalved(part, least[0], least[1]), left, top };
  }
}

/** A place of an image as it is looked at again, and where what is seen of it goes. */
interface Place {
  readonly image: Pixels;
  readonly map: Affine;
  readonly candidate: Candidate;
  readonly views: (Candidate | null)[];
  readonly turn: number;
}

/** A part of an image: where it begins, and by which factor it is shrunk. */
interface Part {
  readonly image: Pixels;
  readonly factor: number;
  readonly left: number;
  readonly top: number;
}

/** From an image to a place of this side around a point: turned counter-clockwise and scaled. */
function lookAt([x, y]: Point, degrees: number, scale: number, side: number): Affine {
  const angle = (degrees * Math.PI) / 180;
  const [cosine, sine] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const shiftX = side / 2 - (cosine * x + sine * y);
  const shiftY = side / 2 - (-sine * x + cosine * y);
  return [cosine, sine, shiftX, -sine, cosine, shiftY];
}

/** The same map, from a part of the image. */
function ofPart([a, b, c, d, e, f]: Affine, { factor, left, top }: Part): Affine {
  return [factor * a, factor * b, a * left + b * top + c, factor * d, factor * e, d * left + e * top + f];
}

function moved([x, y]: Point, [a, b, c, d, e, f]: Affine): Point {
  return [a * x + b * y + c, d * x + e * y + f];
}

/** An image of at most `pixels`, counted as the detector pads it, and its scale across and down. */
function shrunk(image: Pixels, pixels: number): { small: Pixels; scale: Point } {
  const [width, height] = shrunkSize(image.width, image.height, pixels);
  if (width === image.width && height === image.height) return { small: image, scale: [1, 1] };
  // Halving and one bilinear step come to nearly the same as area means, in a fifth of the time.
  const half = manyTimesHalved(image, width, height);
  const small = resizeLinear(half.image, width, height);
  const across = small.width / (half.factor * half.image.width);
  const down = small.height / (half.factor * half.image.height);
  return { small, scale: [across, down] };
}

/** An image, halved while that leaves at least this width and height; and by which factor. */
function manyTimesHalved(image: Pixels, width: number, height: number): { image: Pixels; factor: number } {
  let [small, factor] = [image, 1];
  while (small.width >= 2 * Math.max(width, 1) && small.height >= 2 * Math.max(height, 1)) {
    small = halved(small);
    factor *= 2;
  }
  return { image: small, factor };
}

/**
 * Width and height of an image that is shrunk to at most `pixels`, as the detector pads it: by the
 * largest scale that brings one side to a whole number of cells, so that no padding is searched.
 */
export function shrunkSize(width: number, height: number, pixels: number): [number, number] {
  const cells = (side: number): number => Math.ceil(roundEven(side) / CELL_PX);
  const paddedPixels = (scale: number): number =>
    cells(width * scale) * cells(height * scale) * CELL_PX * CELL_PX;
  if (paddedPixels(1) <= pixels) return [width, height];
  let best = 0;
  const end = Math.ceil((Math.sqrt(pixels) * 4) / CELL_PX);
  for (let n = 1; n < end; n++) {
    for (const side of [width, height]) {
      const scale = (CELL_PX * n) / side;
      if (scale < 1 && scale > best && paddedPixels(scale) <= pixels) best = scale;
    }
  }
  // A strip too thin for whole cells has no such scale.
  best ||= Math.sqrt(pixels / (width * height));
  return [Math.max(1, roundEven(width * best)), Math.max(1, roundEven(height * best))];
}
