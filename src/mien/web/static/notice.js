/** The notice of the first visit: what is processed, where, and who must be told. */

import { byId, onClick } from "./elements.js";
import { remember, remembered } from "./settings.js";

export function startNotice() {
  const notice = byId("notice");
  const read = () => remember("notice", "read");
  onClick("notice-close", () => {
    read(); // the event of closing comes later, and a page that is loaded anew does not wait for it
    notice.close();
  });
  notice.addEventListener("close", read); // by Escape, too
  onClick("notice-again", () => notice.showModal());
  if (remembered("notice") !== "read") notice.showModal();
}
