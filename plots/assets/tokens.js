// Makes a coloured text answer the pointer and the keyboard, and shows one
// quantity at a time. The text is already there, see tokens.go.
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
    const quantities = [...root.querySelectorAll(".gl-quantity")];
    const tip = element(root, "div", "gl-tip");
    tip.setAttribute("role", "status");
    tip.hidden = true;
    let held = null; // the token whose tip a click has pinned

    function show(span, k) {
      tip.replaceChildren();
      tip.hidden = !span;
      if (!span) return;
      const { Lines, Rows } = data.Tips[k];
      for (const line of Lines) element(tip, "div", "", line).dir = "auto";
      if (Rows && Rows.length) {
        const table = element(tip, "table");
        for (const [rank, token, percent, logProb, isTrue] of Rows) {
          const row = element(table, "tr", isTrue ? "gl-true" : "");
          for (const text of [rank, token, percent, logProb]) element(row, "td", "", text);
        }
      }
      const at = span.getBoundingClientRect(), from = root.getBoundingClientRect();
      tip.style.left = Math.max(0, Math.min(at.left - from.left, root.clientWidth - tip.offsetWidth)) + "px";
      tip.style.top = at.bottom - from.top + 4 + "px";
    }

    function hold(span, k) {
      if (held) held.classList.remove("gl-held");
      held = held === span ? null : span;
      if (held) held.classList.add("gl-held");
      show(held, k);
    }

    function serve(spans) {
      spans.forEach((span, k) => {
        span.removeAttribute("title"); // the tip replaces the browser's own
        span.tabIndex = k ? -1 : 0;
        span.addEventListener("pointerenter", () => held || show(span, k));
        span.addEventListener("pointerleave", () => held || show(null));
        span.addEventListener("click", () => hold(span, k));
        span.addEventListener("focus", () => held || show(span, k));
        span.addEventListener("blur", () => held || show(null));
        span.addEventListener("keydown", (e) => key(e, spans, span, k));
      });
    }

    function key(e, spans, span, k) {
      const next = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: spans.length - 1 }[e.key];
      if (spans[next]) {
        span.tabIndex = -1;
        spans[next].tabIndex = 0;
        spans[next].focus();
      } else if (e.key === "Enter" || e.key === " ") {
        hold(span, k);
      } else if (e.key === "Escape") {
        if (held) hold(held, k);
        show(null);
      } else {
        return;
      }
      e.preventDefault();
      e.stopPropagation(); // JupyterLab would move to another cell
    }

    function choose(buttons, i) {
      if (held) hold(held, 0);
      quantities.forEach((q, j) => (q.hidden = i !== j));
      buttons.forEach((b, j) => b.setAttribute("aria-pressed", i === j));
    }

    for (const q of quantities) {
      q.removeAttribute("title");
      serve([...q.querySelectorAll(".gl-text > span")]);
    }
    if (quantities.length > 1) {
      const bar = document.createElement("div");
      bar.className = "gl-buttons";
      quantities[0].before(bar);
      const buttons = data.Names.map((name) => element(bar, "button", "", name));
      buttons.forEach((b, i) => {
        b.type = "button";
        b.addEventListener("click", () => choose(buttons, i));
      });
      choose(buttons, 0);
    }
  }

  document.querySelectorAll(".gl-tokens:not([data-live])").forEach(start);
})();
