// The same tool as `agentctl mcp` has, in the TypeScript SDK: it asks the same daemon over the same socket.
//   node sdk.mjs SDK_FOLDER SOCKET
import { request, Agent } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const [sdk, socketPath] = process.argv.slice(2);
const require = createRequire(join(sdk, "package.json"));
const { McpServer } = require("@modelcontextprotocol/sdk/server/mcp.js");
const { StdioServerTransport } = require("@modelcontextprotocol/sdk/server/stdio.js");
const { z } = require("zod");

// Kept connections, as ours.
const agent = new Agent({ keepAlive: true });

function get(path) {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path, agent, headers: { host: "localhost", "x-osmoda-role": "agent" } };
    request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

const event = z.object({
  id: z.number(),
  ts: z.string(),
  type: z.string(),
  actor: z.string(),
  payload: z.any(),
  prev_hash: z.string(),
  hash: z.string(),
});

const server = new McpServer({ name: "sdk", version: "1.0.0" });
server.registerTool(
  "event_log",
  {
    title: "Read the ledger",
    description: "events of the ledger, newest first",
    inputSchema: {
      type: z.string().max(128).optional(),
      actor: z.string().max(128).optional(),
      limit: z.number().int().min(1).max(1000).optional(),
      cursor: z.number().int().optional(),
    },
    outputSchema: { events: z.array(event), next_cursor: z.number().nullish() },
  },
  async (fields) => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value));
    const { status, body } = await get(`/events/log?${query}`);
    const answer = JSON.parse(body);
    if (status !== 200) return { isError: true, content: [{ type: "text", text: body }] };
    return { structuredContent: answer, content: [{ type: "text", text: JSON.stringify(answer) }] };
  },
);
await server.connect(new StdioServerTransport());
