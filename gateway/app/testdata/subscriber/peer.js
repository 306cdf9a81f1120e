// A program that subscribes with fhir-kit-client: node peer.js BASE TOKEN ENDPOINT
import Client from 'fhir-kit-client';

const [base, token, endpoint] = process.argv.slice(2);
const client = new Client({ baseUrl: base, bearerToken: token });
const out = {};
const statement = await client.capabilityStatement();
out.interactions = statement.rest[0].resource.find((r) => r.type === 'Subscription').interaction.map((i) => i.code);

const wish = {
  resourceType: 'Subscription',
  status: 'requested',
  reason: 'Heart rates of one patient',
  criteria: 'Observation?code=http://loinc.org|8867-4&subject=Patient/peer',
  channel: { type: 'rest-hook', endpoint, payload: 'application/fhir+json' },
};
const created = await client.create({ resourceType: 'Subscription', body: wish });
out.created = created.status;
out.secret = Client.httpFor(created).response.headers.get('secant-webhook-secret');

let now = created;
for (let i = 0; i < 200 && now.status === 'requested'; i += 1) {
  await new Promise((done) => { setTimeout(done, 50); });
  now = await client.read({ resourceType: 'Subscription', id: created.id });
}
out.active = now.status;
out.found = (await client.search({ resourceType: 'Subscription', searchParams: { status: 'active' } })).total;

await client.create({
  resourceType: 'Observation',
  body: {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
    subject: { reference: 'Patient/peer' },
    valueQuantity: { value: 61, unit: 'beats/minute' },
  },
});

try {
  await client.create({ resourceType: 'Subscription', body: { ...wish, criteria: 'Observation?colour=red' } });
} catch (e) {
  out.refused = [e.response.status, e.response.data.issue[0].expression[0]];
}
await new Promise((done) => { setTimeout(done, 2000); });
out.off = (await client.update({ resourceType: 'Subscription', id: created.id, body: { ...now, status: 'off' } })).status;
console.log(JSON.stringify(out));
