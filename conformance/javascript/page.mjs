// What the browser runs: onnxruntime-web on WebAssembly. Files come from the server of web.mjs and go back there.

import * as ort from "/modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { runSuite } from "/suite.mjs";

ort.env.wasm.wasmPaths = "/modules/onnxruntime-web/dist/";

async function read(file) {
  const answer = await fetch(`/suite/${file}`);
  if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

const place = {
  component: "web",
  read,
  write: (file, bytes) => fetch(`/answers/${file}`, { method: "PUT", body: bytes.slice() }),
  options: async ({ external }) =>
    external ? { externalData: [{ path: external, data: await read(external) }] } : {},
  source: ({ file }) => read(file),
};

globalThis.runSuite = (repeats) => runSuite(ort, place, repeats);
