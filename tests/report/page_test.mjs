// The report's page in a headless Chromium: it draws, it answers, and hostile names stay names.
//   node page_test.mjs MOTLEY SAMPLE CHROMIUM FOLDER
// Exits with 77 where there is no Chromium, or no page. Screenshots stay in FOLDER.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";
import { look } from "./picture.mjs";

const [motley, sample, chromium, folder] = process.argv.slice(2);

function program(path, ...parameters) {
  const { status, stdout, stderr, error } = spawnSync(path, parameters, { encoding: "utf8" });
  if (stderr?.includes("built without the report's page")) skip(stderr.trim());
  assert.equal(status, 0, `${path} ${parameters.join(" ")}: ${error ?? ""}${stdout}${stderr}`);
  return stdout;
}

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

function findChromium() {
  try {
    accessSync(chromium, constants.X_OK);
  } catch {
    skip(`there is no Chromium (${chromium}); tools/setup.sh installs it`);
  }
}

const file = (name) => join(folder, name);
const split = ["--devices", "cpu,reference", "--pin", "far*=reference", "--runs", "3"];

// One with everything, one of a journal alone, one of a large network.
function writeReports() {
  program(sample, folder);
  program(motley, "report", file("table.json"), file("journal"), "--compare", file("before.json"), "--model", file("net.motley"), ...split, "-o", file("report.html"));
  program(motley, "report", file("journal"), "-o", file("journal.html"));
  program(motley, "report", file("table.json"), "--model", file("large.motley"), ...split, "-o", file("large.html"));
}

async function checkBoxes(browser, atLeast) {
  const boxes = await browser.evaluate(`[...document.querySelectorAll(".node")].map((n) => { const t = n.transform.baseVal[0].matrix, r = n.querySelector("rect");
    return { x: t.e, y: t.f, w: r.width.baseVal.value / 2, h: r.height.baseVal.value / 2 }; })`);
  assert.ok(boxes.length >= atLeast, `${boxes.length} nodes`);
  for (let a = 0; a < boxes.length; ++a)
    for (let b = a + 1; b < boxes.length; ++b)
      assert.ok(Math.abs(boxes[a].x - boxes[b].x) >= boxes[a].w + boxes[b].w - 1 || Math.abs(boxes[a].y - boxes[b].y) >= boxes[a].h + boxes[b].h - 1, `nodes ${a} and ${b}`);
}

const browserTests = {
  async "every section is drawn"(browser) {
    const ids = await browser.evaluate(`[...document.querySelectorAll("main > section")].map((s) => s.id)`);
    assert.deepEqual(ids, ["summary", "graph", "timeline", "accuracy", "races", "problems", "failures", "comparison"]);
    assert.equal(await browser.evaluate(`document.querySelectorAll("nav a").length`), ids.length);
    assert.equal(await browser.evaluate(`document.querySelector("main").textContent.includes("could not be drawn")`), false);
    assert.ok(await browser.evaluate(`document.querySelectorAll(".plot svg").length`) >= 7, "charts");
  },

  async "hostile names are text"(browser) {
    assert.ok(await browser.evaluate(`document.querySelector("main").textContent.includes("onerror=alert(1)")`), "the names are shown");
    assert.equal(await browser.evaluate(`document.querySelectorAll("img, iframe, object, embed, link, [onerror], [onload]").length`), 0);
    assert.equal(await browser.evaluate(`document.querySelectorAll("script").length`), 2);
  },

  async "nodes do not lie upon each other"(browser) {
    await checkBoxes(browser, 300);
    assert.ok(await browser.evaluate(`document.querySelectorAll(".node.critical").length`) > 50);
  },

  async "a click on a node shows its details"(browser) {
    await browser.click(".node:not(.port).critical");
    const details = await browser.evaluate(`document.querySelector(".details").textContent`);
    const name = await browser.evaluate(`document.querySelector(".node.selected").getAttribute("aria-label").split(",")[0]`);
    assert.ok(details.includes(name) && details.includes("1×16×32×32") && details.includes("Why here"), details);
  },

  async "arrow keys and Enter go through the graph"(browser) {
    const before = await browser.evaluate(`(document.querySelector(".node.selected").focus(), document.activeElement.getAttribute("aria-label"))`);
    await browser.press("ArrowDown");
    const after = await browser.evaluate(`document.activeElement.getAttribute("aria-label")`);
    assert.notEqual(after, before);
    await browser.press("Enter");
    assert.equal(await browser.evaluate(`document.querySelector(".node.selected").getAttribute("aria-label")`), after);
  },

  async "buttons zoom the graph and the timeline"(browser) {
    const transform = `document.querySelector(".canvas svg > g").getAttribute("transform")`;
    const before = await browser.evaluate(transform);
    await browser.click("#graph button[aria-label='Zoom in']");
    assert.notEqual(await browser.evaluate(transform), before);
    const axis = `document.querySelector(".timeline svg:last-of-type [aria-label^='x-axis tick label']").textContent`;
    const whole = await browser.evaluate(axis);
    await browser.click("#timeline button[aria-label='Zoom in']");
    assert.notEqual(await browser.evaluate(axis), whole);
  },

  async "tables sort"(browser) {
    const column = (index) => browser.evaluate(`[...document.querySelectorAll("#comparison tbody tr")].map((r) => r.cells[${index}].textContent)`);
    const click = (index) => browser.click(`#comparison thead th:nth-child(${index + 1}) button`);
    const numbers = (texts) => texts.map(parseFloat).filter((n) => !Number.isNaN(n));
    await click(4);
    const down = await column(4), sorted = numbers(down);
    assert.ok(sorted.length >= 10, down.join());
    assert.deepEqual(sorted, [...sorted].sort((a, b) => b - a));
    assert.equal(await browser.evaluate(`document.querySelectorAll("#comparison th")[4].getAttribute("aria-sort")`), "descending");
    await click(4);
    assert.deepEqual(numbers(await column(4)), [...sorted].sort((a, b) => a - b));
    assert.equal((await column(4)).at(-1), "–", "unknown values come last");
  },

  async "filters and search leave what fits"(browser) {
    const type = (selector, text) => browser.evaluate(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.value = ${JSON.stringify(text)};
      e.dispatchEvent(new Event("input", { bubbles: true })); })()`);
    const rows = `document.querySelectorAll("#failures tbody tr").length`;
    const all = await browser.evaluate(rows);
    assert.equal(all, 11, "five of each problem, and the one that was left out");
    await type("#failures input[type=search]", "crashed");
    assert.equal(await browser.evaluate(rows), 2);
    await type("#failures input[type=search]", "");
    await type("#search", "far7_abs");
    assert.equal(await browser.evaluate(rows), 0);
    assert.equal(await browser.evaluate(`document.querySelectorAll(".node:not(.dim)").length`), 1);
    await type("#search", "");
    assert.equal(await browser.evaluate(rows), all);
  },

  async "a problem opens"(browser) {
    const name = await browser.evaluate(`document.querySelector("#problems tbody tr:last-child button").textContent`);
    await browser.click("#problems tbody tr:last-child button");
    assert.equal(await browser.evaluate(`document.querySelector("#problem h3").textContent`), name);
  },

  async "light and dark are both drawn"(browser) {
    const seen = {};
    for (const scheme of ["light", "dark"]) {
      await browser.scheme(scheme);
      for (const section of ["summary", "graph", "accuracy"]) {
        await browser.evaluate(`document.getElementById("${section}").scrollIntoView()`);
        const png = await browser.screenshot();
        writeFileSync(join(folder, `${scheme}_${section}.png`), png);
        seen[scheme] = look(png);
        assert.ok(seen[scheme].colours > 20 && seen[scheme].drawn > 0.02, `${scheme} ${section}: ${JSON.stringify(seen[scheme])}`);
      }
    }
    assert.ok(seen.light.brightness > 0.8 && seen.dark.brightness < 0.3, JSON.stringify(seen));
  },

  async "the switch overrules the system's theme"(browser) {
    await browser.scheme("dark");
    const bright = async () => look(await browser.screenshot()).brightness;
    await browser.click("#theme");
    assert.ok(await bright() > 0.8, "light");
    await browser.scheme("light");
    await browser.click("#theme");
    assert.ok(await bright() < 0.3, "dark");
    await browser.click("#theme");
    assert.ok(await bright() > 0.8, "as the system");
  },

  async "it prints"(browser) {
    const { data } = await browser.send("Page.printToPDF", { printBackground: true });
    const pdf = Buffer.from(data, "base64");
    assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
    assert.ok(pdf.length > 50000, `${pdf.length} bytes`);
  },

  async "nothing was reported to the console, and nothing was asked of a network"(browser) {
    assert.deepEqual(browser.problems, []);
  },
};

// On their own pages.
const otherTests = {
  async "a journal alone shows the placement that it tells of"(browser) {
    await browser.open(pathToFileURL(file("journal.html")).href);
    await checkBoxes(browser, 4);
    assert.deepEqual(await browser.evaluate(`[...document.querySelectorAll("main > section")].map((s) => s.id)`), ["summary", "graph", "accuracy", "races", "problems", "failures"]);
    assert.equal(await browser.evaluate(`document.querySelectorAll(".node.critical").length`), 3);
    assert.deepEqual(browser.problems, []);
  },

  async "a large network is drawn"(browser) {
    const begin = Date.now();
    await browser.open(pathToFileURL(file("large.html")).href);
    const nodes = await browser.evaluate(`document.querySelectorAll(".node").length`);
    console.log(`        ${nodes} nodes after ${Date.now() - begin} ms`);
    await checkBoxes(browser, 1000);
    assert.deepEqual(browser.problems, []);
  },
};

async function runTests(tests, browser) {
  let failures = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test(browser);
      console.log(`ok      ${name}`);
    } catch (error) {
      ++failures;
      console.log(`FAILED  ${name}\n        ${error.message}`);
    }
  }
  return failures;
}

function checkText() {
  const text = readFileSync(file("report.html"), "utf8");
  assert.equal(text.split("</script>").length, 3, "the facts end no element");
  assert.ok(!/(src|href)="https?:/.test(text), "nothing is loaded from elsewhere");
}

findChromium();
writeReports();
checkText();
const browser = new Browser(chromium);
let failures = 1;
try {
  await browser.open(pathToFileURL(file("report.html")).href);
  await browser.size(1360, 900);
  await browser.scheme("light");
  failures = await runTests(browserTests, browser);
  browser.problems.length = 0;
  failures += await runTests(otherTests, browser);
} finally {
  await browser.close();
}
process.exit(failures ? 1 : 0);
