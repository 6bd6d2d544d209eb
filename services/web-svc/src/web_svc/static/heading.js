// After a full navigation the heading has the focus, unless the page says what should have it: reading goes on there.
// A confirmation on a phone is a pop-up; without JavaScript it is a page of its own.
(() => {
  const popUp = document.querySelector("dialog.pop-up");
  if (popUp) {
    popUp.removeAttribute("open");
    popUp.showModal();
    popUp.addEventListener("close", () => location.assign(popUp.querySelector(":scope > a").href));
  }
  const heading = document.querySelector("h1");
  if (!heading || location.hash || document.querySelector("[autofocus]")) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
})();
