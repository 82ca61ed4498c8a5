/** Files, times and sizes as people read them. */

/** What went wrong with a file, its name in front: the server's words may begin with it. */
export function aboutFile(name, message) {
  return message.startsWith(`${name}: `) ? message : `${name}: ${message}`;
}

/** A number and what it counts: "1 face". */
export function count(number, what, several = `${what}s`) {
  return `${number} ${number === 1 ? what : several}`;
}

/** Seconds as people read them: "1:05.2", or "1:05" where tenths do not matter; rounded as
 * `mien video` rounds them. */
export function clock(seconds, { fine = true } = {}) {
  const tenths = fine ? Math.round(seconds * 10) : Math.round(seconds) * 10;
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(fine ? 1 : 0);
  return `${minutes}:${rest.padStart(fine ? 4 : 2, "0")}`;
}

/** Bytes as people read them: "3.2 MB". */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: bytes < 1e7 ? 1 : 0 })} MB`;
}

/** Why nothing can be read of a file; null where something can. */
export async function unreadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return null;
  } catch {
    const reason = "it is a folder, or was changed or moved since it was chosen";
    return `expected a file that can be read; ${reason}`;
  }
}

/** Why a file is not taken that has more bytes than `most`; "" where it is. */
export function tooLarge(file, most) {
  return file.size > most ? `expected at most ${megabytes(most)}; got ${megabytes(file.size)}` : "";
}
