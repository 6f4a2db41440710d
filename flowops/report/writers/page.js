// The one thing that a page does: search.
"use strict";
const field = document.getElementById("search");
if (field) {
  const items = [...document.querySelectorAll("[data-found]")];
  const words = items.map((item) => item.textContent.toLowerCase());
  const told = document.querySelector("output");
  field.parentElement.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, at) => {
      item.hidden = !wanted.every((word) => words[at].includes(word));
      shown += item.hidden ? 0 : 1;
    });
    told.textContent = wanted.length ? `${shown} of ${items.length}` : "";
  });
}
