// Opens executed notebooks in JupyterLab in Chromium, cut off from the network,
// and checks that every figure is drawn and answers. Usage:
//
//	node figures.mjs '{"chromium": …, "lab": "http://127.0.0.1:…", "shots": DIR,
//	  "notebooks": [{"path": …, "trusted": bool, "dark": bool}], "pages": ["file://…"]}'
//
// It prints one line per fault and ends with 1 if there were any.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const job = JSON.parse(process.argv[2]);
const faults = [];
let where = "";
const fault = (text) => faults.push(`${where}: ${text}`);
const expect = (ok, text) => ok || fault(text);

const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox"] });

// open gives a page that reports all that should not happen on it.
async function open(url) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 1000 } });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  // Of warnings only Vega's own matter: JupyterLab has some about kernels and saving.
  page.on("console", (m) => (m.type() === "error" || m.text().startsWith("WARN")) && fault(`console: ${m.text()}`));
  page.on("pageerror", (e) => fault(`exception: ${e}`));
  page.on("dialog", (d) => {
    fault(`a label ran as a script: ${d.message()}`);
    d.dismiss();
  });
  await page.route("**/*", (route) => {
    const target = route.request().url();
    if (/^(data|blob|file):/.test(target) || target.startsWith(job.lab)) return route.continue();
    fault(`asked the network for ${target}`);
    return route.abort();
  });
  await page.goto(url);
  return page;
}

// center of an element in the window, after scrolling to it.
async function center(locator, fx = 0.5, fy = 0.5) {
  await locator.scrollIntoViewIfNeeded();
  const box = await locator.boundingBox();
  return [box.x + box.width * fx, box.y + box.height * fy];
}

async function openNotebook(notebook) {
  const page = await open(`${job.lab}/doc/tree/${notebook.path}`); // alone: the full lab restores earlier tabs
  await page.waitForSelector(".jp-Notebook .jp-Cell", { timeout: 60_000 });
  return page;
}

// dismiss closes the question for a kernel, which comes at any time where the
// notebook's own is not installed, and lies over everything.
async function dismiss(page) {
  const answer = page.locator(".jp-Dialog button", { hasText: /No Kernel|Select/ });
  if (await answer.count()) await answer.first().click().catch(() => {});
}

// The kinds of figure, by what JupyterLab makes of them.
const kinds = [
  [".jp-RenderedVegaCommon5", checkChart],
  [".gl-attention", checkAttention],
  [".gl-tokens", checkTokens],
  [".gl-activations", checkActivations],
  [".gl-lens", checkLens],
  [".gl-table", checkTable],
  [".gl-feature", checkFeature],
  [".gl-attribution", checkAttribution],
  [".gl-circuit", checkCircuit],
];

async function checkNotebook(notebook) {
  const page = await openNotebook(notebook);
  const cells = page.locator(".jp-Notebook .jp-CodeCell");
  await page.waitForTimeout(3_000); // for the kernel's question
  await cells.first().waitFor({ state: "attached", timeout: 60_000 }); // a slow machine draws the text first
  let figures = 0;
  const bare = []; // cells without a figure
  for (let i = 0; i < (await cells.count()); i++) {
    const cell = cells.nth(i);
    await cell.scrollIntoViewIfNeeded();
    await page.waitForTimeout(200); // JupyterLab draws a cell when it comes into view
    await cell.locator(".jp-OutputArea-output").first().waitFor({ state: "attached", timeout: 2_000 }).catch(() => {});
    await dismiss(page);
    const before = figures;
    for (const [selector, check] of kinds) {
      for (const figure of await cell.locator(selector).all()) {
        where = `${notebook.path}, cell ${i}, ${selector}`;
        figures++;
        await check(page, figure, notebook);
      }
    }
    if (figures === before) bare.push(i);
    if (job.shots) await cell.screenshot({ path: `${job.shots}/${notebook.path}.${i}.png` });
  }
  where = notebook.path;
  expect(figures >= notebook.figures, `${figures} figures were found, ${notebook.figures} expected; none in cells ${bare}`);
  await page.context().close();
}

async function checkChart(page, figure) {
  const drawing = figure.locator("svg.marks, canvas.marks").first();
  await drawing.waitFor({ timeout: 10_000 }).catch(() => fault("Vega drew nothing"));
  const box = await drawing.boundingBox();
  expect(box && box.width > 60 && box.height > 40, "the drawing has no size");
  const marks = figure.locator("svg.marks .mark-symbol path, svg.marks .mark-rect path");
  if (await marks.count()) await checkChartTip(page, marks);
  const slider = figure.locator("input[type=range]");
  if (await slider.count()) await checkSlider(figure, slider);
  if (await figure.locator("svg.marks .role-axis-label").count()) await checkZoom(page, figure, drawing);
}

// checkZoom: the wheel with the control key zooms, dragging moves, a double click restores; the
// inputs of a large heat map do it by the keyboard. Charts that do not zoom stay as they are.
async function checkZoom(page, figure, drawing) {
  const axes = async () => (await drawing.locator(".role-axis-label").allTextContents()).map((text) => [...text].sort().join("")).join(" ");
  const at = await center(drawing, 0.4, 0.5), before = await axes();
  await page.mouse.move(...at);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -600);
  await page.keyboard.up("Control");
  await page.waitForTimeout(200);
  const zoomed = await axes();
  if (zoomed === before) return;
  await page.mouse.down();
  await page.mouse.move(at[0] + 120, at[1] + 60, { steps: 3 });
  await page.mouse.up();
  await page.waitForTimeout(200);
  expect((await axes()) !== zoomed, "dragging does not move the chart");
  await page.mouse.dblclick(...at);
  await page.waitForTimeout(200);
  expect((await axes()) === before, "a double click does not restore the chart");
  const rows = figure.locator("input[name=rows]");
  if (!(await rows.count())) return;
  await rows.fill("3-7");
  await page.waitForTimeout(200);
  expect((await axes()) !== before, "the input for rows changes nothing");
  await rows.fill("");
  await rows.press("Enter");
}

// checkChartTip rests the pointer on marks until one of them answers.
async function checkChartTip(page, marks) {
  const sized = await marks.evaluateAll((all) => all.flatMap((m, i) => (m.getBoundingClientRect().width > 1 ? [i] : [])));
  for (const i of [sized[0], sized[sized.length >> 1], sized.at(-1)]) {
    const [x, y] = await center(marks.nth(i));
    await page.mouse.move(x - 1, y - 1);
    await page.mouse.move(x, y);
    const tip = page.locator("#vg-tooltip-element.visible");
    if (await tip.waitFor({ timeout: 1_000 }).then(() => true, () => false)) {
      expect((await tip.innerText()).trim() !== "", "the tooltip is empty");
      await page.mouse.move(5, 5);
      return;
    }
  }
  fault("no mark has a tooltip");
}

async function checkSlider(figure, slider) {
  const title = () => figure.locator("svg.marks").textContent();
  const before = await title();
  await slider.focus();
  await slider.press("End"); // the arrow keys are JupyterLab's own
  await figure.page().waitForTimeout(300);
  expect((await title()) !== before, "the slider changes nothing");
}

// checkCircuit: the pointer on a node lists its edges, a click holds it, arrows move, Escape lets go.
async function checkCircuit(page, figure, { trusted }) {
  const picture = figure.locator("img");
  expect(await picture.evaluate((img) => img.complete && img.naturalWidth > 0), "the picture is not drawn");
  expect(Boolean(await picture.getAttribute("alt")), "the picture has no alternative text");
  if (!trusted) return;
  const node = figure.locator("g[data-node]").first(), tip = figure.locator(".gl-tip");
  await page.mouse.move(...(await center(node)));
  expect((await tip.isVisible()) && (await tip.innerText()).trim() !== "", "a node does not answer the pointer");
  const text = await tip.innerText();
  await page.mouse.click(...(await center(node)));
  await page.mouse.move(5, 5);
  expect((await tip.isVisible()) && (await tip.innerText()) === text, "a click does not hold the node");
  const drawing = figure.locator("svg");
  await drawing.focus();
  await drawing.press("ArrowUp");
  expect((await tip.innerText()) !== text, "the arrow keys do not move the node");
  await drawing.press("Escape");
  expect(await tip.isHidden(), "Escape does not let go of the node");
}

// checkUntrusted: a view whose script is taken out says what would bring it, and one whose script runs does not.
async function checkUntrusted(figure, trusted) {
  const said = await figure.locator(".gl-untrusted").isVisible();
  expect(said === !trusted, trusted ? "a trusted view says that it is not" : "a view does not say that it needs a trusted notebook");
}

async function checkAttention(page, figure, { trusted }) {
  await checkUntrusted(figure, trusted);
  const map = figure.locator(".gl-big img");
  expect(await map.evaluate((img) => img.complete && img.naturalWidth > 0), "the picture is not drawn");
  expect(Boolean(await map.getAttribute("alt")), "the picture has no alternative text");
  const spans = figure.locator(".gl-text > span");
  expect((await spans.count()) > 0, "there are no tokens");
  await checkColors(spans);
  if (!trusted) return;
  await checkCell(page, figure, map);
  await checkTokenFocus(figure, spans);
  if ((await figure.locator(".gl-heads button").count()) > 1) await checkHeads(page, figure);
}

// checkCell: hover shows a value, a click holds it, Escape lets go, arrows move.
async function checkCell(page, figure, map) {
  const tip = figure.locator(".gl-tip");
  await page.mouse.move(...(await center(map, 0.4, 0.4)));
  expect(await tip.isVisible(), "a cell does not answer the pointer");
  const text = await tip.innerText();
  await page.mouse.click(...(await center(map, 0.4, 0.4)));
  await page.mouse.move(5, 5);
  expect((await tip.isVisible()) && (await tip.innerText()) === text, "a click does not hold the cell");
  await map.focus();
  await map.press("ArrowRight");
  expect((await tip.innerText()) !== text, "the arrow keys do not move the cell");
  await map.press("Escape");
  expect(!(await tip.isVisible()), "Escape does not let the cell go");
}

async function checkTokenFocus(figure, spans) {
  const said = figure.locator(".gl-said > span"), before = await said.textContent();
  await spans.first().hover();
  const hovered = await said.textContent();
  expect(hovered !== before || (await spans.count()) === 1, "a token does not answer the pointer");
  await figure.locator(".gl-said button").click();
  expect((await said.textContent()) !== hovered, "the direction button changes nothing");
  await figure.locator(".gl-said button").click();
}

async function checkHeads(page, figure) {
  const buttons = figure.locator(".gl-heads button"), said = figure.locator(".gl-said > span");
  const first = await said.textContent();
  await page.mouse.move(...(await center(buttons.nth(1))));
  const second = await said.textContent();
  expect(second !== first, "a thumbnail does not preview its head");
  await page.mouse.move(5, 5);
  expect((await said.textContent()) === first, "the preview stays without a click");
  await buttons.nth(1).click();
  await page.mouse.move(5, 5);
  expect((await said.textContent()) === second, "a click does not hold the head");
  expect((await buttons.nth(1).getAttribute("aria-pressed")) === "true", "the held head is not said to be pressed");
}

async function checkTokens(page, figure, { trusted }) {
  const spans = figure.locator(".gl-quantity:visible .gl-text > span");
  expect((await spans.count()) > 0, "there are no tokens");
  await checkColors(spans);
  if (!trusted) return;
  const tip = figure.locator(".gl-tip");
  await spans.nth(1).hover();
  expect(await tip.isVisible(), "a token does not answer the pointer");
  await spans.nth(1).click();
  await page.mouse.move(5, 5);
  expect(await tip.isVisible(), "a click does not hold the token");
  await spans.nth(1).press("Escape");
  expect(!(await tip.isVisible()), "Escape does not let the token go");
  const buttons = figure.locator(".gl-buttons button");
  if ((await buttons.count()) > 1) {
    const before = await spans.first().getAttribute("style");
    await buttons.nth(1).click();
    expect((await buttons.nth(1).getAttribute("aria-pressed")) === "true", "the button does not switch");
    expect((await figure.locator(".gl-quantity:visible").count()) === 1 && before, "not one quantity is shown");
  }
}

async function checkActivations(page, figure, { trusted }) {
  const spans = figure.locator(".gl-text > span");
  expect((await spans.count()) > 0, "there are no tokens");
  await checkColors(spans);
  if (!trusted) return;
  const tip = figure.locator(".gl-tip");
  await spans.nth(1).hover();
  expect(await tip.isVisible(), "a token does not answer the pointer");
  await spans.nth(1).click();
  await page.mouse.move(5, 5);
  expect(await tip.isVisible(), "a click does not hold the token");
  await spans.nth(1).press("ArrowRight");
  await spans.nth(1).press("Escape");
  const pickers = figure.locator(".gl-pickers select");
  for (let i = 0; i < (await pickers.count()); i++) {
    if ((await pickers.nth(i).locator("option").count()) < 2) continue;
    const before = await figure.locator(".gl-shown").innerHTML();
    await pickers.nth(i).selectOption({ index: 1 });
    expect((await figure.locator(".gl-shown").innerHTML()) !== before, `picker ${i} changes nothing`);
    await checkColors(spans);
    await checkColors(figure.locator(".gl-word"));
  }
}

async function checkLens(page, figure, { trusted }) {
  const cells = figure.locator("tbody td[style*='background']");
  expect((await cells.count()) > 0, "the table has no cells");
  await checkColors(cells);
  if (!trusted) return;
  const tip = figure.locator(".gl-tip");
  await cells.first().hover();
  expect(await tip.isVisible(), "a cell does not answer the pointer");
  await cells.first().click();
  await page.mouse.move(5, 5);
  expect(await tip.isVisible(), "a click does not hold the cell");
  await cells.first().press("Escape");
  expect(!(await tip.isVisible()), "Escape does not let the cell go");
}

async function checkFeature(page, figure) {
  expect((await figure.locator("table tbody tr").count()) > 0, "there are no tokens that the feature raises or lowers");
  await checkColors(figure.locator("table tbody tr[style*='background']"));
  for (const img of await figure.locator(":scope > img").all())
    expect(await img.evaluate((e) => e.complete && e.naturalWidth > 0), "the histogram is not drawn");
}

// checkAttribution: a node answers the pointer, a click shows its links, a pinned one is kept.
async function checkAttribution(page, figure, { trusted }) {
  const map = figure.locator(".gl-map img");
  expect(await map.evaluate((img) => img.complete && img.naturalWidth > 0), "the picture is not drawn");
  if (!trusted) return;
  const canvas = figure.locator("canvas").last(), tip = figure.locator(".gl-map .gl-tip");
  const at = await figure.locator("script[type='application/json']").evaluate((e) => {
    const { Nodes } = JSON.parse(e.textContent), i = Nodes.Kind.lastIndexOf(Math.min(...Nodes.Kind)); // the first is in a supernode
    return { x: Nodes.X[i], y: Nodes.Y[i] };
  });
  await canvas.hover({ position: at });
  expect(await tip.isVisible(), "a node does not answer the pointer");
  await canvas.click({ position: at });
  await page.mouse.move(5, 5);
  const title = figure.locator(".gl-panel h2");
  expect((await title.count()) === 1, "a click shows nothing of the node");
  expect((await figure.locator(".gl-links button").count()) > 0, "the node has no links");
  await figure.locator(".gl-panel").getByRole("button", { name: "pin", exact: true }).click().catch(() => fault("the node cannot be pinned"));
  expect((await figure.locator(".gl-member").count()) > 0, "a pinned node is not listed");
  const before = await title.textContent();
  await canvas.press("ArrowDown");
  await canvas.press("Enter");
  expect((await title.textContent()) !== before, "the arrow keys find no other node");
  await canvas.press("Escape");
  expect((await title.count()) === 0, "Escape does not let the node go");
  const nodes = figure.locator(".gl-sliders input").first(), said = figure.locator(".gl-sliders span").first();
  const all = await said.textContent();
  await nodes.fill("0");
  expect((await said.textContent()) !== all, "the slider prunes nothing");
  await figure.getByRole("button", { name: "forget changes" }).click();
  expect((await said.textContent()) === all, "changes are not forgotten");
}

// linksOf are the graph's nodes and links as its page holds them, links with the places of their nodes.
const linksOf = (figure) => figure.locator("script[type='application/json']").evaluate((e) => {
  const { Nodes, Source, Target, Weight } = JSON.parse(e.textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const from = new Uint16Array(bytes(Source)), to = new Uint16Array(bytes(Target)), weight = new Float32Array(bytes(Weight));
  return { nodes: Nodes, links: Array.from(weight, (w, i) => ({ from: from[i], to: to[i], weight: w })) };
});

// checkGraphPage: a click lists the node's inputs and outputs, all of them; two nodes become a
// supernode, which a page opened again still has and which the exported JSON holds.
async function checkGraphPage(page) {
  const figure = page.locator(".gl-attribution"), canvas = figure.locator("canvas").last();
  const { nodes, links } = await linksOf(figure);
  const [ins, outs] = [(i) => links.filter((l) => l.to === i), (i) => links.filter((l) => l.from === i)];
  const inGroup = await figure.locator(".gl-group .gl-chip").allInnerTexts();
  const two = nodes.Id.map((_, i) => i).filter((i) => ins(i).length && outs(i).length && !inGroup.includes(nodes.Title[i])).slice(0, 2);
  expect(two.length === 2, "the sample has no two nodes with inputs and outputs");
  const click = (i) => canvas.click({ position: { x: nodes.X[i], y: nodes.Y[i] } });
  for (const i of two) {
    await click(i);
    expect((await figure.locator(".gl-panel h2").innerText()).includes(nodes.Title[i]), "a click shows another node");
    for (const [k, own, end] of [[0, ins(i), "from"], [1, outs(i), "to"]]) {
      const listed = await figure.locator(".gl-links").nth(k).locator("button bdi").allInnerTexts();
      const want = own.map((l) => nodes.Title[l[end]]);
      expect(listed.sort().join() === want.sort().join(), `lists ${listed} as ${["inputs", "outputs"][k]}, not ${want}`);
    }
    await figure.locator(".gl-panel").getByRole("button", { name: "pin", exact: true }).click();
  }
  for (const i of two) await figure.locator(".gl-member", { hasText: nodes.Title[i] }).getByRole("checkbox").check();
  await figure.locator(".gl-tools > input[placeholder='name of the supernode']").last().fill("the two");
  await figure.getByRole("button", { name: "group the ticked nodes" }).click();
  await page.reload();
  const names = await figure.locator(".gl-group > .gl-tools > input").evaluateAll((all) => all.map((e) => e.value));
  expect(names.includes("the two"), `the supernode is not kept; there are ${names}`);
  const [download] = await Promise.all([page.waitForEvent("download"), figure.getByRole("button", { name: "export JSON" }).click()]);
  const graph = JSON.parse(readFileSync(await download.path(), "utf8"));
  const group = graph.qParams.supernodes.find(([name]) => name === "the two");
  expect(group && two.every((i) => group.includes(nodes.Id[i])), `the exported supernodes are ${JSON.stringify(graph.qParams.supernodes)}`);
  expect(graph.nodes.length === nodes.Id.length && graph.links.length === links.length, "the exported graph lacks nodes or links");
  await figure.getByRole("button", { name: "forget changes" }).click();
}

async function checkTable(page, figure) {
  expect((await figure.locator("tbody tr").count()) > 0, "the table has no rows");
  await checkColors(figure.locator("tbody td[style*='background']"));
}

// checkColors: every token must be readable, 4.5:1 as WCAG 2 asks.
async function checkColors(spans) {
  const worst = await spans.evaluateAll((all) => {
    const luminance = (css) => {
      const [r, g, b] = css.match(/[\d.]+/g).map(Number).map((u) => (u / 255 <= 0.04045 ? u / 255 / 12.92 : ((u / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return Math.min(...all.map((span) => {
      const style = getComputedStyle(span), a = luminance(style.color), b = luminance(style.backgroundColor);
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }));
  });
  expect(worst >= 4.5, `a token's contrast is ${worst.toFixed(2)}`);
}

// checkPage looks at a file saved by WriteHTML.
async function checkPage(url) {
  where = url.split("/").pop();
  const page = await open(url);
  const picture = page.locator(".gl-picture svg");
  if (await picture.count()) {
    const tip = page.locator(".gl-tip");
    await picture.focus();
    await picture.press("ArrowRight");
    expect(await tip.isVisible(), "the arrow keys find no spot");
    expect((await tip.innerText()).trim() !== "", "the tip is empty");
    await checkPageZoom(page, picture);
    await picture.press("Escape");
    expect(!(await tip.isVisible()), "Escape does not hide the tip");
  }
  if (await page.locator(".gl-rows").count()) await checkFeaturePage(page);
  if (await page.locator(".gl-attribution").count()) await checkGraphPage(page);
  for (const [selector, check] of kinds.slice(1)) {
    for (const figure of await page.locator(selector).all()) await check(page, figure, { trusted: true });
  }
  if (job.shots) await page.screenshot({ path: `${job.shots}/${where}.png`, fullPage: true });
  await page.context().close();
}

// checkPageZoom: plus, the wheel and dragging change what is seen of a picture, Escape shows it all.
async function checkPageZoom(page, picture) {
  const seen = () => picture.getAttribute("viewBox");
  const whole = await seen();
  await picture.press("+");
  const near = await seen();
  expect(near !== whole, "plus does not zoom");
  await page.mouse.move(...(await center(picture)));
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -300);
  await page.keyboard.up("Control");
  const nearer = await seen();
  expect(nearer !== near, "the wheel does not zoom");
  await page.mouse.down();
  await page.mouse.move(...(await center(picture, 0.3, 0.3)), { steps: 3 });
  await page.mouse.up();
  expect((await seen()) !== nearer, "dragging does not move the picture");
  await picture.press("Escape");
  expect((await seen()) === whole, "Escape does not show the whole picture");
  await picture.press("ArrowRight");
}

// checkFeaturePage: rows are made for what is in view, found by number and word, and sorted.
async function checkFeaturePage(page) {
  const rows = page.locator(".gl-row"), title = page.locator(".gl-detail h2"), search = page.locator("input[type=search]");
  const wait = (text) => page.waitForFunction((t) => document.querySelector(".gl-detail h2")?.textContent === t, text).catch(() => fault(`${text} is not shown`));
  const made = await rows.count();
  expect(made > 5 && made < 100, `${made} rows were made`);
  await search.fill("77");
  await wait("feature 77");
  expect(page.url().endsWith("#77"), "the address does not name the feature");
  await search.fill("");
  await page.getByRole("button", { name: "density" }).click();
  await rows.first().click();
  await title.waitFor();
  const first = await title.textContent();
  await page.locator(".gl-rows").press("ArrowDown");
  await page.waitForFunction((t) => document.querySelector(".gl-detail h2").textContent !== t, first).catch(() => fault("the arrow keys find no other feature"));
  await search.fill("no such word anywhere");
  expect((await rows.count()) === 0, "a word that is nowhere finds features");
}

for (const notebook of job.notebooks) await checkNotebook(notebook).catch((e) => fault(String(e)));
for (const url of job.pages) await checkPage(url).catch((e) => fault(String(e)));
await browser.close();
for (const line of faults) console.log(line);
process.exit(faults.length ? 1 : 0);
