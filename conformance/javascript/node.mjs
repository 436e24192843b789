// onnxruntime-node: node node.mjs SUITE ANSWERS REPEATS

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ort from "onnxruntime-node";
import { runSuite } from "./suite.mjs";

const [suite, answers, repeats] = process.argv.slice(2);
await mkdir(answers, { recursive: true });
const place = {
  component: "node",
  read: (file) => readFile(join(suite, file)),
  write: (file, bytes) => writeFile(join(answers, file), bytes),
  options: () => ({}),
  source: (entry) => join(suite, entry.file),
};
await runSuite(ort, place, Number(repeats));
