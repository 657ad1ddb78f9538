// npm's `openai` client against Stoker: arguments are the base address, a model and one that is not there.
// Prints what it saw as one JSON object.
import OpenAI from 'openai';

const [baseURL, model, missing] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: process.env.TEST_KEY ?? 'none', maxRetries: 0 });
const messages = [{ role: 'user', content: 'Hello there' }];
const shared = { model, messages, seed: 7, temperature: 1, chat_template: 'chatml' };

const models = [];
for await (const listed of client.models.list()) models.push(listed.id);

let streamed = '';
let chunks = 0;
let usage = null;
let finish = null;
const stream = await client.chat.completions.create({ ...shared, max_tokens: 24, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  const [choice] = chunk.choices;
  streamed += choice?.delta?.content ?? '';
  if (choice?.delta?.content) chunks++;
  finish = choice?.finish_reason ?? finish;
  usage = chunk.usage ?? usage;
}

const whole = await client.chat.completions.create({ ...shared, max_tokens: 24, logprobs: true, top_logprobs: 3 });
const grammar = 'root ::= "{\\"ok\\": " ( "true" | "false" ) ", \\"count\\": " [1-9] [0-9]? "}"';
const constrained = await client.chat.completions.create({ ...shared, max_tokens: 64, grammar });
const completion = await client.completions.create({ model, prompt: 'Once', max_tokens: 8, seed: 7, temperature: 1 });

// Leaving in the middle must leave the server well.
const left = await client.chat.completions.create({ ...shared, stream: true });
for await (const _ of left) break;

let error = null;
try {
  await client.chat.completions.create({ model: missing, messages });
} catch (problem) {
  error = { kind: problem.constructor.name, status: problem.status, code: problem.code, param: problem.param, type: problem.type };
}

console.log(JSON.stringify({
  models, streamed, chunks, usage, finish, error,
  whole: whole.choices[0].message.content,
  wholeUsage: whole.usage,
  logprobs: whole.choices[0].logprobs.content.map(token => token.top_logprobs.length),
  constrained: JSON.parse(constrained.choices[0].message.content),
  completion: completion.choices[0].text,
}));
