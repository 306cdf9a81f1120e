// Package senml reads packs of Sensor Measurement Lists (RFC 8428), in JSON and in
// CBOR, and resolves them: base names, base times and base values are put into each
// record, and times that are relative become moments. Names that are paths of LwM2M
// objects (OMA LightweightM2M 1.1) are said in words, too.
//
// What is kept of a device is the pack as it came; the records are derived from it for
// whoever asks.
package senml
