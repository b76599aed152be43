// Bundles from one source: for every explorable a classic script for pages (a module does not load from
// file://) and an ES module for anywidget, and one style sheet for all. Each begins with the hash of its
// sources. `node build.mjs [kind ...]`: all of them, if none is named.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../../..");
const out = join(here, "../static");

const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
const kinds = folders.filter((name) => existsSync(join(here, name, "index.js"))).sort();
const files = (folder, suffix) =>
  readdirSync(join(here, folder)).filter((name) => name.endsWith(suffix)).sort()
    .map((name) => `lib/unrolled/explorables/js/${folder}/${name}`);

function banner(sources) {
  const hash = createHash("sha256");
  for (const path of [...sources, "lib/unrolled/palette.json", "package-lock.json"]) {
    hash.update(`${path}\0`).update(readFileSync(join(root, path))).update("\0");
  }
  return `/* Built by "npm run build"; sources sha256:${hash.digest("hex")} */`;
}

async function bundle(text, first, outfile, options) {
  const result = await build({
    stdin: { contents: text, resolveDir: here, loader: options.loader ?? "js" },
    bundle: true, minify: true, target: "es2020", charset: "utf8", legalComments: "none",
    absWorkingDir: root, write: false, outfile: join(out, outfile), ...options.build,
  });
  writeFileSync(join(out, outfile), `${first}\n${result.outputFiles[0].text}`);
}

const named = process.argv.slice(2);
for (const name of named) if (!kinds.includes(name)) throw new Error(`no explorable ${name}: expected one of ${kinds.join(", ")}`);
for (const kind of named.length ? named : kinds) {
  const first = banner([...files("kit", ".js"), ...files("math", ".js"), ...files(kind, ".js")]);
  await bundle(
    `import * as explorable from "./${kind}/index.js"; import { register } from "./kit/page.js"; register(explorable);`,
    first, `${kind}.js`, { build: { format: "iife" } },
  );
  await bundle(
    `import { render } from "./${kind}/index.js"; export default { render };`, first, `${kind}.mjs`, { build: { format: "esm" } },
  );
}

const palette = JSON.parse(readFileSync(join(root, "lib/unrolled/palette.json"), "utf8"));
const variables = (theme) =>
  Object.entries(palette).map(([key, entry]) => `--u-${key.replaceAll("_", "-")}: ${entry[theme]};`).join(" ");
const sheets = [...files("kit", ".css"), ...kinds.flatMap((kind) => files(kind, ".css"))];
const css = sheets.map((path) => readFileSync(join(root, path), "utf8")).join("\n")
  .replaceAll("--palette: light;", variables("light"))
  .replaceAll("--palette: dark;", variables("dark"));
await bundle(css, banner(sheets), "unrolled-explorables.css", { loader: "css", build: {} });
