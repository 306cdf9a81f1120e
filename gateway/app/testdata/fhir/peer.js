// A hospital's program that uses fhir-kit-client: node peer.js BASE TOKEN UNIT
import Client from 'fhir-kit-client';

const [base, token, unit] = process.argv.slice(2);
const client = new Client({ baseUrl: base, bearerToken: token });
const observation = (n) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
  subject: { reference: 'Patient/peer' },
  device: { reference: `Device/${unit}` },
  effectiveDateTime: `2026-11-30T10:00:0${n}Z`,
  valueQuantity: { value: 60 + n, unit: 'beats/minute' },
});

const out = {};
const statement = await client.capabilityStatement();
out.version = statement.fhirVersion;
const smart = await (await fetch(`${base}/.well-known/smart-configuration`)).json();
out.token = smart.token_endpoint;

const created = await client.create({ resourceType: 'Observation', body: observation(0) });
out.created = created.id;
const read = await client.read({ resourceType: 'Observation', id: created.id });
out.read = read.valueQuantity.value;
const updated = await client.update({
  resourceType: 'Observation', id: created.id, body: { ...read, status: 'amended' },
});
out.updated = updated.meta.versionId;
const before = await client.vread({ resourceType: 'Observation', id: created.id, version: '1' });
out.before = before.status;
const history = await client.history({ resourceType: 'Observation', id: created.id });
out.history = history.entry.map((e) => e.resource.meta.versionId);

const transaction = await client.transaction({
  body: {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [1, 2, 3, 4].map((n) => ({
      fullUrl: `urn:uuid:00000000-0000-4000-8000-00000000000${n}`,
      resource: { ...observation(n), ...(n > 1 && { hasMember: [{ reference: 'urn:uuid:00000000-0000-4000-8000-000000000001' }] }) },
      request: { method: 'POST', url: 'Observation' },
    })),
  },
});
out.transaction = transaction.entry.map((e) => e.response.status);
const first = transaction.entry[0].response.location.split('/')[1];

let page = await client.search({ resourceType: 'Observation', searchParams: { patient: 'peer', code: 'http://loinc.org|8867-4', _count: 2 } });
out.found = [];
for (;;) {
  out.found.push(...page.entry.map((e) => e.resource.effectiveDateTime));
  if (!page.link.some((l) => l.relation === 'next')) break;
  page = await client.nextPage({ bundle: page });
}
const members = await client.resourceSearch({ resourceType: 'Observation', searchParams: { 'has-member': first } });
out.members = members.total;
const posted = await client.search({
  resourceType: 'Observation', searchParams: { date: ['ge2026-11-30T10:00:02Z', 'lt2026-11-30T10:00:04Z'] }, options: { postSearch: true },
});
out.posted = posted.total;

const batch = await client.batch({
  body: {
    resourceType: 'Bundle',
    type: 'batch',
    entry: [
      { request: { method: 'GET', url: `Observation/${created.id}` } },
      { request: { method: 'GET', url: 'Observation/none' } },
    ],
  },
});
out.batch = batch.entry.map((e) => e.response.status);

try {
  await client.create({ resourceType: 'Observation', body: { resourceType: 'Observation', status: 'done' } });
} catch (error) {
  out.refused = [error.response.status, error.response.data.resourceType, ...error.response.data.issue.map((i) => i.expression[0])];
}
console.log(JSON.stringify(out));
