// Two bundles from one source: a classic script for pages (a module does not load from file://) and
// an ES module for anywidget, and one stylesheet. Each begins with the hash of its sources.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../../..");
const out = join(here, "../static/unrolled-explorables");

const sources = readdirSync(here).sort().map((name) => `lib/unrolled/explorables/js/${name}`);
sources.push("lib/unrolled/palette.json", "package-lock.json");
const hash = createHash("sha256");
for (const path of sources) hash.update(`${path}\0`).update(readFileSync(join(root, path))).update("\0");
const banner = `/* Built by "npm run build"; sources sha256:${hash.digest("hex")} */`;

const common = {
  bundle: true, minify: true, target: "es2020", charset: "utf8", legalComments: "none",
  absWorkingDir: root, banner: { js: banner, css: banner },
};
await build({ ...common, entryPoints: [join(here, "page.js")], format: "iife", globalName: "Unrolled", outfile: `${out}.js` });
await build({ ...common, entryPoints: [join(here, "anywidget.js")], format: "esm", outfile: `${out}.mjs` });

const palette = JSON.parse(readFileSync(join(root, "lib/unrolled/palette.json"), "utf8"));
const variables = (theme) =>
  Object.entries(palette).map(([key, entry]) => `--u-${key.replace("_", "-")}: ${entry[theme]};`).join(" ");
const css = readFileSync(join(here, "explorables.css"), "utf8")
  .replaceAll("--palette: light;", variables("light"))
  .replaceAll("--palette: dark;", variables("dark"));
await build({
  ...common, outfile: `${out}.css`,
  stdin: { contents: css, loader: "css", resolveDir: here },
});
for (const suffix of ["js", "mjs", "css"]) {
  const path = `${out}.${suffix}`;
  const text = readFileSync(path, "utf8");
  if (!text.startsWith(banner)) writeFileSync(path, `${banner}\n${text}`);
}
