/** The frames of a video element as they are shown; the newest alone. */

import { OptionError } from "./errors.js";
import type { Frame } from "./recognizer.js";
import { nameOf } from "./sources.js";

/**
 * Each frame that is shown when one is asked for, until the video ends or the signal comes.
 *
 * @throws OptionError it is no video element, such as the camera's stream itself.
 */
export async function* framesOf(
  video: HTMLVideoElement,
  signal?: AbortSignal,
): AsyncGenerator<Frame<HTMLVideoElement>, void, void> {
  if (typeof video?.requestVideoFrameCallback !== "function") {
    throw new OptionError(`expected a video element, with requestVideoFrameCallback; got ${nameOf(video)}`);
  }
  let before: number | null = null;
  while (!signal?.aborted) {
    const shown = await nextFrame(video, signal);
    if (!shown) return;
    const skipped = before === null ? 0 : Math.max(0, shown.number - before - 1);
    before = shown.number;
    yield { source: video, timeS: shown.timeS, skipped };
  }
}

interface Shown {
  /** Of the frames that the video has shown. */
  readonly number: number;
  readonly timeS: number;
}

/** The next frame that is shown; null at the end. */
function nextFrame(video: HTMLVideoElement, signal?: AbortSignal): Promise<Shown | null> {
  return new Promise((resolve) => {
    const done = (shown: Shown | null): void => {
      video.removeEventListener("ended", ended);
      signal?.removeEventListener("abort", ended);
      clearInterval(looking);
      if ("cancelVideoFrameCallback" in video) video.cancelVideoFrameCallback(asked);
      resolve(shown);
    };
    const ended = (): void => done(null);
    let asked = 0;
    // A camera that is taken away ends no video.
    const looking = setInterval(() => {
      if (hasEnded(video)) ended();
    }, 250);
    video.addEventListener("ended", ended);
    signal?.addEventListener("abort", ended);
    if (hasEnded(video)) return ended();
    asked = video.requestVideoFrameCallback((now, { presentedFrames }) =>
      done({ number: presentedFrames, timeS: now / 1000 }),
    );
  });
}

function hasEnded(video: HTMLVideoElement): boolean {
  const { srcObject } = video;
  if (video.ended) return true;
  return (
    srcObject instanceof MediaStream && srcObject.getVideoTracks().every((t) => t.readyState === "ended")
  );
}
