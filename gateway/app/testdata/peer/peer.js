// Another's resolver of did:web: resolves the DIDs that it is given, and prints
// an array of their resolutions.
import { Resolver } from "did-resolver";
import { getResolver } from "web-did-resolver";

const resolver = new Resolver(getResolver());
const results = [];
for (const did of process.argv.slice(2)) results.push(await resolver.resolve(did));
console.log(JSON.stringify(results));
