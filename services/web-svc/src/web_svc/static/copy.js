// A button that copies the text before it. Without JavaScript there is no such button: the text can be selected.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.previousElementSibling.textContent);
  const said = Object.assign(document.createElement("span"), { className: "sr-only", textContent: "Copied" });
  document.querySelector("[role=status]")?.replaceChildren(said);
  button.dataset.copied = "";
});
