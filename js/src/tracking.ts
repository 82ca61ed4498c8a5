/**
 * Frames -> the same faces under the same numbers.
 *
 * As the Python package does it where every frame is searched (`detect_every_s=0`): the faces of a
 * frame are shared out among the tracks in two rounds, the sure ones first (ByteTrack, Zhang et al.
 * 2021, arXiv:2110.06864), by where a Kalman filter expects each track within boxes that are
 * enlarged for both (buffered IoU, Yang et al. 2023, arXiv:2211.14317), and by appearance.
 */

import { appearanceOf, normed, similarity } from "./appearance.js";
import { type Box, type Face, iou, SURE_SCORE } from "./faces.js";
import { KalmanFilter } from "./motion.js";
import { type Pixels, resizeArea, toGray } from "./pixels.js";

/** Faces of a lower score, down to this one, only continue tracks. */
export const MIN_LOW_SCORE = 0.5;

const MAX_AGE_S = 1.0; // how long a face that is not found is expected nearby, by place
const COAST_S = 0.5; // how long a face that is not found may go on with a low score
const REID_S = 60.0; // how long a face may stay away and get its number back, by appearance
const TENTATIVE_S = 0.5; // how long a new face is compared with those that are gone
const MIN_ALIKE = 0.8; // from here on a face that returns is the same
const MIN_ALIKE_NEARBY = 0.7; // likewise, where it returns to the place that it left

const GRAY_PIXELS = 640 * 360; // of the gray image that tells cuts, at most
const PLACE_MARGIN = 0.3; // of the box, by which both are enlarged to be compared
const LOST_MARGIN_PER_S = 1.0; // likewise, for each second since the face was seen
const MAX_MARGIN = 1.5;
const MIN_PLACE = 0.1; // IoU of the enlarged boxes
const MIN_LOW_PLACE = 0.3; // likewise, of a face with a low score
const MIN_ALIKE_LOST = 0.35; // a face that is less alike does not continue a lost track
const MAX_STEP_S = 0.4; // between two frames; after longer ones appearance decides, too
const RETRY_S = 0.3; // after so long out of sight a face begins to move anew
const APPEARANCE_EVERY_S = 0.5;
const APPEARANCE_MEMORY = 0.8; // share of the old one that stays at each renewal
const CUT_CORRELATION = 0.35; // of two frames' thumbnails; less is a cut
const THUMBNAIL = [32, 18];

/** A face in one frame, with the number of its track, from 1. */
export interface TrackedFace extends Face {
  readonly track: number;
  readonly detected: boolean;
}

/** One face over time: where it is, where it is going, what it looks like. */
class Track {
  seen = true;
  left = false; // by a cut: its place says nothing any more
  box: Box;
  expected: Box;
  seenS: number;
  appearanceS: number;
  readonly bornS: number;
  private filter: KalmanFilter;

  constructor(
    readonly number: number,
    public face: Face,
    public appearance: Float64Array,
    timeS: number,
  ) {
    this.filter = new KalmanFilter(face.box);
    this.box = this.expected = face.box;
    this.bornS = this.seenS = this.appearanceS = timeS;
  }

  /** Expect it in a frame so many seconds later. */
  advance(stepS: number): void {
    if (!Number.isFinite(stepS) || this.left) return;
    this.filter.predict(stepS);
    if (!this.seen) this.filter.slow(stepS);
    this.expected = this.filter.box();
  }

  /** It is this face that was found; `appearance` where that is to be renewed. */
  correct(face: Face, appearance: Float64Array | null, timeS: number): void {
    if (this.left || timeS - this.seenS > RETRY_S) this.filter = new KalmanFilter(face.box);
    else this.filter.correct(face.box);
    this.seen = true;
    this.left = false;
    if (appearance) {
      const mixed = this.appearance.map(
        (value, i) => APPEARANCE_MEMORY * value + (1 - APPEARANCE_MEMORY) * appearance[i],
      );
      const norm = Math.sqrt(similarity(mixed, mixed));
      this.appearance = mixed.map((value) => value / norm);
      this.appearanceS = timeS;
    }
    this.face = face;
    this.box = this.expected = face.box;
    this.seenS = timeS;
  }
}

/** A pair that may belong together, and how well it does. */
type Pair = readonly [value: number, track: Track, face: Face];

export class Tracker {
  private tracks: Track[] = [];
  private numbers = 0;
  private thumbnail: Float64Array | null = null;
  private timeS = -Infinity;

  /** The numbers of the faces that may still be seen again. */
  get known(): Set<number> {
    return new Set(this.tracks.map((track) => track.number));
  }

  /**
   * The faces of the next frame, in the order of their numbers.
   *
   * @param image of the frame.
   * @param found its faces, of scores down to `MIN_LOW_SCORE`.
   * @param timeS in seconds; not before that of the frame before.
   */
  follow(image: Pixels, found: readonly Face[], timeS: number): TrackedFace[] {
    const stepS = timeS - this.timeS;
    const isCut = this.isCut(image);
    for (const track of this.tracks) {
      track.advance(Math.min(stepS, MAX_STEP_S));
      if (isCut || stepS > MAX_STEP_S) track.seen = false;
      if (isCut) track.left = true;
    }
    this.timeS = timeS;
    this.tracks = this.tracks.filter((track) => timeS - track.seenS <= REID_S);
    this.share(new Appearances(image), found, stepS);
    return this.tracks
      .filter((track) => track.seen)
      .map((track) => ({ ...track.face, track: track.number, detected: true }));
  }

  /** Whether the image is another scene than the one before. */
  private isCut(image: Pixels): boolean {
    const small = resizeArea(shrunkGray(image), THUMBNAIL[0], THUMBNAIL[1]).data;
    const mean = Float64Array.from(small).reduce((sum, value) => sum + value, 0) / small.length;
    const levels = Float64Array.from(small, (value) => value - mean);
    const energy = Math.sqrt(similarity(levels, levels));
    const before = this.thumbnail;
    this.thumbnail = levels;
    if (!before) return false;
    const both = energy * Math.sqrt(similarity(before, before));
    // Of two images that are nearly flat, noise is all there is to compare.
    return both > 4 * small.length && similarity(normed(before), normed(levels)) < CUT_CORRELATION;
  }

  /** Share the faces of a frame out among the tracks. */
  private share(appearances: Appearances, found: readonly Face[], stepS: number): void {
    const faces = found.filter(({ box }) => box[2] > box[0] || box[3] > box[1]);
    const sure = faces.filter((face) => face.score >= SURE_SCORE);
    const unsure = faces.filter((face) => face.score >= MIN_LOW_SCORE && face.score < SURE_SCORE);
    const lostS = Math.max(MAX_AGE_S, stepS);
    const near = this.tracks.filter((track) => !track.left && this.lostFor(track) <= lostS);

    const matched = this.match(near, sure, appearances, MIN_PLACE);
    const open = near.filter((track) => !matched.has(track) && (track.seen || this.lostFor(track) < COAST_S));
    for (const [track, face] of this.match(open, unsure, appearances, MIN_LOW_PLACE)) {
      matched.set(track, face);
    }
    const taken = new Set(matched.values());
    const fresh = sure.filter((face) => !taken.has(face));
    this.matchReturned(matched, fresh, appearances);
    for (const [track, face] of matched) {
      const isDue = this.timeS - track.appearanceS >= APPEARANCE_EVERY_S;
      const renew = isDue && !isBesideAnother(face, faces);
      track.correct(face, renew ? appearances.of(face) : null, this.timeS);
    }
    for (const face of fresh) {
      if ([...matched.values()].includes(face)) continue;
      const track = new Track(++this.numbers, face, appearances.of(face), this.timeS);
      this.tracks.push(track);
      matched.set(track, face);
    }
    for (const track of this.tracks) if (!matched.has(track)) track.seen = false;
  }

  /** Tracks and the faces that lie where they are expected; the best pair first. */
  private match(
    tracks: readonly Track[],
    faces: readonly Face[],
    appearances: Appearances,
    minPlace: number,
  ): Map<Track, Face> {
    const places: Pair[] = [];
    for (const track of tracks) {
      const lostS = track.seen ? 0 : this.lostFor(track);
      const margin = Math.min(PLACE_MARGIN + LOST_MARGIN_PER_S * lostS, MAX_MARGIN);
      for (const face of faces) {
        const place = iou(enlarged(track.expected, margin), enlarged(face.box, margin));
        if (place >= minPlace) places.push([place, track, face]);
      }
    }
    const pairs: Pair[] = [];
    for (const [place, track, face] of places) {
      // Appearance is only asked where more than one pair is possible, or the track was out of sight.
      const hasRivals = places.filter(([, t, f]) => t === track || f === face).length > 1;
      const asked = hasRivals || !track.seen;
      const alike = asked ? similarity(track.appearance, appearances.of(face)) : 1;
      if (track.seen || this.continues(track, alike, appearances.of(face))) {
        pairs.push([place + alike, track, face]);
      }
    }
    return bestFirst(pairs);
  }

  /** Whether a face may be that of a lost track; not if it is more like another lost one. */
  private continues(track: Track, alike: number, appearance: Float64Array): boolean {
    const others = this.tracks.filter((other) => !other.seen && other !== track);
    const rivals = others.map((other) => similarity(other.appearance, appearance));
    return alike >= Math.max(MIN_ALIKE_LOST, ...rivals);
  }

  /** Give faces the numbers of those that are gone and look like them; the most alike first. */
  private matchReturned(matched: Map<Track, Face>, fresh: readonly Face[], appearances: Appearances): void {
    const gone = this.tracks.filter((track) => !matched.has(track) && !track.seen);
    const young = new Map<Face, Track>();
    for (const [track, face] of matched) {
      if (this.timeS - track.bornS < TENTATIVE_S) young.set(face, track);
    }
    const pairs: Pair[] = [];
    for (const track of gone) {
      for (const face of [...fresh, ...young.keys()]) {
        const alike = similarity(track.appearance, appearances.of(face));
        const isNearby = !track.left && iou(enlarged(track.box, 1), face.box) > 0;
        if (alike >= (isNearby ? MIN_ALIKE_NEARBY : MIN_ALIKE)) pairs.push([alike, track, face]);
      }
    }
    for (const [track, face] of bestFirst(pairs)) {
      const other = young.get(face);
      if (other && track.seenS < other.bornS) {
        // What was taken for a new face is one that was gone.
        this.tracks = this.tracks.filter((one) => one !== other);
        matched.delete(other);
      }
      if (![...matched.values()].includes(face)) matched.set(track, face);
    }
  }

  private lostFor(track: Track): number {
    return this.timeS - track.seenS;
  }
}

/** The appearances of the faces of one image, each worked out once, when it is asked for. */
class Appearances {
  private readonly known = new Map<Face, Float64Array>();

  constructor(private readonly image: Pixels) {}

  of(face: Face): Float64Array {
    const found = this.known.get(face) ?? appearanceOf(this.image, face);
    this.known.set(face, found);
    return found;
  }
}

/** What is beside a face, or before it, is not how it looks. */
function isBesideAnother(face: Face, faces: readonly Face[]): boolean {
  return faces.some((other) => other !== face && iou(enlarged(other.box, PLACE_MARGIN), face.box) > 0);
}

function enlarged(box: Box, margin: number): Box {
  const [across, down] = [margin * (box[2] - box[0]), margin * (box[3] - box[1])];
  return [box[0] - across, box[1] - down, box[2] + across, box[3] + down];
}

/** Pairs that share no track and no face, taken from the highest value down. */
function bestFirst(pairs: Pair[]): Map<Track, Face> {
  const chosen = new Map<Track, Face>();
  const taken = new Set<Face>();
  for (const [, track, face] of pairs.sort((a, b) => b[0] - a[0])) {
    if (chosen.has(track) || taken.has(face)) continue;
    chosen.set(track, face);
    taken.add(face);
  }
  return chosen;
}

/** Gray, shrunk by a whole number. */
function shrunkGray(image: Pixels): Pixels {
  const gray = toGray(image);
  const { width, height, data } = gray;
  const asked = Math.max(1, Math.ceil(Math.sqrt((width * height) / GRAY_PIXELS) - 1e-9));
  const factor = Math.min(asked, width, height);
  if (factor === 1) return gray;
  const [across, down] = [Math.floor(width / factor), Math.floor(height / factor)];
  if (across * factor === width) {
    return resizeArea({ data, width, height: down * factor, channels: 1 }, across, down);
  }
  const whole = new Uint8Array(across * factor * down * factor);
  for (let y = 0; y < down * factor; y++) {
    whole.set(data.subarray(y * width, y * width + across * factor), y * across * factor);
  }
  return resizeArea(
    { data: whole, width: across * factor, height: down * factor, channels: 1 },
    across,
    down,
  );
}
