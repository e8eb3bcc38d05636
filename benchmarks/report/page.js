"use strict";

const NUMBER = /^(<\s*)?([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?=$|[\s%(/])/i;

/* A cell as what it is sorted by: a number, or its text; null where there is nothing. */
function key(cell) {
  const text = cell.textContent.trim();
  const number = NUMBER.exec(text);
  if (number) {
    const value = Number(number[2].replaceAll(",", ""));
    return number[1] ? value * 0.999 : value;
  }
  return text === "n/a" || text === "" ? null : text;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") {
    return one - other;
  }
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

/* Empty cells come last in either direction. */
function sorted(rows, column, sign) {
  return [...rows].sort((a, b) => {
    const one = key(a.cells[column]);
    const other = key(b.cells[column]);
    if (one === null || other === null) {
      return (one === null) - (other === null);
    }
    return sign * compare(one, other);
  });
}

const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function makeSortable(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  if (rows.length < 2) {
    return;
  }
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const order = NEXT[head.getAttribute("aria-sort")];
      heads.forEach((each) => each.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", order);
      const sign = order === "descending" ? -1 : 1;
      body.append(...(order === "none" ? rows : sorted(rows, column, sign)));
    });
  });
}

/* What scrolls can be reached by the keyboard, and nothing else is a stop. */
function markScrollers() {
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

document.querySelectorAll("table").forEach(makeSortable);
markScrollers();
addEventListener("load", markScrollers);
addEventListener("resize", markScrollers);
