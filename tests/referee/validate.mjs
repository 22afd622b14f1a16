// Reads AsyncAPI documents from stdin, one JSON document on each line, and answers each with one line: the diagnostics of the
// official parser as [{severity, code, message, path}]. Severity is Spectral's: 0 error, 1 warning, 2 information, 3 hint.
import { createInterface } from "node:readline";
import { Parser } from "@asyncapi/parser";

const parser = new Parser();
for await (const line of createInterface({ input: process.stdin })) {
  const diagnostics = await parser.validate(line);
  const told = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join("/") }));
  process.stdout.write(JSON.stringify(told) + "\n");
}
