// A click on a heading sorts its column: up, then down. Rows without a value stay last.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const compare = (a, b) => (a === "") - (b === "") || (down ? -1 : 1) *
        (head.classList.contains("number") ? a - b : a.localeCompare(b));
      body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
    };
  });
}

// A checkbox shows or hides a variant: its rows in tables, and all that figures show of it alone.
const filter = document.querySelector(".filter");
if (filter) {
  const hidden = new Set();
  filter.hidden = false;
  filter.addEventListener("change", ({target}) => {
    hidden[target.checked ? "delete" : "add"](target.value);
    for (const part of document.querySelectorAll("[data-cell]"))
      part.style.display = hidden.has(part.dataset.cell) || hidden.has(part.dataset.against) ? "none" : "";
  });
}
