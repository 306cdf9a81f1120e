// Package hl7 reads HL7 v2 messages as devices and their gateways send them
// (HL7 v2.3 to v2.6, chapter 2; IHE Devices Technical Framework, volume 2), and
// makes the acknowledgements that they wait for. It changes nothing that it reads:
// a message's bytes are what is kept and proven.
package hl7
