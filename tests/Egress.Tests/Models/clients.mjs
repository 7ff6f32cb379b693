// Asks a model once, by the client library of one provider: node clients.mjs PROVIDER whole|stream ADDRESS PORT FOLDER
// Every connection goes to PORT of this machine, whatever the address says.
import net from 'node:net';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [provider, mode, address, port, folder] = process.argv.slice(2);
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  if (typeof options === 'object' && options.port) {
    Object.assign(options, { host: '127.0.0.1', port: Number(port), path: undefined });
  }
  return connect.apply(this, given);
};

const require = createRequire(pathToFileURL(path.join(folder, 'any.js')));
const load = async (name) => await import(pathToFileURL(require.resolve(name)).href);
const stream = mode === 'stream';
const messages = [{ role: 'user', content: 'Say "model".' }];
let text = '';

async function each(answer, take) {
  if (stream) {
    for await (const part of answer) text += take(part) ?? '';
  } else {
    text += take(answer) ?? '';
  }
}

const openai = async () => new (await load('openai')).OpenAI({ apiKey: 'k', baseURL: `${address}/v1`, maxRetries: 0 });
const chatText = (part) => (part.choices[0]?.delta ?? part.choices[0]?.message)?.content;
const providers = {
  'openai-chat': async () =>
    await each(await (await openai()).chat.completions.create({ model: 'm', messages, stream, max_completion_tokens: 100, ...(stream && { stream_options: { include_usage: true } }) }), chatText),
  'openai-completions': async () =>
    await each(await (await openai()).completions.create({ model: 'm', prompt: 'x', stream, max_tokens: 100, ...(stream && { stream_options: { include_usage: true } }) }), (part) => part.choices[0]?.text),
  'openai-responses': async () =>
    await each(await (await openai()).responses.create({ model: 'm', input: 'x', stream, max_output_tokens: 100 }), (part) => (stream ? (part.type === 'response.output_text.delta' ? part.delta : '') : part.output_text)),
  'openai-embeddings': async () => { text += (await (await openai()).embeddings.create({ model: 'm', input: 'x', encoding_format: 'float' })).data.length === 1 ? 'Hello' : ''; },
  azure: async () => {
    const client = new (await load('openai')).AzureOpenAI({ apiKey: 'k', endpoint: address, apiVersion: '2024-10-21', deployment: 'm', maxRetries: 0 });
    await each(await client.chat.completions.create({ model: 'm', messages, stream, max_tokens: 100, ...(stream && { stream_options: { include_usage: true } }) }), chatText);
  },
  anthropic: async () => {
    const client = new (await load('@anthropic-ai/sdk')).Anthropic({ apiKey: 'k', baseURL: address, maxRetries: 0 });
    await each(await client.messages.create({ model: 'm', messages, stream, max_tokens: 100 }), (part) => (stream ? part.delta?.text : part.content[0].text));
  },
  gemini: async () => {
    const client = new (await load('@google/genai')).GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: address } });
    const question = { model: 'm', contents: 'x', config: { maxOutputTokens: 100 } };
    await each(stream ? await client.models.generateContentStream(question) : await client.models.generateContent(question), (part) => part.text);
  },
  ollama: async () => {
    const client = new (await load('ollama')).Ollama({ host: address });
    await each(await client.chat({ model: 'm', messages, stream, options: { num_predict: 100 } }), (part) => part.message.content);
  },
  bedrock: async () => {
    const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } = await load('@aws-sdk/client-bedrock-runtime');
    const client = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: address, token: { token: 'k' }, authSchemePreference: ['httpBearerAuth'], maxAttempts: 1 });
    const question = { modelId: 'vendor.m-v1:0', messages: [{ role: 'user', content: [{ text: 'x' }] }], inferenceConfig: { maxTokens: 100 } };
    const answer = await client.send(stream ? new ConverseStreamCommand(question) : new ConverseCommand(question));
    await each(stream ? answer.stream : answer, (part) => (stream ? part.contentBlockDelta?.delta?.text : part.output.message.content[0].text));
    client.destroy();
  },
  'bedrock-invoke': async () => {
    const { BedrockRuntimeClient, InvokeModelCommand, InvokeModelWithResponseStreamCommand } = await load('@aws-sdk/client-bedrock-runtime');
    const client = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: address, token: { token: 'k' }, authSchemePreference: ['httpBearerAuth'], maxAttempts: 1 });
    const question = { modelId: 'vendor.m-v1:0', contentType: 'application/json', body: JSON.stringify({ max_tokens: 100 }) };
    const answer = await client.send(stream ? new InvokeModelWithResponseStreamCommand(question) : new InvokeModelCommand(question));
    await each(stream ? answer.body : answer, (part) => JSON.parse(new TextDecoder().decode(stream ? part.chunk.bytes : part.body)).text);
    client.destroy();
  },
};

await providers[provider]();
console.log(text);
