// Prints what npm's @huggingface/hub reads of a repository on a hub, one fact a line:
//   model  id  gated
//   file  path  size  sha256-or-oid          (from the list)
//   download  path  size  sha256             (from the bytes)
//   range  path  sha256                      (of bytes 1000 to 1999)
//   exists  path  true|false
//   refused  status                          (without the token)
import { createHash } from 'node:crypto';
import { checkRepoAccess, downloadFile, fileDownloadInfo, fileExists, listFiles, modelInfo } from '@huggingface/hub';

const [hubUrl, repo, token] = process.argv.slice(2);
const where = { repo, hubUrl, accessToken: token || undefined };
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const info = await modelInfo({ name: repo, hubUrl, accessToken: where.accessToken });
console.log(['model', info.name, String(info.gated)].join('\t'));
const paths = [];
for await (const file of listFiles({ ...where, recursive: true })) {
  if (file.type !== 'file') continue;
  paths.push(file.path);
  console.log(['file', file.path, file.size, file.lfs?.oid ?? file.oid].join('\t'));
}
for (const path of paths) {
  const about = await fileDownloadInfo({ ...where, path });
  const blob = await downloadFile({ ...where, path });
  const bytes = Buffer.from(await blob.arrayBuffer());
  if (about.size !== bytes.length) throw new Error(`${path}: announced ${about.size}, got ${bytes.length}`);
  console.log(['download', path, bytes.length, sha256(bytes)].join('\t'));
  if (bytes.length < 2000) continue;
  const part = Buffer.from(await blob.slice(1000, 2000).arrayBuffer());
  console.log(['range', path, sha256(part)].join('\t'));
}
for (const path of [paths[0], 'absent.gguf']) console.log(['exists', path, await fileExists({ ...where, path })].join('\t'));
try {
  await checkRepoAccess({ repo: 'org/absent', hubUrl });
} catch (refused) {
  console.log(['refused', refused.statusCode].join('\t'));
}
