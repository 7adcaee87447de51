// Bundles the report's page: node build.mjs PACKAGES OUTPUT
//
// PACKAGES is the folder in which `npm ci` ran. The result is one HTML file: styles and script inline, the licences of
// the packages in it, and a content security policy that allows that script and nothing from a network.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, output] = process.argv.slice(2);
if (!output) throw new Error("usage: node build.mjs PACKAGES OUTPUT");
const here = dirname(fileURLToPath(import.meta.url));
const packages = resolve(folder), modules = join(packages, "node_modules");
const esbuild = createRequire(join(packages, "package.json"))("esbuild");

const permissive = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Unlicense", "0BSD"]);

// The package that a bundled file belongs to.
function packageOf(file) {
  const at = file.lastIndexOf("node_modules/");
  if (at < 0) return null;
  const [first, second] = file.slice(at + "node_modules/".length).split("/");
  return file.slice(0, at) + "node_modules/" + (first.startsWith("@") ? `${first}/${second}` : first);
}

function licencesOf(metafile) {
  const used = new Set();
  for (const { inputs } of Object.values(metafile.outputs))
    for (const [file, { bytesInOutput }] of Object.entries(inputs))
      if (bytesInOutput > 0 && packageOf(file)) used.add(packageOf(file));
  return [...used].sort().map((relative) => {
    const folder = resolve(packages, relative);
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    if (!permissive.has(license)) throw new Error(`${name} has the licence "${license}", which is not on the list`);
    const file = readdirSync(folder).find((entry) => /^(un)?licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : `Licence: ${license}`;
    return `${name} ${version} (${license})\n\n${text}\n`;
  }).join("\n" + "-".repeat(78) + "\n\n");
}

const escapeHtml = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const bundle = await esbuild.build({
  entryPoints: [join(here, "src", "main.js")],
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2020"],
  charset: "ascii",
  legalComments: "none",  // the licences are in the page, whole
  nodePaths: [modules],
  metafile: true,
  write: false,
  absWorkingDir: packages,
  logLevel: "warning",
});
const style = await esbuild.build({
  entryPoints: [join(here, "src", "style.css")], minify: true, write: false, logLevel: "warning",
});

const script = bundle.outputFiles[0].text.trim();
if (/<\/script|<!--/i.test(script)) throw new Error("the script has text that would end its element");
const policy = [
  "default-src 'none'",
  `script-src 'sha256-${createHash("sha256").update(script).digest("base64")}'`,
  "style-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const parts = { POLICY: policy, STYLE: style.outputFiles[0].text.trim(), LICENCES: escapeHtml(licencesOf(bundle.metafile)), SCRIPT: script };
const page = readFileSync(join(here, "src", "index.html"), "utf8")
  .replace(/@(POLICY|STYLE|LICENCES|SCRIPT)@/g, (_, part) => parts[part]);
if (page.split("@MOTLEY_FACTS@").length !== 2) throw new Error("the page has not exactly one place for facts");
writeFileSync(output + ".new", page);
renameSync(output + ".new", output);
