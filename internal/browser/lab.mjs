// Works in JupyterLab as a person does: opens a new notebook, types cells, reads what stands below
// them, presses the buttons. Usage:
//
// All cells must be in the page, those out of view too: the lab's windowingMode is none.
//
//	node lab.mjs '{"chromium": …, "lab": "http://127.0.0.1:…", "token": …, "kernel": "Go (gonb)", "shots": DIR,
//	  "gopherlens": PATH, "steps": [{"do": "run", "name": …, "code": …, "says": […], "lacks": […], "seconds": 9}, …]}'
//
// The actions below say what a step may do. It prints a line for each step with its time, below it
// what was wrong, and ends with 1 if anything was.
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

const job = JSON.parse(process.argv[2]);
const faults = [];
const limit = 8 * 60_000; // of the whole
let step, number = 0, worker = null, last = 0, working = 0;
const fault = (text) => faults.push(`${step.name}: ${text}`);
const expect = (ok, text) => ok || fault(text);
const started = Date.now();

const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox"] });
const page = await (await browser.newContext({ viewport: { width: 1200, height: 1000 } })).newPage();
page.setDefaultTimeout(30_000);
page.on("pageerror", (e) => fault(`exception: ${e}`));

const cellAt = (i) => page.locator(".jp-Notebook .jp-CodeCell").nth(i);
const button = (command) => page.locator(`.jp-NotebookPanel-toolbar [data-command="${command}"]`).first();

const actions = { open, run, begin, interrupt, restart, command, remember, sameWorker, newWorker, workerEnds };

// open makes a new notebook, by the launcher's card of the kernel.
async function open() {
  await page.goto(`${job.lab}/lab?token=${encodeURIComponent(job.token)}`);
  await page.locator(`.jp-LauncherCard[data-category="Notebook"][title="${job.kernel}"]`).click();
  await cellAt(0).waitFor();
  await settle();
}

// settle waits until the lab has had one kernel for three seconds, connected and idle: after a
// rebuild it may replace the first one, and what was typed until then is lost. The server is asked,
// since the page may not know a kernel's state until it has asked it for something.
async function settle() {
  let seen = null;
  for (let same = 0, looks = 0; same < 6; looks++) {
    if (looks === 120) throw new Error("the lab has no kernel that stays the same, connected and idle");
    await page.waitForTimeout(500);
    const ids = (await kernels()).map((k) => `${k.id} ${k.execution_state} ${k.connections}`).join();
    same = ids === seen && /^[^,]+ idle [1-9]$/.test(ids) ? same + 1 : 0;
    seen = ids;
  }
}

// kernels are those that the lab's server has.
async function kernels() {
  return (await api("kernels")).json();
}

async function api(path, method = "GET") {
  return fetch(`${job.lab}/api/${path}`, { method, headers: { Authorization: `token ${job.token}` } });
}

// idle waits until the kernel does nothing.
async function idle() {
  await page.locator('.jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor();
}

// type puts the code into the last cell, which is empty, key by key where the step says so, and
// starts it, whereupon there is a new last one.
async function type() {
  await cellAt(last).locator(".cm-content").click();
  if (step.keys) await page.keyboard.type(step.code);
  else await page.keyboard.insertText(step.code);
  await page.keyboard.press("Shift+Enter");
  await page.mouse.move(5, 5); // what lies below the pointer unfolds
  return last++;
}

// run types a cell, runs it, and holds what stands below it against the step.
async function run() {
  await finished(await type());
}

// finished waits for the cell's end and reads it.
async function finished(at) {
  const cell = cellAt(at);
  await cell.locator(".jp-InputPrompt", { hasText: /\[\d+\]/ }).waitFor({ timeout: step.must ? 180_000 : 90_000 }); // the first may have to compile all
  await idle();
  const said = await cell.locator(".jp-Cell-outputArea").innerText().catch(() => "");
  for (const text of step.says || []) expect(said.includes(text), `does not say ${JSON.stringify(text)} but\n${said}`);
  for (const text of step.lacks || []) expect(!said.includes(text), `says ${JSON.stringify(text)}:\n${said}`);
  const images = await cell.locator(".jp-OutputArea-output img, .jp-OutputArea-output svg").count();
  if (step.picture) expect(images > 0, "draws nothing");
  if (job.shots) await cell.screenshot({ path: `${job.shots}/${String(number).padStart(2, "0")}-${step.name.replaceAll(/\W+/g, "-")}.png`, timeout: 5_000 }).catch(() => {});
}

// begin starts a cell and leaves it when it has written what the step says.
async function begin() {
  working = await type();
  for (const text of step.awaits) await cellAt(working).locator(".jp-OutputArea-output", { hasText: text }).first().waitFor();
}

// interrupt presses the stop button on the cell that was begun.
async function interrupt() {
  await button("notebook:interrupt-kernel").click();
  await finished(working);
}

async function restart() {
  await button("notebook:restart-kernel").click();
  await page.locator(".jp-Dialog button.jp-mod-accept").click();
  await settle();
}

// command runs a program beside the notebook.
async function command() {
  execFileSync(step.command[0], step.command.slice(1), { encoding: "utf8", stdio: "pipe" });
}

// workerOfNotebook is the worker of the one notebook of this lab, as the command lists it.
function workerOfNotebook() {
  const all = JSON.parse(execFileSync(job.gopherlens, ["resident", "list", "--json"], { encoding: "utf8" }));
  return all.find((w) => w.notebook?.startsWith(job.folder + "/"));
}

async function remember() {
  worker = workerOfNotebook();
  expect(worker, "no worker of the notebook is listed");
  expect(worker?.state?.Bytes > 100e6 || worker?.state?.bytes > 100e6, `the worker holds no model: ${JSON.stringify(worker?.state)}`);
}

async function sameWorker() {
  const now = workerOfNotebook();
  expect(now && now.process === worker?.process, `the worker is ${now?.process}, and was ${worker?.process}`);
}

async function newWorker() {
  const now = workerOfNotebook();
  expect(now && now.process !== worker?.process, `the worker is ${now?.process}, as before`);
  worker = now;
}

// workerEnds shuts the kernel down and awaits the worker's end.
async function workerEnds() {
  for (const k of await kernels()) await api(`kernels/${k.id}`, "DELETE");
  for (let i = 0; i < 100 && workerOfNotebook(); i++) await new Promise((done) => setTimeout(done, 100));
  expect(!workerOfNotebook(), "the worker is there ten seconds after its kernel");
}

for (step of job.steps) {
  number++;
  const begun = Date.now(), before = faults.length;
  await actions[step.do]().catch((e) => fault(String(e)));
  const seconds = (Date.now() - begun) / 1000;
  if (step.seconds) expect(seconds <= step.seconds, `took ${seconds.toFixed(1)} s, longer than ${step.seconds} s`);
  console.log(`${seconds.toFixed(1).padStart(6)} s  ${step.do} ${step.name}`);
  for (const line of faults.slice(before)) console.log(`  FAULT ${line}`);
  if (faults.length > before && job.shots) await page.screenshot({ path: `${job.shots}/fault-${number}.png` });
  if (faults.length > before && step.must) break;
  if (Date.now() - started > limit) {
    fault("all steps together take too long");
    break;
  }
}
console.log(`${((Date.now() - started) / 1000).toFixed(0)} s in all, ${faults.length} faults`);
await browser.close();
process.exit(faults.length ? 1 : 0);
