// Runs the suite in one of ONNX Runtime's JavaScript packages. What differs between them is `place`:
//   read(file) -> bytes, write(file, bytes), options(entry) -> what a session is made with, source(entry) -> its model.

const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array };

export async function runSuite(ort, place, repeats) {
  const entries = JSON.parse(new TextDecoder().decode(await place.read("suite.json")));
  const report = { version: ort.env.versions[place.component] ?? ort.env.versions.common, tasks: {} };
  for (const entry of entries) report.tasks[entry.name] = await attempt(ort, place, entry, repeats);
  await place.write("report.json", new TextEncoder().encode(JSON.stringify(report)));
}

async function attempt(ort, place, entry, repeats) {
  try {
    const feeds = {};
    for (const { name, dtype, shape, file } of entry.inputs) {
      const bytes = await place.read(file);
      const aligned = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      feeds[name] = new ort.Tensor(dtype, new ARRAYS[dtype](aligned), shape);
    }
    const options = { freeDimensionOverrides: entry.sizes, logSeverityLevel: 3, ...(await place.options(entry)) };
    const session = await ort.InferenceSession.create(await place.source(entry), options);
    const outputs = await session.run(feeds, entry.outputs);
    for (const [name, { data }] of Object.entries(outputs)) {
      await place.write(`${entry.name}.${name}.bin`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    const seconds = [];
    for (let i = 0; i < repeats; i++) {
      const begin = performance.now();
      await session.run(feeds, entry.outputs);
      seconds.push((performance.now() - begin) / 1000);
    }
    await session.release();
    return { seconds };
  } catch (error) {
    return { error: String(error.message ?? error).split("\n")[0].slice(0, 300) };
  }
}
