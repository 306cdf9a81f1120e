// Reads a link and a scan, and writes what two other implementations find in them.
const { DigitalLink } = require('digital-link.js')
const barcode = require('gs1-barcode-parser-mod')
const [link, scan] = process.argv.slice(2)
const d = DigitalLink(link)
const made = DigitalLink()
made.setDomain('https://id.example.org')
made.setIdentifier('01', '09506000134352')
made.setKeyQualifier('10', 'L-1')
made.setKeyQualifier('21', 'SN42')
const found = {}
for (const e of barcode.parseBarcode(scan).parsedCodeItems) found[e.ai] = e.ai === '17' ? 'date' : e.data
console.log(JSON.stringify({
  valid: d.isValid(), identifier: d.getIdentifier(), qualifiers: d.getKeyQualifiers(), attributes: d.getAttributes(),
  made: made.toWebUriString(), found
}))
