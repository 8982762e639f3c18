// The parsers of the JavaScript world, as judges: each line of stdin is {"oracle", "status", "type", "body" (base64)}, the
// bytes of a reply; each line of stdout is what that parser made of it: {"ok", "text", "tools", "finish", "error"}.
// No socket is opened: a `fetch` of ours answers every call with the bytes.
import { createInterface } from "node:readline";
import { streamText, generateText, tool, jsonSchema } from "ai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const KEY = "sk-FAKE-judge";
const BASE = "http://127.0.0.1:9/v1";
const any = jsonSchema({ type: "object", additionalProperties: true });
const tools = { get_weather: tool({ inputSchema: any }), bash: tool({ inputSchema: any }), list_dir: tool({ inputSchema: any }) };

function answering({ status, type, body }) {
  const bytes = Buffer.from(body, "base64");
  return async () => {
    const stream = new ReadableStream({
      start(controller) {
        if (bytes.length) controller.enqueue(new Uint8Array(bytes));
        controller.close();
      },
    });
    return new Response(stream, { status: status ?? 200, headers: { "content-type": type ?? "text/event-stream" } });
  };
}

async function aiSdk(model, whole) {
  const asked = { model, prompt: "hi", tools, maxRetries: 0 };
  if (whole) {
    const result = await generateText(asked);
    return { text: result.text, tools: result.toolCalls.map(({ toolName, input }) => [toolName, input]), finish: result.finishReason, usage: [result.totalUsage.inputTokens, result.totalUsage.outputTokens] };
  }
  let text = "", thinking = "", finish = null, usage = null, cached = null;
  const calls = [];
  const result = streamText({ ...asked, onError() {} });
  for await (const part of result.fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "text-delta") text += part.text;
    if (part.type === "reasoning-delta") thinking += part.text;
    if (part.type === "tool-call") {
      if (part.invalid) throw part.error;
      calls.push([part.toolName, part.input]);
    }
    if (part.type === "finish") {
      finish = part.finishReason;
      usage = [part.totalUsage.inputTokens ?? null, part.totalUsage.outputTokens ?? null];
      cached = part.totalUsage.inputTokenDetails?.cacheReadTokens ?? part.totalUsage.cachedInputTokens ?? 0;
    }
  }
  return { text, thinking, tools: calls, finish, usage, cached };
}

const chatOf = (completion) => {
  const { message, finish_reason } = completion.choices[0];
  const called = (message.tool_calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  const usage = completion.usage && [completion.usage.prompt_tokens, completion.usage.completion_tokens];
  return { text: message.content ?? "", tools: called, finish: finish_reason, usage };
};
const messageOf = (message) => ({
  text: message.content.filter((block) => block.type === "text").map((block) => block.text).join(""),
  tools: message.content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input]),
  finish: message.stop_reason,
  usage: [message.usage.input_tokens, message.usage.output_tokens],
});
const responseOf = (response) => {
  if (response.error) throw new Error(response.error.message); // it is given, not thrown, and says so itself
  return said(response);
};
const said = (response) => ({
  text: response.output.filter((item) => item.type === "message").flatMap((item) => item.content).map((part) => part.text ?? "").join(""),
  tools: response.output.filter((item) => item.type === "function_call").map((item) => [item.name, JSON.parse(item.arguments)]),
  finish: response.status,
  usage: response.usage && [response.usage.input_tokens, response.usage.output_tokens],
});

const ask = { model: "m", messages: [{ role: "user", content: "hi" }] };
const ORACLES = {
  "ai-sdk/anthropic": (given, whole) => aiSdk(createAnthropic({ apiKey: KEY, baseURL: BASE, fetch: answering(given) })("m"), whole),
  "ai-sdk/openai": (given, whole) => aiSdk(createOpenAI({ apiKey: KEY, baseURL: BASE, fetch: answering(given) }).chat("m"), whole),
  "ai-sdk/openai-responses": (given, whole) => aiSdk(createOpenAI({ apiKey: KEY, baseURL: BASE, fetch: answering(given) }).responses("m"), whole),
  "ai-sdk/openai-compatible": (given, whole) => aiSdk(createOpenAICompatible({ name: "lab", apiKey: KEY, baseURL: BASE, fetch: answering(given) })("m"), whole),
  "anthropic-node": async (given, whole) => {
    const client = new Anthropic({ apiKey: KEY, baseURL: BASE, maxRetries: 0, fetch: answering(given) });
    if (whole) return messageOf(await client.messages.create({ ...ask, max_tokens: 9 }));
    return messageOf(await client.messages.stream({ ...ask, max_tokens: 9 }).finalMessage());
  },
  "openai-node": async (given, whole) => {
    const client = new OpenAI({ apiKey: KEY, baseURL: BASE, maxRetries: 0, fetch: answering(given) });
    if (whole) return chatOf(await client.chat.completions.create(ask));
    return chatOf(await client.chat.completions.stream(ask).finalChatCompletion());
  },
  "openai-node/responses": async (given, whole) => {
    const client = new OpenAI({ apiKey: KEY, baseURL: BASE, maxRetries: 0, fetch: answering(given) });
    if (whole) return responseOf(await client.responses.create({ model: "m", input: "hi" }));
    return responseOf(await client.responses.stream({ model: "m", input: "hi" }).finalResponse());
  },
};

const spoken = (error) => `${error?.name ?? "Error"}: ${error?.message ?? JSON.stringify(error)}`.split("\n")[0].slice(0, 300);
process.on("unhandledRejection", () => {}); // the same error again, from a promise that nobody holds
process.on("uncaughtException", () => {}); // openai-node 6 throws out of an iterator's callback
globalThis.AI_SDK_LOG_WARNINGS = false;
console.error = console.warn = console.log = () => {};

for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line);
  let answer;
  let timer;
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("it hangs")), 3000);
    });
    answer = { ok: true, ...(await Promise.race([ORACLES[given.oracle](given, given.whole ?? false), late])) };
  } catch (error) {
    answer = { ok: false, error: spoken(error) };
  } finally {
    clearTimeout(timer);
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
