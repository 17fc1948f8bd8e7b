// Shows the texts of one series at a time, chosen by layer and name, and answers the pointer and the
// keyboard. What stands there before is the first texts of each series, see activations_html.go.
(() => {
  "use strict";

  function element(parent, tag, className, text) {
    const e = parent.appendChild(document.createElement(tag));
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }

  // picker is a labelled list of names; chosen gets the number of the one that is picked.
  function picker(parent, label, names, chosen) {
    const box = element(parent, "label", "", label + " ");
    const select = element(box, "select");
    names.forEach((name, i) => (element(select, "option", "", name).value = i));
    select.addEventListener("change", () => chosen(select.selectedIndex));
    select.addEventListener("keydown", (e) => e.stopPropagation()); // JupyterLab would move to another cell
    return select;
  }

  function start(root) {
    const source = root.querySelector("script[type='application/json']");
    if (!source) return; // left by a notebook that was not trusted
    root.dataset.live = "yes";
    const data = JSON.parse(source.textContent);
    const breaks = new Set(data.Breaks || []);
    const layers = [...new Set(data.Series.map((s) => s.Layer))];
    const shown = root.querySelector(".gl-shown");
    const bar = document.createElement("div");
    bar.className = "gl-pickers";
    shown.before(bar);
    const tip = element(root, "div", "gl-tip");
    tip.setAttribute("role", "status");
    tip.hidden = true;
    let series = data.Series[0];
    let spans = []; // of the tokens that are shown
    let held = null; // the token whose tip a click has pinned
    let names = null; // the picker of the layer's series

    function paint(span, shade) {
      const [fill, ink] = data.Palettes[series.Palette][shade];
      span.style.backgroundColor = fill;
      span.style.color = ink;
    }

    function legend(parent) {
      const line = element(parent, "div", "gl-legend", series.Low + " ");
      for (let i = 0; i <= 10; i++) {
        const cell = element(line, "span", "gl-cell");
        paint(cell, Math.round((i * (data.Palettes[series.Palette].length - 4)) / 10)); // the last three are no numbers
      }
      line.append(" " + series.High + (data.Unit ? " " + data.Unit : ""));
    }

    function strongest(parent, heading, tokens) {
      if (!tokens.length) return;
      const line = element(parent, "div", "gl-strongest", heading + " ");
      for (const [word, shade, value] of tokens) {
        const span = element(line, "span", "gl-word", data.Words[word]);
        paint(span, shade);
        line.append(" " + value + "  ");
      }
    }

    function text(parent, t, place) {
      if (t.Label) element(parent, "div", "gl-label", t.Label);
      const line = element(parent, "div", "gl-text");
      line.dir = "ltr";
      t.Words.forEach((word, k) => {
        const span = element(line, "span", "", data.Words[word]);
        paint(span, t.Shades[k]);
        span.tabIndex = spans.length ? -1 : 0;
        span.dataset.at = spans.length;
        spans.push({ span, lines: [k + ": " + data.Words[word], t.Values[k] + (data.Unit ? " " + data.Unit : ""), t.Label] });
        if (t.Apart && !breaks.has(word)) line.append(" ");
        else element(line, breaks.has(word) ? "br" : "wbr");
      });
    }

    function draw(chosen) {
      series = chosen;
      spans = [];
      held = null;
      tip.hidden = true;
      const fresh = document.createDocumentFragment();
      legend(fresh);
      strongest(fresh, "strongest:", series.Most);
      strongest(fresh, "most negative:", series.Least);
      for (const t of series.Texts) text(fresh, t);
      shown.replaceChildren(fresh);
    }

    function show(at) {
      tip.replaceChildren();
      tip.hidden = at === null;
      if (at === null) return;
      const { span, lines } = spans[at];
      for (const line of lines) if (line) element(tip, "div", "", line).dir = "auto";
      const box = span.getBoundingClientRect(), from = root.getBoundingClientRect();
      tip.style.left = Math.max(0, Math.min(box.left - from.left, root.clientWidth - tip.offsetWidth)) + "px";
      tip.style.top = box.bottom - from.top + 4 + "px";
    }

    function hold(at) {
      if (held !== null) spans[held].span.classList.remove("gl-held");
      held = held === at ? null : at;
      if (held !== null) spans[held].span.classList.add("gl-held");
      show(held);
    }

    // on calls f with the number of the token that an event is about.
    function on(event, f) {
      shown.addEventListener(event, (e) => e.target.dataset.at !== undefined && f(Number(e.target.dataset.at), e));
    }

    function focus(from, to) {
      spans[from].span.tabIndex = -1;
      spans[to].span.tabIndex = 0;
      spans[to].span.focus();
    }

    function key(at, e) {
      const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: spans.length - 1 }[e.key];
      if (spans[next]) focus(at, next);
      else if (e.key === "Enter" || e.key === " ") hold(at);
      else if (e.key === "Escape") {
        if (held !== null) hold(held);
        show(null);
      } else return;
      e.preventDefault();
      e.stopPropagation();
    }

    on("pointerover", (at) => held === null && show(at));
    on("pointerout", () => held === null && show(null));
    on("click", hold);
    on("focusin", (at) => held === null && show(at));
    on("focusout", () => held === null && show(null));
    on("keydown", key);

    function chooseLayer(i) {
      const own = data.Series.filter((s) => s.Layer === layers[i]);
      const before = names && names.selectedOptions[0].textContent;
      if (names) names.parentElement.remove();
      names = picker(bar, "series", own.map((s) => s.Name), (j) => draw(own[j]));
      const same = own.findIndex((s) => s.Name === before); // the same neuron's number in another layer
      names.selectedIndex = Math.max(0, same);
      draw(own[names.selectedIndex]);
    }

    if (layers.length > 1 || layers[0]) picker(bar, "layer", layers, chooseLayer);
    chooseLayer(0);
    if (data.Series.length === 1) bar.hidden = true;
  }

  document.querySelectorAll(".gl-activations:not([data-live])").forEach(start);
})();
