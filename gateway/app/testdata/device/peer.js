// A device: publishes readings, a state, and what must be refused, over TLS with a
// certificate of its own; another is lost and leaves a will. Writes what it was told
// as JSON. Arguments: port, folder of the certificates, seed and signature of readings
// that are signed, and these in base64.
import fs from 'node:fs'
import path from 'node:path'
import mqtt from 'mqtt'

const [port, folder, seed, signature, signed] = process.argv.slice(2)
const file = name => fs.readFileSync(path.join(folder, name))
const options = {
  host: 'localhost', port: Number(port), protocol: 'mqtts', protocolVersion: 5, reconnectPeriod: 0,
  key: file('key.pem'), cert: file('certificate.pem'), ca: file('root.pem'), rejectUnauthorized: true
}
const mine = 'secant/v1/icu/PUMP-7/'

const client = mqtt.connect({ ...options, clientId: 'pump' })
const connack = await new Promise((resolve, reject) => { client.once('connect', resolve); client.once('error', reject) })

// publish resolves to the receipt, or to code and reason of a refusal.
const publish = (topic, body, properties = {}, retain = false) => new Promise(resolve => {
  const answered = packet => {
    if (packet.cmd !== 'puback') return
    client.off('packetreceive', answered)
    resolve(packet.reasonCode ? { code: packet.reasonCode, reason: packet.properties.reasonString } : packet.properties.userProperties.receipt)
  }
  client.on('packetreceive', answered)
  client.publish(topic, body, { qos: 1, retain, properties }, () => {})
})
const heard = topic => new Promise(resolve => {
  client.on('message', (at, payload, packet) => { if (at === topic) resolve([payload.toString(), packet.properties.userProperties?.receipt]) })
})
const receipts = [await publish(mine + 'readings', '{"value":0}', { contentType: 'application/json' })]
receipts.push(await publish(mine + 'readings', '{"value":10}\n{"value":11}\n', { contentType: 'application/x-ndjson' }))
receipts.push(await publish(mine + 'readings', Buffer.from(signed, 'base64'), {
  contentType: 'application/x-ndjson', userProperties: { 'Secant-Seed': seed, 'Secant-Signature': signature }
}))
receipts.push(await publish(mine + 'state', '{"battery":80}', { contentType: 'application/json' }, true))

const refusals = [
  await publish('secant/v1/icu/PUMP-8/readings', '{}'),
  await publish('elsewhere', '{}'),
  await publish(mine + 'readings', '{"a":1,"a":2}')
]

const state = heard(mine + 'state')
const event = heard(mine + 'events')
await client.subscribeAsync('secant/v1/icu/+/state')
await client.subscribeAsync('secant/v1/icu/+/events')
const lost = mqtt.connect({ ...options, clientId: 'lost', will: { topic: mine + 'events', payload: '{"lost":true}', qos: 1 } })
await new Promise((resolve, reject) => { lost.once('connect', resolve); lost.once('error', reject) })
lost.stream.destroy()
const [payload, receipt] = await event
const answer = { maximumQoS: connack.properties.maximumQoS, receipts, state: (await state)[0], refusals, event: { payload, receipt } }
await client.endAsync()
process.stdout.write(JSON.stringify(answer), () => process.exit(0))
