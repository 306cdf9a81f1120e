// A monitor's gateway: sends what it is told over TLS with a certificate of its own,
// and writes the answers as JSON. Arguments: port, folder of the certificates, number
// of readings.
import fs from 'node:fs'
import path from 'node:path'
import { Client, HL7_2_6 } from 'node-hl7-client'

const [port, folder, count] = process.argv.slice(2)
const file = name => fs.readFileSync(path.join(folder, name))
const client = new Client({
  host: 'localhost',
  version: '2.6',
  tls: { key: file('key.pem'), cert: file('certificate.pem'), ca: file('root.pem'), rejectUnauthorized: true }
})
const answers = []
let answered
const connection = client.createConnection({ port: Number(port), waitAck: true }, async res => {
  const message = res.getMessage()
  answers.push(['MSA.1', 'MSA.2', 'MSA.3'].map(at => message.get(at).toString()))
  answered()
})
for (let i = 0; i < Number(count); i++) {
  const message = new HL7_2_6()
    .buildMSH({ msh_3: 'GATEWAY', msh_4: 'ICU', msh_9_1: 'ORU', msh_9_2: 'R01', msh_9_3: 'ORU_R01', msh_10: 'M' + i, msh_11_1: 'P' })
    .toMessage()
  message.addSegment('OBX').set('1', '1').set('2', 'NM').set('3', '147842^MDC_ECG_HEART_RATE^MDC').set('5', String(60 + i))
  const told = new Promise(resolve => { answered = resolve })
  await connection.sendMessage(message)
  await told
}
await connection.close()
process.stdout.write(JSON.stringify(answers), () => process.exit(0))
