// Runs Lighthouse, with its defaults for a phone, on one address after another in one Chromium.
// In, as JSON: { chromium, flags, addresses }. Out: a line of JSON a run, as Lighthouse reports it.
// An address may come several times; each run begins with empty caches and storage.
import { readFileSync } from "node:fs";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const { chromium, flags, addresses } = JSON.parse(readFileSync(0, "utf8"));
const chrome = await launch({ chromePath: chromium, chromeFlags: ["--headless=new", ...flags], logLevel: "silent" });
try {
  for (const address of addresses) {
    const { lhr } = await lighthouse(address, { port: chrome.port, logLevel: "silent", output: "json" });
    process.stdout.write(`${JSON.stringify(lhr)}\n`);
  }
} finally {
  chrome.kill();
}
