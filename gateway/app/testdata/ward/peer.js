// A device behind an edge box: publishes numbered readings one after the other, over a
// connection that it makes again when it is lost, and is refused what it may not. Writes
// what it was told as JSON. Arguments: port, how many readings.
import mqtt from 'mqtt'

const [port, count] = process.argv.slice(2).map(Number)
const mine = 'secant/v1/bench/PUMP-7/'
const client = mqtt.connect({ host: '127.0.0.1', port, protocol: 'mqtt', protocolVersion: 5, clientId: 'pump', clean: false, reconnectPeriod: 50,
  properties: { sessionExpiryInterval: 600 } })
client.on('error', () => {}) // it connects again
let connections = 0
client.on('connect', () => { connections++ })

const publish = (topic, body, properties) => new Promise(resolve => {
  client.publish(topic, body, { qos: 1, properties }, (err, packet) => resolve(err ? { code: err.code, reason: err.message } : packet?.reasonCode || 0))
})
const codes = []
for (let i = 0; i < count; i++) {
  codes.push(await publish(mine + 'readings', JSON.stringify({ value: i }), { contentType: 'application/json', userProperties: { 'Secant-Id': String(i) } }))
  await new Promise(resolve => setTimeout(resolve, 10))
}
codes.push(await publish(mine + 'readings', '{"value":"a"}\n{"value":"b"}\n', { contentType: 'application/x-ndjson', userProperties: { 'Secant-Id': 'many' } }))
const refusals = [
  await publish('secant/v1/bench/PUMP-8/readings', '{}'),
  await publish(mine + 'readings', '{"a":1,"a":2}'),
  await publish(mine + 'readings', '{"a":1}', { userProperties: { 'Secant-Seed': 'A'.repeat(43), 'Secant-Signature': 'A'.repeat(86) } })
]
await client.endAsync()
process.stdout.write(JSON.stringify({ codes, refusals, connections }), () => process.exit(0))
