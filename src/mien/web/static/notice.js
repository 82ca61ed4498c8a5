/** The notice of the first visit: what is processed, where, and who must be told. */

import { byId } from "./elements.js";
import { remember, remembered } from "./settings.js";

export function startNotice() {
  const notice = byId("notice");
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    byId("notice-where").prepend(
      `You are looking at the server ${location.host}: what you give it goes there. `,
    );
  }
  byId("notice-close").addEventListener("click", () => notice.close());
  notice.addEventListener("close", () => remember("notice", "read"));
  byId("notice-again").addEventListener("click", () => notice.showModal());
  if (remembered("notice") !== "read") notice.showModal();
}
