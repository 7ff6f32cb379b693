// A model that is a script: node model.mjs COMMAND [CERTIFICATE KEY]
// Asked with tools and without a result of one, it wants COMMAND run in a shell; asked again, it says that it is done. Each answer is 11 tokens in and 7 out.
// The first line of its output is its port; each request follows as a line of JSON.
import http from 'node:http';
import https from 'node:https';
import fs from 'node:fs';

const [command, certificate, key] = process.argv.slice(2);
const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 18 };
const chatUsage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const done = 'The work is done.';

// The name of the shell's tool and what it takes, among those that an agent offers.
function shell(tools) {
  const names = tools.map((tool) => tool.name ?? tool.function?.name);
  const name = ['exec_command', 'shell_command', 'shell', 'local_shell', 'Bash', 'bash', 'run_shell_command'].find((known) => names.includes(known));
  const given = {
    exec_command: { cmd: command, yield_time_ms: 20000 },
    shell_command: { command },
    shell: { command: ['bash', '-lc', command] },
    Bash: { command, description: 'Runs the command' },
    bash: { command, description: 'Runs the command' },
    run_shell_command: { command, description: 'Runs the command' },
  };
  return name && { name, arguments: given[name] };
}

function events(response, parts, named = true) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  for (const part of parts) {
    response.write(`${named && part.type ? `event: ${part.type}\n` : ''}data: ${typeof part === 'string' ? part : JSON.stringify(part)}\n\n`);
  }
  response.end();
}

function responses(body, response) {
  const call = body.input?.some?.((item) => item.type === 'function_call_output') ? undefined : shell(body.tools ?? []);
  const item = call
    ? { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: call.name, arguments: JSON.stringify(call.arguments), status: 'completed' }
    : { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: done, annotations: [] }] };
  const whole = { id: 'resp_1', object: 'response', status: 'completed', model: body.model, output: [item], usage: { ...usage, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } } };
  events(response, [
    { type: 'response.created', response: { ...whole, status: 'in_progress', output: [], usage: null } },
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: whole },
  ]);
}

function messages(body, response) {
  const isAnswered = JSON.stringify(body.messages).includes('"tool_result"');
  const call = isAnswered ? undefined : shell(body.tools ?? []);
  const content = call ? { type: 'tool_use', id: 'toolu_1', name: call.name, input: call.arguments } : { type: 'text', text: done };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: body.model, content: [content], stop_reason: call ? 'tool_use' : 'end_turn', stop_sequence: null, usage: { input_tokens: 11, output_tokens: 7 } };
  if (!body.stream) {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(message));
    return;
  }
  events(response, [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 11, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: call ? { ...content, input: {} } : { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: call ? { type: 'input_json_delta', partial_json: JSON.stringify(call.arguments) } : { type: 'text_delta', text: done } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage: { output_tokens: 7 } },
    { type: 'message_stop' },
  ]);
}

function chat(body, response) {
  const call = body.messages.some((message) => message.role === 'tool') ? undefined : shell(body.tools ?? []);
  const said = call
    ? { role: 'assistant', tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: call.name, arguments: JSON.stringify(call.arguments) } }] }
    : { role: 'assistant', content: done };
  const finish = call ? 'tool_calls' : 'stop';
  const common = { id: 'chat_1', model: body.model, created: 1 };
  if (!body.stream) {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ ...common, object: 'chat.completion', choices: [{ index: 0, message: said, finish_reason: finish }], usage: chatUsage }));
    return;
  }
  const chunk = { ...common, object: 'chat.completion.chunk' };
  events(response, [
    { ...chunk, choices: [{ index: 0, delta: said, finish_reason: null }] },
    { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: finish }] },
    { ...chunk, choices: [], usage: chatUsage },
    '[DONE]',
  ]);
}

function gemini(path, body, response) {
  const tools = (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []);
  const call = JSON.stringify(body.contents).includes('"functionResponse"') ? undefined : shell(tools);
  const answer = {
    candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [call ? { functionCall: { name: call.name, args: call.arguments } } : { text: done }] } }],
    modelVersion: 'script',
    usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 },
  };
  if (path.endsWith(':streamGenerateContent')) {
    events(response, [answer]);
    return;
  }
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(answer));
}

function answer(request, text, response) {
  const path = request.url.split('?')[0];
  const sent = request.headers['x-api-key'] ?? request.headers['x-goog-api-key'] ?? request.headers.authorization ?? '';
  console.log(JSON.stringify({ method: request.method, path, key: sent.replace('Bearer ', '') }));
  const body = request.method === 'POST' && text ? JSON.parse(text) : {};
  if (request.method === 'POST' && path.endsWith('/responses')) responses(body, response);
  else if (request.method === 'POST' && path.endsWith('/messages')) messages(body, response);
  else if (request.method === 'POST' && path.endsWith('/chat/completions')) chat(body, response);
  else if (request.method === 'POST' && path.toLowerCase().endsWith('generatecontent')) gemini(path, body, response);
  else {
    response.writeHead(404, { 'Content-Type': 'application/json' });
    response.end('{"error":{"message":"nothing here"}}');
  }
}

function serve(request, response) {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => answer(request, Buffer.concat(pieces).toString(), response));
}

const server = certificate ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, serve) : http.createServer(serve);
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
