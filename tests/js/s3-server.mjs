// A store that speaks S3, written by others, in a folder. Prints its port; ends when its standard input does.
import S3rver from "s3rver";

const [directory, ...buckets] = process.argv.slice(2);
const server = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory, configureBuckets: buckets.map((name) => ({ name, configs: [] })) });
const address = await server.run();
console.log(`port ${address.port}`);
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
