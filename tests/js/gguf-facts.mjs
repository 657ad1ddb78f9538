// Prints what npm's @huggingface/gguf reads of a file, one fact a line, in a form that can be compared exactly:
//   key  type  value            (base64 of its text; floats as the hex of their 64-bit form)
//   key  [type]  count  sha256  (of the elements in that same form, one a line)
//   tensor  name  type  shape  offset
import { createHash } from 'node:crypto';
import { gguf } from '@huggingface/gguf';

const FLOATS = new Set([6, 12]);
const ARRAY = 9;

function text(value, type) {
  if (!FLOATS.has(type)) return String(value);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

const file = await gguf(process.argv[2], { allowLocalFile: true, typedMetadata: true });
for (const [key, entry] of Object.entries(file.typedMetadata)) {
  if (key === 'version' || key === 'tensor_count' || key === 'kv_count') {
    console.log([key, entry.value].join('\t'));
  } else if (entry.type === ARRAY) {
    const sum = createHash('sha256');
    for (const element of entry.value) sum.update(text(element, entry.subType) + '\n');
    console.log([key, `[${entry.subType}]`, entry.value.length, sum.digest('hex')].join('\t'));
  } else {
    console.log([key, entry.type, Buffer.from(text(entry.value, entry.type)).toString('base64')].join('\t'));
  }
}
for (const tensor of file.tensorInfos) {
  const at = Number(tensor.offset) + Number(file.tensorDataOffset);
  console.log(['tensor', tensor.name, tensor.dtype, tensor.shape.join('x'), at].join('\t'));
}
