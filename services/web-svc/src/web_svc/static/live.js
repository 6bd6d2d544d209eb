// One stream per visible tab. The server says which thing changed, never what it is now; open fragments ask for
// themselves. After every (re)connection all of them ask once, so nothing said in between is missed.
(() => {
  const url = document.body.dataset.events;
  if (!url) return;
  const light = document.querySelector(".live");
  const tell = (kind) => document.body.dispatchEvent(new CustomEvent(`live:${kind}`));
  let source;
  const open = () => {
    source = new EventSource(url);
    source.onopen = () => { light.dataset.live = "on"; tell("opened"); };
    source.onerror = () => { light.dataset.live = "paused"; };
    for (const kind of ["connection", "item", "sync", "release", "provider"])
      source.addEventListener(kind, () => tell(kind));
  };
  // A menu that somebody has open stays: its fragment is left alone, and looks again once the menu is closed.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.querySelector(".menu[open]")) event.detail.shouldSwap = false;
  });
  document.body.addEventListener("toggle", (event) => { if (!event.target.open) tell("opened"); }, true);
  document.addEventListener("visibilitychange", () => (document.hidden ? source.close() : open()));
  if (!document.hidden) open(); else source = { close() {} };
})();
