// onnxruntime-web in headless Chromium: node web.mjs SUITE ANSWERS REPEATS CHROMIUM
// Everything is served from this process, on the loopback interface.

import { createServer } from "node:http";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [suite, answers, repeats, browserPath] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const TYPES = { ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const PAGE = '<!doctype html><script type="module" src="/page.mjs"></script>';
// Without these two a page may not have threads.
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
await mkdir(answers, { recursive: true });

function place(path) {
  if (path.startsWith("/suite/")) return join(suite, basename(path));
  if (path.startsWith("/modules/onnxruntime-web/dist/")) {
    return join(here, "node_modules", "onnxruntime-web", "dist", basename(path));
  }
  return join(here, basename(path));
}

async function serve(request, response) {
  const path = new URL(request.url, "http://localhost").pathname;
  try {
    if (request.method === "PUT") {
      const parts = [];
      for await (const part of request) parts.push(part);
      await writeFile(join(answers, basename(path)), Buffer.concat(parts));
      response.writeHead(204, ISOLATED).end();
      return;
    }
    const body = path === "/" ? PAGE : await readFile(place(path));
    const type = TYPES[path === "/" ? ".html" : extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type, ...ISOLATED }).end(body);
  } catch {
    response.writeHead(404, ISOLATED).end();
  }
}

const server = createServer(serve).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: browserPath, args: flags });
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction("globalThis.runSuite !== undefined");
  await page.evaluate((n) => globalThis.runSuite(n), Number(repeats));
} finally {
  await browser.close();
  server.close();
}
