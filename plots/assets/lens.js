// Makes a table of predictions answer the pointer and the keyboard: a cell shows its guesses. The
// table is already there, see lens_html.go.
(() => {
  "use strict";

  function element(parent, tag, className, text) {
    const e = parent.appendChild(document.createElement(tag));
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }

  function start(root) {
    const source = root.querySelector("script[type='application/json']");
    if (!source) return; // left by a notebook that was not trusted
    root.dataset.live = "yes";
    const data = JSON.parse(source.textContent);
    const cells = [...root.querySelectorAll("tbody td")], width = data.Columns.length;
    const tip = element(root, "div", "gl-tip");
    tip.setAttribute("role", "status");
    tip.hidden = true;
    let held = null; // the cell whose tip a click has pinned

    function show(k) {
      tip.replaceChildren();
      tip.hidden = k === null;
      if (k === null) return;
      const row = Math.floor(k / width), column = k % width, guesses = data.Cells[k];
      element(tip, "div", "", data.RowName + " " + data.Rows[row]);
      element(tip, "div", "", data.ColumnName + " " + column + ": " + data.Columns[column]).dir = "auto";
      const table = element(tip, "table");
      for (let i = 0; i < guesses.length; i += 2) {
        const line = element(table, "tr", i ? "" : "gl-true");
        for (const text of [i / 2 + 1, data.Words[guesses[i]], guesses[i + 1]]) element(line, "td", "", text);
      }
      const box = cells[k].getBoundingClientRect(), from = root.getBoundingClientRect();
      tip.style.left = Math.max(0, Math.min(box.left - from.left, root.clientWidth - tip.offsetWidth)) + "px";
      tip.style.top = box.bottom - from.top + 4 + "px";
    }

    function hold(k) {
      if (held !== null) cells[held].classList.remove("gl-held");
      held = held === k ? null : k;
      if (held !== null) cells[held].classList.add("gl-held");
      show(held);
    }

    function focus(from, to) {
      cells[from].tabIndex = -1;
      cells[to].tabIndex = 0;
      cells[to].focus();
    }

    function key(k, e) {
      const column = k % width;
      const next = { ArrowRight: column < width - 1 ? k + 1 : -1, ArrowLeft: column ? k - 1 : -1, ArrowDown: k + width, ArrowUp: k - width }[e.key];
      if (next !== undefined) cells[next] && focus(k, next);
      else if (e.key === "Enter" || e.key === " ") hold(k);
      else if (e.key === "Escape") {
        if (held !== null) hold(held);
        show(null);
      } else return;
      e.preventDefault();
      e.stopPropagation(); // JupyterLab would move to another cell
    }

    cells.forEach((cell, k) => {
      cell.removeAttribute("title"); // the tip replaces the browser's own
      cell.tabIndex = k ? -1 : 0;
      cell.dataset.at = k;
    });
    const body = root.querySelector("tbody");
    const on = (event, f) => body.addEventListener(event, (e) => {
      const cell = e.target.closest("td");
      if (cell) f(Number(cell.dataset.at), e);
    });
    on("pointerover", (k) => held === null && show(k));
    on("pointerout", () => held === null && show(null));
    on("click", hold);
    on("focusin", (k) => held === null && show(k));
    on("focusout", () => held === null && show(null));
    on("keydown", key);
  }

  document.querySelectorAll(".gl-lens:not([data-live])").forEach(start);
})();
